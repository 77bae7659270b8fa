import json
from typing import Any

import pytest

from proxy.bounds.asking import Need, need
from proxy.bounds.plain import plain_need, shape_of
from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec, Counted, InputUnit, Kind, Media, Output, OutputUnit, Qualifier, Tool
from proxy.bounds.worst import worst
from proxy.errors import Refused
from proxy.pricing.card import ModelRates
from proxy.pricing.formula import Prices

DATE = "2026-11-21"
SPEC = BoundSpec(
    input=(InputUnit("input_tokens"), InputUnit("cache_write", keys=("cache_control",))),
    output=Output(
        units=(OutputUnit("output_tokens"), OutputUnit("output_audio_tokens", path="modalities", holds="audio")),
        maximum=("config|settings.most|most_tokens", "max_tokens"),
        times=("n",),
    ),
    overhead=20,
    preambles={"terse": 3},
    wrapping='{"messages":[]}',
    aside=("stream", "model", "labels", "config|settings.heat"),
    lists=(Counted("messages", each=8, wrapping='{"content":""},'),),
    tiers=(Qualifier("service_tier", {"auto": ("standard",), "priority": ("priority", "standard")}),),
    media=(Media("messages.*.content.*", (Kind(by="item", tokens=50),), {"type": "image"}, data=("data",)),),
    tools=(Tool("tools.*"), Tool("", models=("searcher",), tokens=7)),
)


@pytest.fixture
def prices(make_prices: Any) -> Prices:
    made: Prices = make_prices()
    return made


def plainly(body: Any, model: ModelRates, prices: Prices, *, spec: BoundSpec = SPEC, name: str = "m") -> Need | None:
    search = Search(json.dumps(body).encode())
    return plain_need(body, search, spec, model, prices, name, "fair", date=DATE)


def at_length(body: Any, model: ModelRates, prices: Prices, name: str = "m") -> Need:
    search = Search(json.dumps(body).encode())
    return need(worst(body, search, SPEC, model, prices, name, {}, date=DATE), "fair")


def chat(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"content": text}], **more}


SHAPES: list[dict[str, Any]] = [
    {},
    {"max_tokens": 40},
    {"max_tokens": 10**6},
    {"max_tokens": None},
    {"n": 3},
    {"service_tier": "priority"},
    {"service_tier": "never heard of"},
    {"config": {"most": 30}},
    {"settings": {"most_tokens": 60, "temperature": 0.5}},
    {"settings": {}},
    {"cache_control": {}},
    {"modalities": "audio"},
    {"stream": True, "labels": {"a": ["b"]}},
    {"config": {"most": 30, "heat": 0.5}},
    {"n": 3, "config": {}},
    {"config": {"n": 3}},
]


@pytest.mark.parametrize("more", SHAPES)
@pytest.mark.parametrize("sizes", [(1, 900, 2000, 30), (20_000, 5)])
def test_what_is_remembered_is_what_the_long_way_gives(
    more: dict[str, Any], sizes: tuple[int, ...], model: ModelRates, prices: Prices
) -> None:
    """Sizes cross a size of context (1,000) and the window (10,000), in both directions."""
    for size in sizes:
        body = chat("x" * size, **more)
        assert plainly(body, model, prices) == at_length(body, model, prices)


def test_shapes_do_not_mix(model: ModelRates, prices: Prices) -> None:
    for more in (*SHAPES, *reversed(SHAPES)):
        assert plainly(chat(**more), model, prices) == at_length(chat(**more), model, prices)


@pytest.mark.parametrize(
    "more",
    [{"max_tokens": True}, {"max_tokens": 1.0}, {"max_tokens": "1"}, {"n": 0}, {"service_tier": 1}, {"messages": "x"}],
)
def test_what_makes_no_sense_is_refused_also_after_its_like_was_remembered(
    more: dict[str, Any], model: ModelRates, prices: Prices
) -> None:
    for plain in (chat(max_tokens=1), chat(n=1), chat(service_tier="1"), chat()):
        plainly(plain, model, prices)
    for _ in range(2):
        with pytest.raises(Refused):
            plainly(chat(**more), model, prices)


@pytest.mark.parametrize(
    "body",
    [
        chat(tools=[{}]),
        {"messages": [{"content": [{"type": "image", "data": "AAAA"}]}]},
        chat(modalities=["audio"]),
        chat(config={"most": [3]}),
        chat(service_tier="x" * 65),
        chat(config={"other": "x" * 65}),
    ],
)
def test_what_is_not_plain_goes_the_long_way(body: Any, model: ModelRates, prices: Prices) -> None:
    assert plainly(body, model, prices) is None


def test_a_model_that_searches_by_itself_is_not_plain(model: ModelRates, prices: Prices) -> None:
    for _ in range(2):
        assert plainly(chat(), model, prices, name="searcher") is None
        assert plainly(chat(), model, prices, name="m") is not None


def test_bounds_that_are_no_plain_text(model: ModelRates, prices: Prices) -> None:
    text = (InputUnit("input_tokens"),)
    flat = Output(units=(OutputUnit("output_tokens"),), flat={"images": 1})
    prompts = Output(units=(OutputUnit("output_tokens"),), prompts="prompt")
    for spec in (BoundSpec(text), BoundSpec(text, flat), BoundSpec(text, prompts)):
        assert plainly({"prompt": "a"}, model, prices, spec=spec) is None


def test_a_shape_is_all_that_the_bound_looks_at() -> None:
    assert set(SPEC.watched) == {"model", "service_tier", "config", "settings", "max_tokens", "n", "modalities"}
    assert shape(chat("a", temperature=1)) == shape(chat("b"))
    assert shape(chat(n=1)) != shape(chat(n=True)) != shape(chat(n=1.0))
    assert shape(chat(config={"n": 1})) != shape(chat(settings={"n": 1})) != shape(chat(settings={}, n=1))
    assert shape(chat(stream=True)) == shape(chat())


def shape(body: dict[str, Any]) -> tuple[object, ...]:
    looked = shape_of(body, SPEC)
    assert looked is not None
    return looked[0]
