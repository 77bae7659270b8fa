import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from proxy.bounds.asking import need
from proxy.bounds.keep import Keep
from proxy.bounds.measures import Addon, Measure, Variant
from proxy.bounds.search import Search
from proxy.bounds.spec import (
    BoundSpec,
    Counted,
    InputUnit,
    Kind,
    Media,
    Output,
    OutputUnit,
    Qualifier,
    Reference,
    Tool,
)
from proxy.bounds.worst import Worst, worst
from proxy.errors import Refusal, Refused
from proxy.pricing.card import ModelRates, Rate

DATE = "2026-11-21"
SPEC = BoundSpec(
    input=(InputUnit("input_tokens"), InputUnit("cache_write", keys=("cache_control",))),
    output=Output(
        units=(OutputUnit("output_tokens"), OutputUnit("output_audio_tokens", path="modalities", holds="audio")),
        maximum=("max_tokens",),
        times=("n",),
    ),
    lists=(Counted("messages"),),
    tiers=(Qualifier("service_tier", {"auto": ("standard",), "priority": ("priority", "standard")}),),
    media=(
        Media(
            "messages.*.content.*",
            (Kind(by="second", tokens=10, bytes_per=3, unit="input_audio_tokens"),),
            {"type": "audio"},
            data=("data",),
        ),
    ),
    references=(Reference("response", "previous_response_id", tokens=True),),
    tools=(
        Tool("tools.*", {"type": "search"}, uses="max_uses", uses_default=2, tokens=300, per_use={"searches": 1}),
        Tool("tools.*", {"type": "dream"}, per_use={"dreams": 1}),
        Tool("tools.*", {"type": "either"}, passes=0, per_use={"dreams": 1}, per_call={"searches": 5}),
        Tool("tools.*", {"type": "compact"}, output=60),
        Tool("tools.*", {"type": "advisor"}, model="model", maximum="max_tokens"),
        Tool("fallbacks.*", passes=0, model="model", maximum="max_tokens"),
    ),
)

Bound = Callable[..., Worst]


@pytest.fixture
def bound(model: ModelRates, make_prices: Any) -> Bound:
    def run(
        body: Any, *, spec: BoundSpec = SPEC, rates: ModelRates = model, others: Any = (), known: Any = None
    ) -> Worst:
        raw = json.dumps(body).encode()
        return worst(body, Search(raw), spec, rates, make_prices(None, *others), "small", known or {}, date=DATE)

    return run


def used(found: Worst, model: str = "small") -> dict[str, int]:
    total: dict[str, int] = {}
    for part in found.base:
        if part.of.rates.match == (model,):
            total[part.of.unit] = total.get(part.of.unit, 0) + part.count
    return total


def written(found: Worst) -> tuple[str, int]:
    return found.token[0].of.unit, found.token[0].count


def chat(**more: Any) -> dict[str, Any]:
    return {"model": "small", "messages": [{"role": "user", "content": "hi"}], **more}


def size(body: Any) -> int:
    return len(json.dumps(body))


def test_a_plain_call(bound: Bound) -> None:
    found = bound(chat(n=2))
    assert used(found) == {"input_tokens": size(chat(n=2))}
    assert written(found) == ("output_tokens", 2)
    assert (found.stated, found.limit) == (None, 500)
    assert found.parameter == ("max_tokens",)
    assert [part.of.conditions.date for part in (*found.base, *found.token)] == [DATE, DATE]


def test_cache_writes_only_where_the_body_can_ask_for_them(bound: Bound) -> None:
    assert list(used(bound(chat(system=[{"cache_control": {}}])))) == ["cache_write"]
    assert list(used(bound(chat(system="use cache_control")))) == ["input_tokens"]


def test_a_body_that_crosses_a_size_is_priced_above_it(bound: Bound) -> None:
    found = bound(chat(text="x" * 2000))
    assert found.base[0].of.conditions.context > 1000
    assert found.token[0].of.conditions.context > 1000


def test_tiers(bound: Bound) -> None:
    assert bound(chat()).base[0].of.conditions.tier is None
    assert bound(chat(service_tier="auto")).base[0].of.conditions.tier is None
    assert bound(chat(service_tier="Priority")).base[0].of.conditions.tier == "priority"
    assert bound(chat(service_tier="brand-new")).base[0].of.conditions.tier == "priority"
    with pytest.raises(Refused, match="service_tier"):
        bound(chat(service_tier=5))


def test_audio_output_when_it_is_asked_for_or_there_is_no_other(bound: Bound) -> None:
    assert written(bound(chat(modalities=["text", "audio"]))) == ("output_audio_tokens", 1)
    speaker = ModelRates(("s",), (Rate("input_tokens", "1"), Rate("output_audio_tokens", "2")))
    assert written(bound(chat(), rates=speaker)) == ("output_audio_tokens", 1)


