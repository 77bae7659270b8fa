"""The worst case of one call: the input side at its dearest, and what each token of output can cost."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NoReturn

from msgspec import Struct

from proxy.bounds.dearest import ANY, ANYWHERE, STANDARD, Dearest, Market, Scope, market
from proxy.bounds.fees import counted
from proxy.bounds.fields import words
from proxy.bounds.keep import kept_s
from proxy.bounds.measures import added, measured, variant
from proxy.bounds.media import Known
from proxy.bounds.output import Allowance, allowance, model_limit, units
from proxy.bounds.search import Search
from proxy.bounds.size import Size, any_units, measure
from proxy.bounds.spec import BoundSpec, Qualifier
from proxy.bounds.tools import Use, readings, tools
from proxy.errors import Refusal, refuse
from proxy.money import ceil_div
from proxy.pricing.card import ModelRates
from proxy.pricing.formula import Prices

SECONDS_PER_HOUR = 3_600
UNLIMITED = 10**12
"""Stands for the window of a model that has none in the rates: more tokens than any body holds."""


class Portion(Struct, frozen=True):
    """So many of a unit, at the dearest that it can cost."""

    of: Dearest
    count: int


class Worst(Struct, frozen=True):
    """The most that a call can use. `base` is the input side and the fees.

    `token` is what one more token of output in every generation comes to: itself, and as input of later passes;
    empty where there are no output tokens. `stated` is the output tokens per generation that the request allows
    (never above `limit`), None if it states none; `limit` the model's maximum. `parameter` is where a maximum can be
    spliced in, None if there is no such place or the request has stated one.
    """

    base: tuple[Portion, ...]
    token: tuple[Portion, ...]
    stated: int | None
    limit: int
    parameter: tuple[str, ...] | None = None


class _Call(Struct, frozen=True):
    """What every part of the bound needs: the call's data, its sizes, and the units of its text."""

    spec: BoundSpec
    model: str
    prices: Prices
    date: str
    scope: Scope
    size: Size
    uses: list[Use]
    allowed: Allowance
    text_units: tuple[str, ...]

    @property
    def written(self) -> int:
        """The most output tokens of all generations."""
        allowed = self.allowed
        return (allowed.limit if allowed.stated is None else allowed.stated) * allowed.generations

    def read(self, rates: ModelRates, more: int = 0) -> tuple[int, int]:
        """Return (input tokens over all passes, further passes) at a model with these rates.

        `more` is what its provider adds for it beyond what it adds for the model of the request.
        """
        window = rates.window
        start = self.size.tokens(self.spec.window if window is None else window) + more
        start += sum(use.tool.prompt for use in self.uses)
        cap = UNLIMITED if window is None else window * self.size.windows
        return readings(start, self.uses, cap, self.spec.passes)


def worst(
    body: Any,
    search: Search,
    spec: BoundSpec,
    model: ModelRates,
    prices: Prices,
    model_name: str,
    known: Known,
    *,
    date: str,
    region: str | None = None,
    tiers: frozenset[str] | None = None,
) -> Worst:
    """Bound a call. `search` looks through the JSON of `body`, `known` is what named objects hold, `date` the UTC date.

    `region` serves the call, unless the body names others; `tiers` price it, if the request has no say in that.

    Raises Refused: `malformed_request` for a field that makes no sense, `unpriced_model` where a unit that
    the call will use has no rate.
    """
    for path in spec.strings:
        words(body, path)
    call = _Call(
        spec,
        model_name,
        prices,
        date,
        Scope(
            _tiers(body, spec, model) if tiers is None else tiers,
            _names(body, spec.regions) if region is None else frozenset((region,)),
        ),
        measure(body, search, spec, model_name, known),
        tools(body, search, spec, model_name),
        allowance(body, spec, model, model_name),
        search.rules(spec).text_units,
    )
    total, passes = call.read(model)
    here = market(prices, model, call.scope, total + passes * call.written, date)
    text = here.dearest(call.text_units)
    base = _input(call, here, text, total, passes)
    told = _told(body, spec, model, model_name, here) + _priced(counted(body, search.size, spec.fees), here)
    output, flat = _output(body, call, model_name, here, told)
    if text is None and not flat and not told:
        others = [each.unit for each in spec.measures] + [each.unit for each in spec.fees]
        _unpriced(model_name, " or ".join((*call.text_units, *others)))
    base += flat + told + _keeping(call, body, here, total)
    for use in call.uses:
        base += _fees(use, model_name, here, output)
        for name in use.models:
            base += _elsewhere(call, use, name, total)
    allowed = call.allowed
    return Worst(
        tuple(base), _token(output, text, allowed.generations, passes), allowed.stated, allowed.limit, allowed.parameter
    )


def _input(call: _Call, here: Market, text: Dearest | None, total: int, passes: int) -> list[Portion]:
    """Share the tokens of all passes out over units, the dearest first: a full window is full of those."""
    found: list[Portion] = []
    if call.size.media or call.size.unknown:
        sized = dict(call.size.media)
        if call.size.unknown:
            sized[any_units(call.spec)] = total
        priced = [(one, tokens) for own, tokens in sized.items() if (one := here.dearest(own + call.text_units))]
        for one, tokens in sorted(priced, key=lambda pair: Fraction(*pair[0].price.charge), reverse=True):
            part = min(total, tokens * (passes + 1))
            total -= part
            found.append(Portion(one, part))
    if text is not None and total:
        found.append(Portion(text, total))
    return found


