"""How a hold ends: who pays what. `split` is the only place that decides it."""

from msgspec import Struct

from proxy.money import ceil_div
from proxy.usage.certainty import Certainty


class Due(Struct, frozen=True):
    """What a finished call comes to, before the wallet is asked. Amounts in nano-USD.

    `cost` is upstream's price, `charge` the tenant's. `waived` calls pay nothing whatever they cost.
    `unasked` is upstream cost that no tenant is asked for: never seen, or excused by policy.
    """

    certainty: Certainty
    cost: int
    charge: int
    waived: bool = False
    unasked: int = 0


class Split(Struct, frozen=True):
    """Who bears a call: `paid` by the wallet, `waived` by favour, `exposure` by the operator."""

    paid: int
    waived: int
    exposure: int
    shortfall: int


def split(due: Due, held: int, available: int) -> Split:
    """Divide a call between tenant and operator.

    Exact usage is charged in full even above its hold, from what is available beside it (never from others'
    holds); anything less certain is charged up to the hold. A call paid in part books the rest of its
    upstream cost as exposure, in proportion, rounded up; what was never seen comes on top.
    """
    if due.waived:
        return Split(0, due.charge, due.unasked, 0)
    limit = held + max(available, 0) if due.certainty is Certainty.EXACT else held
    paid = min(due.charge, limit)
    shortfall = due.charge - paid
    unpaid = ceil_div(due.cost * shortfall, due.charge) if shortfall else 0
    return Split(paid, 0, unpaid + due.unasked, shortfall)
