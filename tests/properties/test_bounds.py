"""The one promise of bounds: what a call turns out to cost never exceeds what was held for it."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.bounds.asking import affordable, need, output_limit
from proxy.bounds.references import references
from proxy.bounds.search import Search
from proxy.bounds.spec import (
    BoundSpec,
    InputUnit,
    Kind,
    Media,
    Output,
    OutputUnit,
    Qualifier,
    Reference,
    Tool,
)
from proxy.bounds.worst import Portion, worst
from proxy.errors import Refused
from proxy.ledger.wallet import grant
from proxy.pricing.card import Conditions, ModelRates, Rate, RateCard
from proxy.pricing.cascade import MarginTable
from proxy.pricing.formula import Prices, Used, price

DATE = "2026-11-21"

UNITS = ("input_tokens", "cache_write_tokens", "input_audio_tokens", "output_tokens", "output_audio_tokens")
SPEC = BoundSpec(
    input=(InputUnit("input_tokens"), InputUnit("cache_write_tokens", keys=("cache",))),
    output=Output(
        units=(OutputUnit("output_tokens"), OutputUnit("output_audio_tokens", path="modalities", holds="audio")),
        maximum=("max_tokens",),
        times=("n",),
    ),
    tiers=(Qualifier("tier", {"low": ("low", "standard")}),),
    media=(
        Media("parts.*", (Kind(by="item", tokens=50, unit="input_audio_tokens"),), {"type": "clip"}, data=("data",)),
    ),
    references=(Reference("answer", "previous", tokens=True),),
    tools=(Tool("tools.*", uses="max_uses", uses_default=3, tokens=40, per_use={"web_searches": 1}),),
)

usd = st.integers(0, 10**9).map(lambda nanos: f"{nanos // 10**9}.{nanos % 10**9:09d}")


@st.composite
def models(draw: st.DrawFn) -> ModelRates:
    """Rates with any tier and size of context, dearer or cheaper than the standard ones."""
    rates = [Rate("input_tokens", draw(usd), 1000), Rate("output_tokens", draw(usd), 1000)]
    rates.append(Rate("web_searches", draw(usd)))
    for unit in draw(st.lists(st.sampled_from(UNITS), max_size=5)):
        tier = draw(st.sampled_from([None, "low", "high"]))
        above = draw(st.sampled_from([None, 20, 100, 400]))
        rates.append(Rate(unit, draw(usd), 1000, tier=tier, context_above=above))
    window = draw(st.sampled_from([None, 64, 300, 5000]))
    return ModelRates(("m",), tuple(rates), window, draw(st.sampled_from([None, 10, 300, 9000])))


bodies = st.fixed_dictionaries(
    {},
    optional={
        "max_tokens": st.none() | st.integers(1, 10_000),
        "n": st.none() | st.integers(1, 4),
        "tier": st.sampled_from(["low", "high", "unheard of", None]),
        "modalities": st.sampled_from([["text"], ["audio"], "audio", None]),
        "previous": st.sampled_from(["known", "unknown"]),
        "cache": st.just(True),
        "text": st.text(max_size=60),
        "parts": st.lists(st.builds(dict, type=st.just("clip"), data=st.just("AAAA" * 30)), max_size=3),
        "tools": st.lists(st.sampled_from([{}, {"max_uses": 1}, {"max_uses": 4}]), max_size=2),
    },
)
margins = st.integers(-100, 300).map(Decimal)
KNOWN = {"known": 25}


def priced_by(model: ModelRates, pct: Decimal, unit: str, unit_pct: Decimal) -> Prices:
    fallbacks = {"cache_write_tokens": "input_tokens", "input_audio_tokens": "input_tokens"}
    card = RateCard("v", {"i": (model,)}, {**fallbacks, "output_audio_tokens": "output_tokens"})
    table = MarginTable(1, {(None, None, None): pct, (None, "i", unit): unit_pct})
    return Prices(card, table, "t", "i")


def used(part: Portion) -> Used:
    return Used("m", part.of.rates, {part.of.unit: part.count}, part.of.conditions)


@settings(max_examples=150, deadline=None)
@given(st.data(), models(), bodies, margins, st.sampled_from(UNITS), margins, st.sampled_from(["fair", "strict"]))
def test_a_grant_covers_the_input_and_the_output_it_allows(
    data: st.DataObject, model: ModelRates, body: Any, pct: Decimal, unit: str, unit_pct: Decimal, mode: Any
) -> None:
    prices = priced_by(model, pct, unit, unit_pct)
    found = worst(body, Search(json.dumps(body).encode()), SPEC, model, prices, "m", KNOWN, date=DATE)
    asked = need(found, mode)
    assert 0 <= asked.ask.base <= asked.small <= asked.ask.most
    assert asked.ask.least in (asked.small, asked.ask.most)

    granted = grant(data.draw(st.integers(0, 2 * asked.ask.most + 10)), asked.ask)
    if granted is None:
        return
    limit = output_limit(asked, granted)
    tokens = asked.limit if limit is None else limit
    assert tokens <= asked.limit
    assert tokens >= min(256, asked.limit)
    written = [Portion(part.of, part.count * tokens) for part in found.token]
    assert price(prices, [used(part) for part in (*found.base, *written)]).charge_nanos <= granted
    assert affordable(asked, granted) >= tokens


@settings(max_examples=150, deadline=None)
@given(st.data(), models(), bodies, margins, st.sampled_from(UNITS), margins)
def test_usage_below_the_bound_is_never_dearer_than_the_hold(
    data: st.DataObject, model: ModelRates, body: Any, pct: Decimal, unit: str, unit_pct: Decimal
) -> None:
    """Any split of the tokens over units, in any tier that can apply and at any size of context."""
    prices = priced_by(model, pct, unit, unit_pct)
    found = worst(body, Search(json.dumps(body).encode()), SPEC, model, prices, "m", KNOWN, date=DATE)
    asked = need(found, "strict")
    read = sum(part.count for part in found.base if part.of.unit != "web_searches")
    generations, passes = found.token[0].count, 0
    if len(found.token) > 1:
        passes = found.token[1].count // generations
    written = asked.limit * generations
    read += written * passes
    cached = data.draw(st.integers(0, read)) if "cache" in body else 0
    spoken = data.draw(st.integers(0, written)) if "audio" in (body.get("modalities") or []) else 0
    heard = data.draw(st.integers(0, min(read - cached, 50 * (1 + passes) * len(body.get("parts") or []))))
    searches = sum(part.count for part in found.base if part.of.unit == "web_searches")
    usage = {
        "input_tokens": read - cached - heard,
        "cache_write_tokens": cached,
        "input_audio_tokens": heard,
        "output_tokens": written - spoken,
        "output_audio_tokens": spoken,
        "web_searches": searches,
    }
    tiers = {"low": [None, "low"], "high": [None, "high"], "unheard of": [None, "low", "high"]}
    tier = data.draw(st.sampled_from(tiers.get(body.get("tier") or "", [None])))
    charge = price(prices, [Used("m", model, usage, Conditions(tier, read, DATE))]).charge_nanos
    assert charge <= asked.ask.most


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
NAMES = ("max_tokens", "n", "tier", "modalities", "previous", "parts", "tools", "model", "text")


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), json_values, max_size=6) | json_values)
def test_any_json_is_bounded_or_refused(body: Any) -> None:
    model = ModelRates(("m",), (Rate("input_tokens", "1"), Rate("output_tokens", "1"), Rate("web_searches", "1")))
    prices = priced_by(model, Decimal(0), "x", Decimal(0))
    raw = json.dumps(body).encode()
    references(body, Search(raw), SPEC)
    try:
        found = worst(body, Search(raw), SPEC, model, prices, "m", {}, date=DATE)
    except Refused:
        return
    assert need(found, "fair").ask.base >= 1
