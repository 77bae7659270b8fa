"""Margins in force, and why one of them decides."""

from msgspec import Struct

from proxy.clock import timestamp
from proxy.pricing.cascade import level_of
from proxy.pricing.levels import Look, winner
from proxy.store.doors import MarginRow
from proxy.web.operator.documents.page import Time


class MarginDocument(Struct, frozen=True, kw_only=True):
    """A margin; `meter` is written `INTEGRATION.UNIT`. `pct` is null only in the answer that unset it."""

    level: str
    tenant: str | None
    integration: str | None
    meter: str | None
    pct: str | None
    version: int
    set_at: Time


class MarginList(Struct, frozen=True):
    """The margins in force; where none of them applies, `default_pct` does."""

    data: list[MarginDocument]
    default_pct: str


class LevelDocument(Struct, frozen=True, kw_only=True):
    """One level that was looked at. `pct` is null where none is set; `default` marks the built-in global one."""

    level: str
    tenant: str | None
    integration: str | None
    meter: str | None
    pct: str | None
    wins: bool
    default: bool


class MeterMargin(Struct, frozen=True, kw_only=True):
    """A meter whose margin is decided at a level of its own."""

    meter: str
    level: str
    pct: str


class MarginExplanation(Struct, frozen=True, kw_only=True):
    """Which margin holds, and the levels in the order in which they are looked at: the first that is set decides.

    `meters` are those that differ, where no meter was asked for.
    """

    tenant: str | None
    integration: str | None
    meter: str | None
    level: str
    pct: str
    version: int
    levels: list[LevelDocument]
    meters: list[MeterMargin]


def margin_document(row: MarginRow) -> MarginDocument:
    """Show a margin."""
    tenant, integration, unit = row.slot
    return MarginDocument(
        level=level_of(row.slot),
        tenant=tenant,
        integration=integration,
        meter=_meter(integration, unit),
        pct=row.pct,
        version=row.version,
        set_at=timestamp(row.set_at),
    )


def level_documents(looks: tuple[Look, ...]) -> list[LevelDocument]:
    """Show the levels that were looked at."""
    return [
        LevelDocument(
            level=each.level,
            tenant=each.slot[0],
            integration=each.slot[1],
            meter=_meter(each.slot[1], each.slot[2]),
            pct=None if each.pct is None else str(each.pct),
            wins=each.wins,
            default=each.default,
        )
        for each in looks
    ]


def explanation_document(
    asked: tuple[str | None, str | None, str | None],
    version: int,
    looks: tuple[Look, ...],
    meters: dict[str, tuple[Look, ...]],
) -> MarginExplanation:
    """Show why a margin is what it is. `meters` are the levels of units that may differ, by unit."""
    tenant, integration, unit = asked
    won = winner(looks)
    return MarginExplanation(
        tenant=tenant,
        integration=integration,
        meter=_meter(integration, unit),
        level=won.level,
        pct=str(won.pct),
        version=version,
        levels=level_documents(looks),
        meters=[
            MeterMargin(meter=f"{integration}.{each}", level=winner(own).level, pct=str(winner(own).pct))
            for each, own in sorted(meters.items())
            if winner(own).slot != won.slot
        ],
    )


def _meter(integration: str | None, unit: str | None) -> str | None:
    return f"{integration}.{unit}" if unit else None
