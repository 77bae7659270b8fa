from typing import Any

from msgspec import structs

from proxy.pricing.card import ModelRates, Rate, RateCard
from proxy.pricing.diff import compare

INPUT, OUTPUT = Rate("input_tokens", "1", 1_000), Rate("output_tokens", "4", 1_000)


def card(*models: ModelRates, **more: Any) -> RateCard:
    return RateCard("v", {"acme": models}, **more)


def model(*match: str, rates: tuple[Rate, ...] = (INPUT, OUTPUT), **more: Any) -> ModelRates:
    return ModelRates(match, rates, **more)


def test_nothing_changed() -> None:
    assert compare(card(model("m")), card(model("m"))).models == ()
    split = card(model("a", rates=(OUTPUT, INPUT)), model("b"))
    assert compare(card(model("a", "b")), split).models == (), "how entries are split and ordered is no change"


def test_the_same_price_for_another_number_of_units_is_no_change() -> None:
    assert compare(card(model("m")), card(model("m", rates=(Rate("input_tokens", "0.001"), OUTPUT)))).models == ()


def test_a_price_that_changed_is_told_once_for_all_that_changed_alike() -> None:
    dearer = structs.replace(INPUT, usd="1.5")
    (change,) = compare(
        card(model("a", "b"), model("c")), card(model("a", "b", rates=(dearer, OUTPUT)), model("c"))
    ).models
    assert (change.integration, change.models, change.kind) == ("acme", ("a", "b"), "changed")
    (price,) = change.prices
    assert (price.before, price.after, price.rate) == (INPUT, dearer, dearer)


def test_rates_are_told_apart_by_every_qualifier() -> None:
    for qualifier in ({"tier": "fast"}, {"region": "us"}, {"context_above": 5}, {"since": "2026-01-01"}, {"unit": "x"}):
        other = structs.replace(INPUT, **qualifier)
        (change,) = compare(card(model("m")), card(model("m", rates=(INPUT, OUTPUT, other)))).models
        assert [(price.before, price.after) for price in change.prices] == [(None, other)]
        (change,) = compare(card(model("m", rates=(INPUT, OUTPUT, other))), card(model("m"))).models
        assert [(price.before, price.after, price.rate) for price in change.prices] == [(other, None, other)]


def test_models_that_came_and_went() -> None:
    changes = compare(card(model("old")), RateCard("v", {"acme": (model("new"),), "bolt": (model("old"),)})).models
    found = [(change.integration, change.models, change.kind, len(change.prices)) for change in changes]
    assert found == [
        ("acme", ("new",), "added", 2),
        ("acme", ("old",), "removed", 2),
        ("bolt", ("old",), "added", 2),
    ]


def test_limits_and_fallbacks() -> None:
    old = card(model("m", window=5, output_max=1), fallbacks={"a": "b", "c": "d"})
    new = card(model("m", window=9, output_max=1), fallbacks={"a": "c", "e": "d"})
    changed = compare(old, new)
    (change,) = changed.models
    assert (change.prices, change.limits) == ((), {"window": (5, 9)})
    assert changed.fallbacks == {"a": ("b", "c"), "c": ("d", None), "e": (None, "d")}
