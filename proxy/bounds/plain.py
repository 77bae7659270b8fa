"""The plain case of a bound: text in, tokens out, nothing else that could cost.

Most calls of a tenant to a model ask alike but for the length of their text. What such calls ask for is worked out
once, by `worst` and `need`, and from then on only the text is counted. Whatever is not plain goes the long way.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, structs

from proxy.bounds.aside import least
from proxy.bounds.asking import Mode, Need, need
from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec
from proxy.bounds.worst import UNLIMITED, Worst, worst
from proxy.ledger.wallet import Ask
from proxy.money import ceil_div
from proxy.pricing.card import ModelRates
from proxy.pricing.formula import Prices, UnitPrice

WORD_LENGTH_MAX = 64
"""Characters of a value that is remembered: no name of a tier or a region is longer."""


class Plain(Struct, frozen=True):
    """What calls of one shape ask for: the price of a token of text, and the need of such a call without any."""

    text: UnitPrice
    bare: Need

    def need(self, tokens: int) -> Need:
        """Return what the call with so many tokens of input asks for."""
        bare, text = self.bare, self.text
        base = ceil_div(text.charge[0] * tokens, text.charge[1])
        cost = ceil_div(text.cost[0] * tokens, text.cost[1])
        ask = bare.ask
        return Need(
            Ask(base, base + ask.least, base + ask.most, ask.floor, ask.share),
            cost + bare.cost_most,
            base + bare.small,
            bare.token,
            bare.limit,
            bare.capped,
            bare.parameter,
        )


def plain_need(
    body: Mapping[str, Any],
    search: Search,
    spec: BoundSpec,
    model: ModelRates,
    prices: Prices,
    model_name: str,
    mode: Mode,
    *,
    date: str,
    region: str | None = None,
) -> Need | None:
    """Return what a plain call asks for, exactly as `need(worst(...))` would; None if the call is not plain.

    Raises Refused as `worst` does.
    """
    if not spec.can_be_plain or not search.rules(spec).plain:
        return None
    looked = shape_of(body, spec)
    if looked is None:
        return None
    shape, no_text = looked
    tokens = search.size + spec.beyond(model_name).tokens(body) - no_text
    tokens = min(max(1, tokens), UNLIMITED if model.window is None else model.window)
    # What is remembered refers to card, rates and bound, so that no others can have their identities meanwhile.
    whose = (id(prices.card), id(model), id(spec), prices.tenant, prices.integration, model_name)
    above = sum([tokens > size for size in model.sizes]) if model.sizes else 0
    key = (*whose, date, region, mode, search.rules(spec).text_units, above, shape)

    def work_out() -> tuple[Plain | None, object]:
        found = worst(body, search, spec, model, prices, model_name, {}, date=date, region=region)
        return _plain(found, tokens, mode), (prices.card, model, spec)

    plain, _ = prices.margins.recall(key, work_out)
    return None if plain is None else plain.need(tokens)


def shape_of(body: Mapping[str, Any], spec: BoundSpec) -> tuple[tuple[object, ...], int] | None:
    """Return (all of a body that its bound looks at besides text, the bytes of it that are no text).

    None if something of it is not plain.
    """
    shape: list[object] = []
    no_text = 0
    members = spec.members
    for key, value in body.items():
        setting = members.get(key)
        if setting is None:
            continue
        kind: type = type(value)
        if setting.shapes:
            held: object = value
            if kind is dict:
                held = inner = tuple([(name, type(each), each) for name, each in value.items()])
                for _, type_, each in inner:
                    if type_ not in _SCALARS or (type_ is str and len(each) > WORD_LENGTH_MAX):
                        return None
            elif kind not in _SCALARS or (kind is str and len(value) > WORD_LENGTH_MAX):
                return None
            shape.append((key, kind, held))  # True is 1 and 1.0, but not as a limit
        if setting.whole:
            no_text += setting.size + (len(value) + 2 if kind is str else least(value))
        elif setting.members:
            no_text += setting.no_text(value)
    return tuple(shape), no_text


_SCALARS = (int, str, type(None), bool, float)


def _plain(found: Worst, tokens: int, mode: Mode) -> Plain | None:
    """Take the text out of a worst case, if it is one reading of all of it, and nothing else but output."""
    if len(found.base) != 1 or found.base[0].count != tokens or len(found.token) > 1:
        return None
    return Plain(found.base[0].of.price, need(structs.replace(found, base=()), mode))
