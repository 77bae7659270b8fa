"""Fees: units besides tokens, counted in the request."""

import json
from typing import Any

import pytest

from proxy.bounds.fees import counted
from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec, Fee, InputUnit, Output, OutputUnit
from proxy.bounds.worst import Portion, worst
from proxy.errors import Refusal, Refused
from proxy.pricing.card import ModelRates, Rate

DEPTH = {"search_depth": {"advanced": 2, "*": 1}}


@pytest.mark.parametrize(
    ("fee", "body", "count"),
    [
        (Fee("searches", count=1), {}, 1),
        (Fee("searches", each=("documents",), per=100), {"documents": ["a"] * 100}, 1),
        (Fee("searches", each=("documents",), per=100), {"documents": ["a"] * 101}, 2),
        (Fee("searches", each=("texts", "images")), {"texts": ["a", "b"], "images": "c"}, 3),
        (Fee("searches", each=("texts",)), {}, 0),
        (Fee("searches", number="limit", absent=50, per=10), {}, 5),
        (Fee("searches", number="limit", absent=50, per=10), {"limit": None}, 5),
        (Fee("searches", number="limit", absent=50, per=10), {"limit": 11}, 2),
        (Fee("searches", number="limit", absent=50, most=100), {"limit": 5000}, 100),
        (Fee("searches", number="limit", absent=50), {"limit": 0}, 0),
        (Fee("searches", bytes_per=10), {}, 3),
        (Fee("searches", count=1, times=DEPTH), {}, 1),
        (Fee("searches", count=1, times=DEPTH), {"search_depth": "advanced"}, 2),
        (Fee("searches", count=1, times=DEPTH), {"search_depth": "basic"}, 1),
        (Fee("searches", count=3, per=2, times=DEPTH), {"search_depth": "advanced"}, 3),
        (Fee("searches", count=1, times={"auto": {"true": 2}}), {"auto": True}, 2),
        (Fee("searches", count=1, times={"auto": {"true": 2}}), {"auto": False}, 1),
        (Fee("searches", count=1, times={"deep": {"*": 5}}), {"deep": {"any": 1}}, 5),
        (Fee("searches", count=1, times={"a.b": {"*": 5}, "c": {"x*": 3}}), {"a": {"b": "y"}, "c": "xy"}, 15),
    ],
)
def test_what_a_fee_counts(fee: Fee, body: dict[str, Any], count: int) -> None:
    assert counted(body, 25, [fee]) == {"searches": count}


def test_fees_of_one_unit_add_up() -> None:
    fees = [Fee("searches", count=1), Fee("pages", count=2), Fee("searches", number="more")]
    assert counted({"more": 4}, 0, fees) == {"searches": 5, "pages": 2}


@pytest.mark.parametrize("body", [{"limit": -1}, {"limit": "10"}, {"limit": 1.5}, {"documents": 7}])
def test_what_makes_no_sense_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        counted(body, 0, [Fee("searches", each=("documents",), number="limit")])
    assert refused.value.refusal is Refusal.MALFORMED_REQUEST


SPEC = BoundSpec(input=(InputUnit("input_tokens"),), fees=(Fee("searches", each=("documents",), per=2),))
BODY = {"documents": ["a", "b", "c"]}


class TestWorst:
    def base(self, spec: BoundSpec, rates: ModelRates, make_prices: Any) -> dict[str, int]:
        raw = json.dumps(BODY).encode()
        found = worst(BODY, Search(raw), spec, rates, make_prices(), "m", {}, date="2026-11-21")
        assert all(isinstance(portion, Portion) for portion in found.base)
        return {portion.of.unit: portion.count for portion in found.base}

    def test_a_model_is_billed_in_the_units_that_it_has_rates_for(self, make_prices: Any) -> None:
        searches, tokens = Rate("searches", "1"), Rate("input_tokens", "1")
        assert self.base(SPEC, ModelRates(("m",), (searches,)), make_prices) == {"searches": 2}
        assert self.base(SPEC, ModelRates(("m",), (tokens,)), make_prices) == {"input_tokens": 30}
        both = self.base(SPEC, ModelRates(("m",), (searches, tokens)), make_prices)
        assert both == {"searches": 2, "input_tokens": 30}

    def test_a_service_without_tokens_needs_no_unit_of_text(self, make_prices: Any) -> None:
        spec = BoundSpec(input=(), fees=SPEC.fees)
        assert self.base(spec, ModelRates(("m",), (Rate("searches", "1"),)), make_prices) == {"searches": 2}

    def test_a_model_without_any_of_the_rates_is_refused(self, make_prices: Any) -> None:
        with pytest.raises(Refused, match="input_tokens or searches") as refused:
            self.base(SPEC, ModelRates(("m",), (Rate("output_tokens", "1"),)), make_prices)
        assert refused.value.refusal is Refusal.UNPRICED_MODEL

    def test_a_call_with_fees_is_not_plain(self) -> None:
        output = Output(units=(OutputUnit("output_tokens"),))
        assert BoundSpec(input=SPEC.input, output=output).can_be_plain
        assert not BoundSpec(input=SPEC.input, output=output, fees=SPEC.fees).can_be_plain