def test_a_region_that_serves_the_call(make_prices: Any, model: ModelRates) -> None:
    dear = structs.replace(model, rates=(*model.rates, Rate("input_tokens", "7", region="far")))
    raw = json.dumps(chat()).encode()

    def priced(region: str | None) -> str | None:
        found = worst(chat(), Search(raw), SPEC, dear, make_prices(), "small", {}, date=DATE, region=region)
        return found.base[0].of.conditions.region

    assert [priced(None), priced("far")] == [None, "far"]


def test_what_is_kept_costs_by_the_hour(make_prices: Any, model: ModelRates) -> None:
    keeping = structs.replace(model, rates=(*model.rates, Rate("token_hours", "1", 1_000)))
    spec = BoundSpec(input=SPEC.input, keep=Keep("token_hours", "ttl", "until", 3_600))
    body = {"text": "hello", "ttl": "7199s"}
    raw = json.dumps(body).encode()
    found = worst(body, Search(raw), spec, keeping, make_prices(), "small", {}, date=DATE)
    assert used(found) == {"input_tokens": len(raw), "token_hours": 2 * len(raw)}
    free = worst(body, Search(raw), spec, model, make_prices(), "small", {}, date=DATE)
    assert used(free) == {"input_tokens": len(raw)}


def test_media_are_billed_in_their_own_unit(bound: Bound) -> None:
    body = chat(messages=[{"content": [{"type": "audio", "data": "A" * 40}]}])
    assert used(bound(body)) == {"input_audio_tokens": 100, "input_tokens": size(body) - 40}


def test_the_window_caps_the_input_and_the_dearest_tokens_fill_it(bound: Bound) -> None:
    assert used(bound(chat(text="x" * 50_000))) == {"input_tokens": 10_000}
    body = chat(messages=[{"content": [{"type": "audio", "data": "A" * 36_000}]}], text="x" * 9000)
    assert used(bound(body)) == {"input_audio_tokens": 10_000}


def test_without_a_window_the_bound_is_its_own(bound: Bound) -> None:
    free = ModelRates(("*",), (Rate("input_tokens", "0"), Rate("output_tokens", "0")))
    body = chat(text="x" * 50_000)
    assert used(bound(body, rates=free), "*") == {"input_tokens": size(body)}
    assert used(bound(chat(previous_response_id="r"), rates=free), "*")["input_audio_tokens"] >= SPEC.window


def test_a_named_answer_counts_as_known_else_as_the_window(bound: Bound) -> None:
    body = chat(previous_response_id="resp_1")
    assert used(bound(body, known={"resp_1": 40})) == {"input_audio_tokens": 40, "input_tokens": size(body)}
    assert used(bound(body)) == {"input_audio_tokens": 10_000}


def test_server_tools_read_the_input_again(bound: Bound) -> None:
    body = chat(tools=[{"type": "search", "max_uses": 2}], max_tokens=50)
    found = bound(body)
    assert used(found) == {"input_tokens": 3 * size(body) + 300 + 600, "searches": 2}
    assert [(part.of.unit, part.count) for part in found.token] == [("output_tokens", 1), ("input_tokens", 2)]
    assert found.base[0].of.conditions.context == 1001  # all passes together are beyond the size of 1,000


def test_media_are_read_again_too(bound: Bound) -> None:
    clip = {"type": "audio", "data": "A" * 40}
    body = chat(messages=[{"content": [clip]}], tools=[{"type": "search", "max_uses": 2}])
    text = 3 * (size(body) - 40) + 300 + 600
    assert used(bound(body)) == {"input_audio_tokens": 300, "input_tokens": text, "searches": 2}


def test_many_uses_are_capped_by_the_window_each(bound: Bound) -> None:
    found = bound(chat(tools=[{"type": "search", "max_uses": 10**9}]))
    assert used(found)["searches"] == 10**9
    assert used(found)["input_tokens"] < (10**9 + 1) * 10_000


def test_a_fee_without_a_rate_is_refused(bound: Bound) -> None:
    with pytest.raises(Refused) as refused:
        bound(chat(tools=[{"type": "dream"}]))
    assert refused.value.refusal is Refusal.UNPRICED_MODEL
    assert "dreams" in refused.value.message
    assert used(bound(chat(tools=[{"type": "either"}])))["searches"] == 5


def test_output_beyond_the_maximum(bound: Bound) -> None:
    assert used(bound(chat(tools=[{"type": "compact"}])))["output_tokens"] == 60


BIG = ModelRates(("big",), (Rate("input_tokens", "3"), Rate("output_tokens", "9")), window=2000, output_max=700)


def test_another_model_that_a_tool_calls(bound: Bound) -> None:
    body = chat(tools=[{"type": "advisor", "model": "big", "max_tokens": 90}], max_tokens=10)
    found = used(bound(body, others=[BIG]), "big")
    assert found["output_tokens"] == 90
    assert 2 * size(body) <= found["input_tokens"] <= 2000
    with pytest.raises(Refused, match="no price"):
        bound(chat(tools=[{"type": "advisor", "model": "nobody"}]))


