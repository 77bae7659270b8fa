from collections.abc import Mapping

from support.price_lists import Said, per_million

from proxy.price_lists.compare import Comparison, compare
from proxy.price_lists.judge import Limits, Verdict
from proxy.pricing.card import ModelRates, Rate, RateCard

TODAY = "2026-11-21"
Models = Mapping[str, ModelRates]


def model(*rows: tuple[Rate, ...], match: tuple[str, ...] = ("m",)) -> ModelRates:
    return ModelRates(match, tuple(rate for row in rows for rate in row))


def compared(ours: ModelRates, one: Models, other: Models, alike: Mapping[str, str] | None = None) -> Comparison:
    card = RateCard("v", {"acme": (ours,)}, {"cache_read_tokens": "input_tokens"})
    lists = [Said("one", {"acme": one}, alike), Said("two", {"acme": other}, alike)]
    return compare(card, ["acme"], lists, Limits(), TODAY)


def told(found: Comparison) -> dict[tuple[str, ...], dict[tuple[str, str, int], str]]:
    result: dict[tuple[str, ...], dict[tuple[str, str, int], str]] = {}
    for each in found.findings:
        result.setdefault(each.models, {})[each.key] = each.verdict.value
    return result


def test_each_price_is_judged_by_tier_and_context() -> None:
    ours = model(
        per_million(input_tokens="1", output_tokens="2"),
        per_million("batch", input_tokens="0.5"),
        per_million(None, 200, input_tokens="2"),
        match=("m", "m-*"),
    )
    listed = model(
        per_million(input_tokens="1.2", output_tokens="2"),
        per_million("batch", input_tokens="0.5"),
        per_million(None, 200, input_tokens="9"),
    )
    found = compared(ours, {"m": listed}, {"m": listed})
    assert told(found) == {
        ("m", "m-*"): {
            ("input_tokens", "", 0): "accepted",
            ("output_tokens", "", 0): "same",
            ("input_tokens", "batch", 0): "same",
            ("input_tokens", "", 200): "jump",
        }
    }
    (accepted,), (jump,) = found.accepted, found.quarantined
    assert (accepted.rate.usd, accepted.ours and accepted.ours.usd, accepted.own) == ("1.2", "1", True)
    assert jump.quotes["two"].usd == "9"


def test_what_holds_today_counts() -> None:
    rates = (
        Rate("input_tokens", "1", 1),
        Rate("input_tokens", "2", 1, "2026-11-21"),
        Rate("input_tokens", "3", 1, "2026-11-22"),
        Rate("input_tokens", "9", 1, "2026-11-21", region="us"),
        Rate("input_tokens", "8", 1, "2026-11-21", hours=("sat-sun 00:00-24:00",)),
    )
    listed = model((Rate("input_tokens", "2", 1),))
    found = compared(model(rates), {"m": listed}, {"m": listed})
    assert told(found) == {("m",): {("input_tokens", "", 0): "same"}}


def test_a_price_that_we_have_through_another_is_no_news() -> None:
    ours = model(per_million(input_tokens="1"))
    same = model(per_million(input_tokens="1", cache_read_tokens="1"), per_million("batch", input_tokens="1"))
    less = model(per_million(input_tokens="1", cache_read_tokens="0.1"), per_million("batch", input_tokens="0.5"))
    assert set(told(compared(ours, {"m": same}, {"m": same}))["m",].values()) == {"same"}
    found = compared(ours, {"m": less}, {"m": less})
    assert [(each.key, each.own) for each in found.accepted] == [
        (("cache_read_tokens", "", 0), False),
        (("input_tokens", "batch", 0), False),
    ]


def test_units_that_a_list_does_not_tell_apart() -> None:
    ours = model(per_million(cache_write_5m_tokens="1.25", cache_write_1h_tokens="2"))
    listed = model(per_million(cache_write_tokens="1.3", cache_write_1h_tokens="2"))
    found = compared(ours, {"m": listed}, {"m": listed}, {"cache_write_5m_tokens": "cache_write_tokens"})
    assert told(found)["m",] == {
        ("cache_write_5m_tokens", "", 0): "accepted",
        ("cache_write_1h_tokens", "", 0): "same",
    }


def test_names_of_an_entry_that_part_go_alone() -> None:
    ours = model(per_million(input_tokens="1"), match=("m", "n", "o", "m-*"))
    at = {usd: model(per_million(input_tokens=usd)) for usd in ("1", "1.2")}
    listed = {"m": at["1.2"], "n": at["1"], "o": at["1.2"]}
    key = ("input_tokens", "", 0)
    assert told(compared(ours, listed, listed)) == {("m", "o"): {key: "accepted"}, ("n",): {key: "same"}}
    listed = {"m": at["1.2"], "o": at["1.2"]}
    assert told(compared(ours, listed, listed)) == {("m", "n", "o", "m-*"): {key: "accepted"}}


def test_models_that_nobody_lists_are_not_judged() -> None:
    assert told(compared(model(per_million(input_tokens="1")), {}, {})) == {}
    assert told(compared(model((), match=("m",)), {"m": model(per_million(x="1"))}, {})) == {}


def test_new_models_are_those_of_which_all_lists_say_the_same() -> None:
    ours = model(per_million(input_tokens="1"))
    good = model(per_million(input_tokens="3", output_tokens="4"))
    extra = ModelRates(("a",), (*good.rates, *per_million(cache_read_tokens="0.3")), window=7, output_max=2)
    torn = model(per_million(input_tokens="3", output_tokens="5"))
    free = model(per_million(input_tokens="0"))
    one = {"m": ours, "a": good, "b": good, "c": good, "d": good, "e": free, "only": good}
    other = {"m": ours, "a": extra, "b": good, "c": torn, "d": model(per_million(input_tokens="-3")), "e": free}
    found = compared(ours, one, other)
    assert [(each.models, each.window, each.output_max) for each in found.new] == [(("a",), 7, 2), (("b",), None, None)]
    both = [("input_tokens", "3"), ("output_tokens", "4")]
    assert [[(rate.unit, rate.usd) for rate in each.rates] for each in found.new] == [both, both]
    assert {(each.models, each.verdict) for each in found.quarantined} == {
        (("c",), Verdict.DIFFER),
        (("d",), Verdict.NEGATIVE),
        (("e",), Verdict.ZERO),
    }


def test_new_models_that_cost_the_same_are_one() -> None:
    good = model(per_million(input_tokens="3"))
    found = compared(model(per_million(input_tokens="1")), {"a": good, "b": good}, {"a": good, "b": good})
    assert [each.models for each in found.new] == [("a", "b")]
