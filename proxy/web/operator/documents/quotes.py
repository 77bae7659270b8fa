"""What a call would cost, and what it would hold."""

from msgspec import Struct

from proxy.web.operator.documents.error import Problem
from proxy.web.operator.documents.explanation import LineDocument, Unpriced


class QuotedCost(Struct, frozen=True, kw_only=True):
    """The price of the quantities that were named, line by line, as a call's is made."""

    lines: list[LineDocument]
    unpriced: list[Unpriced]
    exact_upstream_cost_nanos: str
    exact_charge_nanos: str
    upstream_cost_nanos: int
    charge_nanos: int


class QuotedHold(Struct, frozen=True, kw_only=True):
    """What would be held: between `least` and `most`. `granted` is what would be held on this tenant's wallet now, as
    wallet and spend caps leave it.

    With a request's body it is that request's worst case, as the endpoint bounds it; `output_limit` is the maximum
    that would be put into it. Without a body it is the price of the quantities, rounded up.
    """

    endpoint: str | None
    least_nanos: int
    most_nanos: int
    upstream_cost_most_nanos: int
    granted_nanos: int | None
    output_limit: int | None


class Quote(Struct, frozen=True, kw_only=True):
    """A quote at the rates and margins of now. `refusal` says why the call would be refused, null if it would not."""

    integration: str
    model: str
    tenant: str | None
    rate_card: str
    margins: int
    cost: QuotedCost | None
    hold: QuotedHold | None
    refusal: Problem | None
