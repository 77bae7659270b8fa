import json
from decimal import Decimal
from typing import Any

import pytest

from proxy.bounds.asking import Need, affordable, need, output_limit
from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec, InputUnit, Output, OutputUnit, Tool
from proxy.bounds.worst import worst
from proxy.ledger.wallet import grant
from proxy.pricing.card import ModelRates, Rate

SPEC = BoundSpec(
    input=(InputUnit("input_tokens"),),
    output=Output(units=(OutputUnit("output_tokens"),), maximum=("max_tokens",), times=("n",)),
    tools=(Tool("tools.*", tokens=10, uses_default=3),),
)
LARGE = ModelRates(("large",), (Rate("input_tokens", "0.000001"), Rate("output_tokens", "0.000004")), 10**6, 50_000)
NANOS = 4000
"""One output token of LARGE."""


@pytest.fixture
def ask(make_prices: Any) -> Any:
    def run(mode: str = "fair", *, spec: BoundSpec = SPEC, rates: ModelRates = LARGE, **body: Any) -> Need:
        prices = make_prices({(None, None, None): Decimal(body.pop("margin", 0))})
        raw = json.dumps(body).encode()
        return need(worst(body, Search(raw), spec, rates, prices, "large", {}, date="2026-11-21"), mode)

    return run


def test_a_stated_maximum_is_held_in_full(ask: Any) -> None:
    found = ask(max_tokens=1000)
    assert found.ask.least == found.ask.most == found.ask.base + 1000 * NANOS
    assert found.small == found.ask.base + 256 * NANOS
    assert grant(found.ask.most - 1, found.ask) is None
    assert grant(10 * found.ask.most, found.ask) == found.ask.most
    assert output_limit(found, found.ask.most) is None
    assert found.cost_most == found.ask.most


def test_strict_is_the_models_maximum(ask: Any) -> None:
    found = ask("strict", n=2)
    assert found.ask.least == found.ask.most == found.ask.base + 2 * 50_000 * NANOS
    assert output_limit(found, found.ask.most) is None


def test_a_model_without_the_parameter_is_strict(ask: Any) -> None:
    spec = BoundSpec(input=SPEC.input, output=Output(units=(OutputUnit("output_tokens"),)))
    assert ask("fair", spec=spec).ask == ask("strict", spec=spec).ask


def test_fair_takes_an_eighth_at_least_4096_tokens_at_most_the_models(ask: Any) -> None:
    found = ask()
    base = found.ask.base
    rich, middling, poor = 10**12, 8 * 10_000 * NANOS, base + 4500 * NANOS
    assert grant(rich, found.ask) == found.ask.most == base + 50_000 * NANOS
    assert output_limit(found, found.ask.most) is None
    assert grant(middling, found.ask) == base + middling // 8
    assert output_limit(found, base + middling // 8) == 10_000
    assert grant(poor, found.ask) == base + 4096 * NANOS
    assert output_limit(found, base + 4096 * NANOS) == 4096


def test_fair_gives_all_there_is_down_to_256_tokens(ask: Any) -> None:
    found = ask()
    base = found.ask.base
    assert grant(base + 300 * NANOS, found.ask) == base + 300 * NANOS
    assert output_limit(found, base + 300 * NANOS) == 300
    assert output_limit(found, grant(base + 256 * NANOS, found.ask) or 0) == 256
    assert grant(base + 256 * NANOS - 1, found.ask) is None
    assert found.parameter == ("max_tokens",)
    assert ask(max_tokens=9).parameter is ask("strict").parameter is None


def test_generations_share_a_grant(ask: Any) -> None:
    found = ask(n=4)
    assert found.ask.least == found.ask.base + 4 * 256 * NANOS
    assert output_limit(found, found.ask.base + 4 * 1000 * NANOS + 3 * NANOS) == 1000


def test_a_small_model_is_covered_by_its_own_limit(ask: Any) -> None:
    tiny = ModelRates(("t",), LARGE.rates, 10**6, 100)
    found = ask(rates=tiny)
    assert found.ask.least == found.ask.most == found.small == found.ask.base + 100 * NANOS
    assert output_limit(found, found.ask.most) is None


def test_free_models_need_nothing(ask: Any) -> None:
    free = ModelRates(("*",), (Rate("input_tokens", "0"), Rate("output_tokens", "0")), 10**6)
    found = ask(rates=free)
    assert (found.ask.least, found.ask.most, found.cost_most) == (0, 0, 0)
    assert grant(0, found.ask) == 0
    assert output_limit(found, 0) is None
    assert affordable(found, 0) == 10**6


def test_holds_are_at_least_a_nano(ask: Any) -> None:
    cheap = ModelRates(("c",), (Rate("input_tokens", "0.000001", 10**9), Rate("output_tokens", "0", 1)), 10**6)
    assert ask(rates=cheap).ask.least == 1


def test_margin_is_held_and_exposed_cost_is_without_it(ask: Any) -> None:
    plain, dear = ask(max_tokens=10), ask(max_tokens=10, margin=50)
    assert dear.ask.most * 2 == plain.ask.most * 3
    assert dear.cost_most == plain.cost_most


def test_affordable_for_the_refusals_message(ask: Any) -> None:
    found = ask(max_tokens=1000)
    assert affordable(found, found.ask.base + 256 * NANOS) == 256
    assert affordable(found, found.ask.base + NANOS - 1) == 0
    assert affordable(found, found.ask.base - 1) == 0
    assert affordable(found, -5) == 0
    assert affordable(found, 10**15) == 1000


def test_output_is_read_again_by_later_passes(ask: Any, make_prices: Any) -> None:
    raw = b'{"tools": [{}]}'
    found = worst({"tools": [{}]}, Search(raw), SPEC, LARGE, make_prices(), "large", {}, date="2026-11-21")
    assert [(part.of.unit, part.count) for part in found.token] == [("output_tokens", 1), ("input_tokens", 3)]
    assert ask(tools=[{}]).token[0] == (4000 + 3 * 1000) * ask(tools=[{}]).token[1]


def test_a_call_without_output_asks_for_its_input(ask: Any, make_prices: Any) -> None:
    spec = BoundSpec(input=SPEC.input)
    found = ask(spec=spec, input="text")
    raw = json.dumps({"input": "text"}).encode()
    assert found.ask.least == found.ask.most == found.small == 1000 * len(raw)
    assert found.cost_most == found.ask.most
    bare = worst({"input": "text"}, Search(raw), spec, LARGE, make_prices(), "large", {}, date="2026-11-21")
    assert bare.token == ()
    assert output_limit(found, found.ask.most) is None
