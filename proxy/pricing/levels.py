"""Why a margin is what it is: the six levels in the order in which they are looked at, and the one that decides."""

from decimal import Decimal

from msgspec import Struct

from proxy.pricing.cascade import DEFAULT_PCT, MarginTable, Slot


class Look(Struct, frozen=True):
    """One level of the cascade. `pct` is None where nothing was set there; the first level that has one wins.

    `default` marks the global margin that holds where the operator set none.
    """

    level: str
    slot: Slot
    pct: Decimal | None
    wins: bool
    default: bool = False


def look(table: MarginTable, tenant: str | None, integration: str | None, unit: str | None) -> tuple[Look, ...]:
    """Return the levels that a meter's margin is looked for at, narrowest first; exactly one of them wins.

    A level that needs what is None (no tenant, no integration, no unit) is left out, so only a whole question
    gets all six.
    """
    slots: dict[str, Slot] = {}
    for level, slot in (
        ("tenant_meter", (tenant, integration, unit)),
        ("tenant_integration", (tenant, integration, None)),
        ("tenant", (tenant, None, None)),
        ("meter", (None, integration, unit)),
        ("integration", (None, integration, None)),
    ):
        needed = {"tenant": tenant, "integration": integration, "meter": unit}
        if all(needed[part] is not None for part in _parts(level)):
            slots[level] = slot
    found: list[Look] = []
    for level, slot in slots.items():
        pct = table.slots.get(slot)
        found.append(Look(level, slot, pct, pct is not None and not any(each.wins for each in found)))
    everywhere = table.slots.get((None, None, None))
    last = DEFAULT_PCT if everywhere is None else everywhere
    lost = any(each.wins for each in found)
    return (*found, Look("global", (None, None, None), last, not lost, everywhere is None))


def winner(looks: tuple[Look, ...]) -> Look:
    """Return the level that decides."""
    return next(each for each in looks if each.wins)


def _parts(level: str) -> tuple[str, ...]:
    """Return what a level needs: a meter also needs its integration."""
    parts = tuple(level.split("_"))
    return (*parts, "integration") if "meter" in parts else parts
