"""From the worst case to the money to ask for, and from the money granted back to an output limit.

The table is "How much to hold" of the design: a request that states its maximum is held in full; in `fair`
mode one that states none is held for its input, and for output worth an eighth of what is available.
"""

from typing import Literal

from msgspec import Struct

from proxy.bounds.worst import Worst
from proxy.ledger.wallet import Ask
from proxy.money import ceil_div
from proxy.pricing.formula import Prices, Used, price_up, unit_price

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
    token: tuple[int, int]
    limit: int
    capped: bool
    parameter: tuple[str, ...] | None = None


def need(worst: Worst, prices: Prices, mode: Mode) -> Need:
    """Price a worst case. Every amount is rounded up."""
    base_cost, base = price_up(prices, worst.base)
    limit = worst.limit if worst.stated is None else worst.stated
    if worst.output_unit is None:
        return Need(Ask(base, base, base), base_cost, base, (0, 1), 0, False)
    token = _token(worst, prices)
    output_cost, _ = price_up(prices, output(worst, limit))
    most = base + _times(token, limit)
    small = base + _times(token, min(OUTPUT_LEAST, limit))
    if worst.stated is not None or mode == "strict" or worst.parameter is None:
        ask, capped = Ask(base, most, most), False
    else:
        floor = _times(token, min(OUTPUT_FLOOR, limit))
        ask, capped = Ask(base, small, most, floor, SHARE), True
    return Need(ask, base_cost + output_cost, small, token, limit, capped, worst.parameter if capped else None)


def output(worst: Worst, tokens: int) -> tuple[Used, ...]:
    """Return what `tokens` of output per generation can come to: written, and read again by later passes."""
    if worst.output_unit is None:
        return ()
    written = tokens * worst.generations
    used = (Used(worst.model, worst.rates, {worst.output_unit: written}, worst.conditions),)
    again = worst.reread
    if again is None:
        return used
    return *used, Used(worst.model, worst.rates, {again.unit: written * again.times}, again.conditions)


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


def _token(worst: Worst, prices: Prices) -> tuple[int, int]:
    """Return the tenant's price of one token in every generation, as a ratio of nano-USD."""
    numerator, denominator = 0, 1
    for part in output(worst, 1):
        for unit, count in part.quantities.items():
            price = unit_price(prices, worst.rates, unit, part.conditions)
            if price is not None:
                numerator = numerator * price[1] + int(count) * price[0] * denominator
                denominator *= price[1]
    return numerator, denominator


def _times(token: tuple[int, int], count: int) -> int:
    return ceil_div(token[0] * count, token[1])
