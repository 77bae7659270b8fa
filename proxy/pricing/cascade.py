"""The margin cascade: six levels, and the narrowest one that is set decides alone."""

from collections.abc import Callable, Hashable, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import TypeVar, cast

from msgspec import Struct

LEVELS = ("tenant_meter", "tenant_integration", "tenant", "meter", "integration", "global")
"""Narrowest first."""

DEFAULT_PCT = Decimal(20)
"""The global margin where none was set."""

PCT_MIN, PCT_MAX = Decimal(-100), Decimal(1_000_000)

Slot = tuple[str | None, str | None, str | None]
"""Where a margin applies: (tenant, integration, unit). None is "any"; a unit always names its integration."""


class Margin(Struct, frozen=True, dict=True):
    """A percentage on top of the upstream cost, and the level that it was found at."""

    level: str
    pct: Decimal

    @cached_property
    def multiplier(self) -> tuple[int, int]:
        """1 + pct / 100 as an exact (numerator, denominator)."""
        times = 1 + Fraction(self.pct) / 100
        return times.numerator, times.denominator

    @cached_property
    def text(self) -> str:
        """The percentage as it is written on a line."""
        return str(self.pct)


T = TypeVar("T")

_MEMO_MAX = 20_000

_DEFAULT = Margin("global", DEFAULT_PCT)


class MarginTable(Struct, frozen=True, dict=True):
    """Every margin in force at one version; versions only grow."""

    version: int = 0
    slots: Mapping[Slot, Decimal] = {}

    def resolve(self, tenant: str, integration: str, unit: str) -> Margin:
        """Return the margin of one unit at one integration for one tenant."""
        key = (tenant, integration, unit)
        found = self._resolved.get(key)
        if found is None:
            if len(self._resolved) >= _MEMO_MAX:
                self._resolved.clear()
            found = self._resolved[key] = self._resolve(tenant, integration, unit)
        return found

    def _resolve(self, tenant: str, integration: str, unit: str) -> Margin:
        margins = self._margins
        return (
            margins.get((tenant, integration, unit))
            or margins.get((tenant, integration, None))
            or margins.get((tenant, None, None))
            or margins.get((None, integration, unit))
            or margins.get((None, integration, None))
            or margins.get((None, None, None), _DEFAULT)
        )

    def recall(self, key: Hashable, work: Callable[[], T]) -> T:
        """Return what `work` gives for `key`, worked out once for the life of the table.

        For what depends on margins and repeats from call to call. The key must name all else that it depends on.
        """
        memo = self._memo
        found = memo.get(key, memo)  # the memo itself stands for "not there": None may be an answer
        if found is memo:
            if len(memo) >= _MEMO_MAX:
                memo.clear()
            found = memo[key] = work()
        return cast("T", found)

    @cached_property
    def _resolved(self) -> dict[tuple[str, str, str], Margin]:
        return {}

    @cached_property
    def _memo(self) -> dict[Hashable, object]:
        return {}

    @cached_property
    def _margins(self) -> dict[Slot, Margin]:
        """The slots as values whose multipliers are worked out once for the life of the table."""
        return {slot: Margin(level_of(slot), pct) for slot, pct in self.slots.items()}


def level_of(slot: Slot) -> str:
    """Name the cascade level that a slot belongs to. Raises ValueError for a unit without its integration."""
    tenant, integration, unit = slot
    if unit is not None and integration is None:
        raise ValueError(f"the meter {unit!r} needs its integration, as in INTEGRATION.{unit}")
    names = {
        (True, True, True): "tenant_meter",
        (True, True, False): "tenant_integration",
        (True, False, False): "tenant",
        (False, True, True): "meter",
        (False, True, False): "integration",
        (False, False, False): "global",
    }
    return names[tenant is not None, integration is not None, unit is not None]
