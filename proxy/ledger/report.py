"""What a tenant used, summed from its entries: quantities, price, what was paid and what was waived. Pure.

Every sum is one of integers or exact decimals, so `charged` and `waived` over all groups are those of the entries to
the nano. A call that was paid in part, or waived, divides over its lines as its rounding does: by largest remainder.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

from msgspec import Struct, field

from proxy.clock import date_of
from proxy.ledger.bill import Bill, read_bill
from proxy.ledger.entry import Entry
from proxy.money import Quantity, share_out


class By(StrEnum):
    """What usage is grouped by. `unit` is the meter: `INTEGRATION.UNIT`; `day` is the UTC date of the entry."""

    MODEL = "model"
    INTEGRATION = "integration"
    ENDPOINT = "endpoint"
    KEY = "key"
    DAY = "day"
    UNIT = "unit"


class Sums(Struct):
    """What a group comes to, in nano-USD. `price = charged + waived + shortfall`: who bore what was asked.

    `calls` counts entries; in groups by model or unit a call counts in each that it used.
    """

    calls: int = 0
    upstream_cost_nanos: int = 0
    charged_nanos: int = 0
    waived_nanos: int = 0
    shortfall_nanos: int = 0
    usage: dict[str, Quantity] = field(default_factory=dict)

    def count(self, unit: str, quantity: Quantity) -> None:
        """Add a quantity of a unit."""
        self.usage[unit] = self.usage.get(unit, 0) + quantity


class Report:
    """Gathers entries into groups, one at a time; memory grows with the groups only."""

    def __init__(self, by: By | None) -> None:
        self.total = Sums()
        self._by = by
        self._groups: dict[str, Sums] = {}

    def add(self, entry: Entry) -> None:
        """Count an entry; one that is no call counts nothing."""
        if not entry.bill:
            return
        bill = read_bill(entry.bill)
        _add_whole(self.total, entry, bill)
        if self._by in (By.MODEL, By.UNIT):
            self._add_lines(entry, bill, by_unit=self._by is By.UNIT)
        elif self._by is not None:
            _add_whole(self._group(_NAMES[self._by](entry, bill)), entry, bill)

    def groups(self) -> list[tuple[str, Sums]]:
        """Return the groups: days in order, others by price, dearest first."""
        if self._by is By.DAY:
            return sorted(self._groups.items())
        return sorted(self._groups.items(), key=lambda pair: (-_price(pair[1]), pair[0]))

    def _group(self, name: str) -> Sums:
        return self._groups.setdefault(name, Sums())

    def _add_lines(self, entry: Entry, bill: Bill, *, by_unit: bool) -> None:
        names = [f"{bill.integration}.{line.unit}" if by_unit else line.model for line in bill.lines]
        weights = [line.charge_nanos for line in bill.lines]
        paid, waived = share_out(-entry.amount_nanos, weights), share_out(entry.waived_nanos, weights)
        for name, line, own, favour in zip(names, bill.lines, paid, waived, strict=True):
            group = self._group(name)
            group.upstream_cost_nanos += line.cost_nanos
            group.charged_nanos += own
            group.waived_nanos += favour
            group.shortfall_nanos += line.charge_nanos - own - favour
        for name, unit, quantity in _quantities(bill, by_unit=by_unit):
            self._group(name).count(unit, quantity)
            names.append(name)
        for name in dict.fromkeys(names if by_unit else [bill.model, *names]):
            self._group(name).calls += 1


def _quantities(bill: Bill, *, by_unit: bool) -> Iterator[tuple[str, str, Quantity]]:
    """Yield (group, unit, quantity) for all that a bill counts, priced or not."""
    for part in bill.parts:
        for unit, quantity in part.usage.items():
            if quantity:
                yield (f"{bill.integration}.{unit}" if by_unit else part.model), unit, quantity


def _add_whole(sums: Sums, entry: Entry, bill: Bill) -> None:
    sums.calls += 1
    sums.upstream_cost_nanos += bill.upstream_cost_nanos
    sums.charged_nanos -= entry.amount_nanos
    sums.waived_nanos += entry.waived_nanos
    sums.shortfall_nanos += bill.shortfall_nanos
    for _, unit, quantity in _quantities(bill, by_unit=True):
        sums.count(unit, quantity)


def _price(sums: Sums) -> int:
    return sums.charged_nanos + sums.waived_nanos + sums.shortfall_nanos


_NAMES: Mapping[By, Callable[[Entry, Bill], str]] = {
    By.INTEGRATION: lambda _, bill: bill.integration,
    By.ENDPOINT: lambda _, bill: f"{bill.integration} {bill.endpoint}",
    By.KEY: lambda _, bill: bill.key,
    By.DAY: lambda entry, _: date_of(entry.created_at),
}
