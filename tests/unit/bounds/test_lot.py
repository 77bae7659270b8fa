import json
from decimal import Decimal
from typing import Any

import pytest

from proxy.bounds.asking import need
from proxy.bounds.lot import Lot, Share, Survey, name_of, need_of, read_lot, write_lot
from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec, InputUnit, Output, OutputUnit, Tool
from proxy.bounds.worst import worst
from proxy.errors import Refusal, Refused
from proxy.pricing.card import ModelRates, Rate, RateCard

DATE = "2026-11-21"
SPEC = BoundSpec(
    input=(InputUnit("input_tokens"),),
    output=Output(units=(OutputUnit("output_tokens"),), maximum=("max_tokens",)),
    tools=(Tool("fallbacks.*", passes=0, model="model"),),
)
FAST = frozenset({"priority"})
OTHER = ModelRates(
    ("other-*", "other"), (Rate("input_tokens", "3", 1_000_000), Rate("output_tokens", "9", 1_000_000)), 10_000, 500
)


def ask(**more: Any) -> dict[str, Any]:
    return {"model": "small", "messages": [{"content": "hi"}], "max_tokens": 10, **more}


def survey(prices: Any, *bodies: dict[str, Any]) -> Lot:
    adding = Survey(prices, FAST, DATE)
    for body in bodies:
        adding.add(body, Search(json.dumps(body).encode()), SPEC, body["model"], {})
    return adding.lot()


def test_a_lot_asks_for_what_its_requests_would_ask_for_one_by_one(make_prices: Any, model: ModelRates) -> None:
    prices = make_prices({(None, None, None): Decimal(20)})
    bodies = [ask(), ask(max_tokens=7), ask(messages=[{"content": "x" * 2_000}])]
    lot = survey(prices, *bodies)
    assert (lot.requests, lot.models) == (3, ("small",))
    one_by_one = [
        need(
            worst(b, Search(json.dumps(b).encode()), SPEC, model, prices, "small", {}, date=DATE, tiers=FAST), "strict"
        )
        for b in bodies
    ]
    asked = need_of(lot, prices, DATE)
    assert abs(asked.ask.most - sum(each.ask.most for each in one_by_one)) <= len(bodies)
    assert asked.ask.least == asked.ask.most == asked.ask.base
    assert abs(asked.cost_most - sum(each.cost_most for each in one_by_one)) <= len(bodies)


def test_a_lot_stays_small_and_is_the_same_after_it_was_kept(make_prices: Any) -> None:
    lot = survey(make_prices(), *[ask()] * 500)
    assert read_lot(write_lot(lot)) == lot
    assert len(write_lot(lot)) < 500


def test_a_lot_is_priced_when_it_is_used(make_prices: Any, model: ModelRates) -> None:
    lot = survey(make_prices(), ask())
    dearer = make_prices({(None, None, None): Decimal(100)})
    assert need_of(lot, dearer, DATE).ask.most == 2 * need_of(lot, make_prices(), DATE).ask.most


def test_other_models_that_a_request_can_use_keep_their_names(make_prices: Any) -> None:
    prices = make_prices(None, OTHER)
    lot = survey(prices, ask(fallbacks=[{"model": "other-1"}]))
    assert {share.model for share in lot.shares} == {"small", "other-"}
    assert need_of(lot, prices, DATE).ask.most > need_of(survey(prices, ask()), prices, DATE).ask.most


def test_what_has_no_price_is_refused(make_prices: Any) -> None:
    for attempt in (
        lambda: survey(make_prices(), ask(model="unheard-of")),
        lambda: need_of(Lot(1, ("gone",), (Share("gone", "input_tokens", None, None, 0, 1),)), make_prices(), DATE),
        lambda: need_of(Lot(1, ("small",), (Share("small", "pages", None, None, 0, 1),)), make_prices(), DATE),
        lambda: name_of(OTHER, RateCard("v", {"maker": ()}), "maker"),
    ):
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.refusal is Refusal.UNPRICED_MODEL