def test_a_fallback_is_the_whole_call_again(bound: Bound) -> None:
    body = chat(fallbacks=[{"model": "big"}, {"model": "big", "max_tokens": 20}], max_tokens=50)
    found = used(bound(body, others=[BIG]), "big")
    assert found["output_tokens"] == 50 + 20
    assert found["input_tokens"] == 2 * size(body)


def test_what_a_tool_brings_along_is_read_in_every_pass(bound: Bound) -> None:
    prompt = Tool("tools.*", {"type": "dated_20*"}, prompt=1000, uses_default=0, passes=0)
    spec = structs.replace(SPEC, tools=(prompt, *SPEC.tools))
    body = chat(tools=[{"type": "dated_2026"}])
    assert used(bound(body, spec=spec))["input_tokens"] == size(body) + 1000
    body["tools"].append({"type": "search", "max_uses": 1})
    assert used(bound(body, spec=spec))["input_tokens"] == 2 * (size(body) + 1000) + 300


def test_another_model_may_bring_a_longer_preamble(bound: Bound) -> None:
    spec = structs.replace(SPEC, overhead=5, preambles={"big": 105})
    body = chat(
        fallbacks=[{"model": "big"}], tools=[{"type": "advisor", "model": "big", "max_tokens": 9}], max_tokens=9
    )
    found = bound(body, spec=spec, others=[BIG])
    alone = bound(body, others=[BIG])
    assert used(found)["input_tokens"] - used(alone)["input_tokens"] == 2 * 5
    assert used(found, "big")["input_tokens"] - used(alone, "big")["input_tokens"] >= 2 * 105


def test_a_call_without_output(bound: Bound) -> None:
    spec = BoundSpec(input=(InputUnit("input_tokens"),), inputs="input")
    body = {"input": ["x" * 9000, "y" * 9000]}
    found = bound(body, spec=spec)
    assert (found.token, found.limit) == ((), 0)
    assert used(found) == {"input_tokens": size(body)}


def test_images_by_the_piece(bound: Bound) -> None:
    output = Output(units=(OutputUnit("output_image_tokens"),), times=("n",), flat={"images": 1})
    spec = BoundSpec(input=(InputUnit("input_tokens"),), output=output)
    painter = ModelRates(("p",), (Rate("images", "0.04"),))
    found = bound({"prompt": "a", "n": 3}, spec=spec, rates=painter)
    assert (used(found, "p"), found.token) == ({"images": 3}, ())
    with pytest.raises(Refused, match="output_image_tokens"):
        bound({"prompt": "a"}, spec=spec)


@pytest.mark.parametrize("body", [chat(model=5), chat(messages="x"), chat(max_tokens="5"), chat(n=0)])
def test_fields_that_make_no_sense(bound: Bound, body: Any) -> None:
    with pytest.raises(Refused) as refused:
        bound(body)
    assert refused.value.refusal is Refusal.MALFORMED_REQUEST


@pytest.mark.parametrize("body", [None, 5, "text", [], [1, 2]])
def test_a_body_that_is_no_object_is_bounded_by_its_bytes(bound: Bound, body: Any) -> None:
    assert used(bound(body)) == {"input_tokens": size(body)}


# --- What the request itself tells


SPOKEN = ModelRates(
    ("voice",),
    (
        Rate("characters", "15", 1_000_000),
        Rate("characters", "30", 1_000_000, tier="hd"),
        Rate("requests", "5", 1_000_000),
    ),
)
TOLD = BoundSpec(
    output=Output(units=(OutputUnit("output_tokens"),)),
    measures=(Measure("characters", "characters", ("input",)), Measure("images", "call")),
    addons=(Addon("requests", "characters", {"extra": None}),),
    variants=(Variant("quality"),),
)


@pytest.mark.parametrize(
    ("body", "usd"),
    [
        ({"input": "x" * 100}, "0.0015"),
        ({"input": "x" * 100, "quality": "hd"}, "0.003"),
        ({"input": "x" * 100, "quality": "unheard of"}, "0.0015"),
        ({"input": "x" * 100, "extra": 1}, "0.002"),
    ],
)
def test_a_model_without_tokens_is_bounded_by_what_the_request_tells(
    make_prices: Callable[..., Any], body: Any, usd: str
) -> None:
    prices = make_prices(None, SPOKEN)
    found = worst(body, Search(json.dumps(body).encode()), TOLD, SPOKEN, prices, "voice", {}, date=DATE)
    assert need(found, "strict").ask.most == int(Decimal(usd) * 10**9)


def test_a_model_that_no_measure_has_a_rate_for_is_unpriced(make_prices: Callable[..., Any]) -> None:
    silent = ModelRates(("silent",), (Rate("pages", "1"),))
    with pytest.raises(Refused) as caught:
        worst({}, Search(b"{}"), TOLD, silent, make_prices(None, silent), "silent", {}, date=DATE)
    assert caught.value.refusal is Refusal.UNPRICED_MODEL
