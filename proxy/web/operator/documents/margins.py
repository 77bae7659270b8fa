"""Margins in force."""

from msgspec import Struct

from proxy.clock import timestamp
from proxy.pricing.cascade import level_of
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


def margin_document(row: MarginRow) -> MarginDocument:
    """Show a margin."""
    tenant, integration, unit = row.slot
    return MarginDocument(
        level=level_of(row.slot),
        tenant=tenant,
        integration=integration,
        meter=f"{integration}.{unit}" if unit else None,
        pct=row.pct,
        version=row.version,
        set_at=timestamp(row.set_at),
    )