def _keeping(call: _Call, body: Any, here: Market, total: int) -> list[Portion]:
    """Return what it costs to keep the input for as long as the request asks."""
    keep = call.spec.keep
    one = here.dearest((keep.unit,)) if keep is not None else None
    if keep is None or one is None:
        return []
    return [Portion(one, ceil_div(total * kept_s(body, keep, call.date), SECONDS_PER_HOUR))]


def _output(
    body: Any, call: _Call, name: str, here: Market, told: list[Portion]
) -> tuple[Dearest | None, list[Portion]]:
    """Return the dearest unit of output, and what generations cost besides tokens."""
    output = call.spec.output
    if output is None:
        return None, []
    flat = _priced({unit: count * call.allowed.generations for unit, count in output.flat.items()}, here)
    found = here.dearest(units(body, output)) or here.dearest(output.all_units)
    if found is None and not flat and not told:
        _unpriced(name, " or ".join(output.all_units))
    return found, flat


def _told(body: Any, spec: BoundSpec, model: ModelRates, name: str, here: Market) -> list[Portion]:
    """Return the quantities that the request itself tells."""
    if not spec.measures:
        return []
    most: dict[str, int] = {}
    for each in measured(body, spec.measures, model, name):
        most[each.unit] = most.get(each.unit, 0) + each.most
    counts = [*most.items(), *((unit, int(count)) for unit, count in added(body, spec.addons, most).items())]
    return [Portion(one, count) for unit, count in counts if (one := here.dearest((unit,))) is not None]


def _token(output: Dearest | None, text: Dearest | None, generations: int, passes: int) -> tuple[Portion, ...]:
    """Return what a token of output in every generation costs: written, and read again by later passes."""
    if output is None:
        return ()
    written = Portion(output, generations)
    return (written, Portion(text, generations * passes)) if passes and text is not None else (written,)


def _fees(use: Use, name: str, here: Market, output: Dearest | None) -> list[Portion]:
    """Return what a tool's uses cost besides reading: fees, and output beyond the request's maximum."""
    rule = use.tool
    fees = {unit: count * use.uses for unit, count in rule.per_use.items()}
    for unit, count in rule.per_call.items():
        fees[unit] = fees.get(unit, 0) + count
    found = _priced(fees, here)
    if fees and not found:
        _unpriced(name, " or ".join(fees))
    if rule.output and output is not None:
        found.append(Portion(output, rule.output * use.uses))
    return found


def _priced(counts: Mapping[str, int], here: Market) -> list[Portion]:
    """Return so many of each of these units, but for those that the model has no rate for."""
    return [Portion(one, count) for unit, count in counts.items() if (one := here.dearest((unit,))) is not None]


def _elsewhere(call: _Call, use: Use, name: str, reach: int) -> list[Portion]:
    """Return what a tool's calls of another model cost: one reading each; for a fallback the whole call."""
    spec, prices = call.spec, call.prices
    rates = prices.card.find(prices.integration, name)
    if rates is None or spec.output is None:
        _unpriced(name, "any unit")
    limit = model_limit(spec.output, spec, rates, name)
    more = max(0, spec.beyond(name).fixed - spec.beyond(call.model).fixed)
    if use.tool.passes:
        written = limit if use.maximum is None else min(use.maximum, limit)
        read = min(reach + more + call.written, UNLIMITED if rates.window is None else rates.window)
    else:
        stated = use.maximum or call.allowed.stated
        written = (limit if stated is None else min(stated, limit)) * max(1, call.allowed.generations)
        read, passes = call.read(rates, more)
        read += passes * written
    here = market(prices, rates, ANYWHERE, read, call.date)
    text = here.dearest(call.text_units + any_units(spec))
    output = here.dearest(spec.output.all_units)
    if text is None or output is None:
        _unpriced(name, "its tokens")
    return [Portion(text, read * use.uses), Portion(output, written * use.uses)]


def _tiers(body: Any, spec: BoundSpec, model: ModelRates) -> frozenset[str]:
    """Return the tiers that can price the call: the one of its choices where the rates know it."""
    if spec.variants:
        chosen = variant(body, spec.variants, model)
        if chosen is not None:
            return frozenset((chosen,))
    return _names(body, spec.tiers)


def _names(body: Any, rules: tuple[Qualifier, ...]) -> frozenset[str]:
    """Return the names of the tiers, or the regions, that can price the call."""
    found: set[str] = set()
    for rule in rules:
        values = words(body, rule.path)
        for value in values:
            found.update(rule.names.get(value.casefold(), (ANY,)))
        if not values:
            found.update(rule.absent)
    return frozenset(found) or _STANDARD


_STANDARD = frozenset((STANDARD,))


def _unpriced(name: str, what: str) -> NoReturn:
    refuse(
        Refusal.UNPRICED_MODEL,
        f"The model {name[:200]} has no price for {what}, which this request can use; use another.",
    )
