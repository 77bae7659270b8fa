"""From the worst case to the money to ask for, and from the money granted back to an output limit.

The table is "How much to hold" of the design: a request that states its maximum is held in full; in `fair`
mode one that states none is held for its input, and for output worth an eighth of what is available.
"""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from proxy.bounds.worst import Portion, Worst
from proxy.ledger.wallet import Ask
from proxy.money import Ratio, ceil_div, plus

Mode = Literal["fair", "strict"]

OUTPUT_LEAST = 256
"""Tokens per generation below which an answer is not worth its input."""

OUTPUT_FLOOR = 4096
"""Tokens per generation that a `fair` hold covers however little an eighth of the money is."""

SHARE = 8


class Need(Struct, frozen=True):
    """What a call asks of the wallet, in nano-USD.

    `cost_most` is upstream's price of the worst case; `small` the price of the input and 256 tokens per
    generation, which is what a call needs to be of any use. `token` is the price of one more token in every
    generation as a ratio, `limit` the most tokens per generation, `capped` whether a grant can be turned
    into an output limit, `parameter` the keys of the place for that limit, in the spelling of the body.
    """

    ask: Ask
    cost_most: int
    small: int
    token: Ratio
    limit: int
    capped: bool
    parameter: tuple[str, ...] | None = None


def need(worst: Worst, mode: Mode) -> Need:
    """Price a worst case. Every amount is rounded up."""
    base = ceil_div(*_charge(worst.base))
    base_cost = ceil_div(*_cost(worst.base))
    if not worst.token:
        return Need(Ask(base, base, base), base_cost, base, (0, 1), 0, False)
    limit = worst.limit if worst.stated is None else worst.stated
    token = _charge(worst.token)
    cost_most = base_cost + _times(_cost(worst.token), limit)
    most = base + _times(token, limit)
    small = base + _times(token, min(OUTPUT_LEAST, limit))
    if worst.stated is not None or mode == "strict" or worst.parameter is None:
        return Need(Ask(base, most, most), cost_most, small, token, limit, False)
    floor = _times(token, min(OUTPUT_FLOOR, limit))
    return Need(Ask(base, small, most, floor, SHARE), cost_most, small, token, limit, True, worst.parameter)


def output_limit(need: Need, granted: int) -> int | None:
    """Return the tokens per generation to splice in, so that the call cannot cost more than was granted.

    None if there is nothing to splice: the request states its own maximum, or the model's is covered.
    """
    if not need.capped or granted >= need.ask.most:
        return None
    return affordable(need, granted)


def affordable(need: Need, available: int) -> int:
    """Return the output tokens per generation that this much money pays beside the input, at least 0."""
    rest = available - need.ask.base
    if rest < 0:
        return 0
    numerator, denominator = need.token
    return need.limit if not numerator else min(need.limit, rest * denominator // numerator)


def _charge(portions: Iterable[Portion]) -> Ratio:
    """Sum what the tenant would pay for these, in nano-USD."""
    total = (0, 1)
    for portion in portions:
        each, over = portion.of.price.charge
        total = plus(total, (each * portion.count, over))
    return total


def _cost(portions: Iterable[Portion]) -> Ratio:
    """Sum what upstream would ask for these, in nano-USD."""
    total = (0, 1)
    for portion in portions:
        each, over = portion.of.price.cost
        total = plus(total, (each * portion.count, over))
    return total


def _times(token: Ratio, count: int) -> int:
    return ceil_div(token[0] * count, token[1])
