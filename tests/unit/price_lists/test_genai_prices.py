import sys
from datetime import UTC, date, time
from decimal import Decimal

import pytest
from genai_prices.types import (
    ClauseContains,
    ClauseEquals,
    ClauseOr,
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from proxy.errors import BadConfig
from proxy.loading.shipped import shipped
from proxy.price_lists.genai_prices import GenaiPrices, load_genai_prices
from proxy.price_lists.mapping import ContextLexicon, load_lexicon
from proxy.price_lists.merge import key_of
from proxy.price_lists.sources import FOLDER

LEXICON = load_lexicon(shipped("config") / FOLDER / "genai-prices.yaml", ContextLexicon)
DAY = date(2026, 11, 21)


def prices(*models: ModelInfo, day: date = DAY) -> GenaiPrices:
    return GenaiPrices("x 1", DAY, [Provider("openai", "OpenAI", "", models=list(models))], LEXICON, day)


def told(found: GenaiPrices, model: str = "m") -> dict[tuple[str, str, int], str]:
    model_ = found.find("openai", model)
    assert model_ is not None
    return {key_of(rate): f"{rate.usd}/{rate.per}" for rate in model_.rates}


def test_prices_with_context_and_tier() -> None:
    tiered = TieredPrices(Decimal("1.25"), [Tier(200_000, Decimal("2.5"))])
    model = ModelInfo(
        "m",
        ClauseEquals("m"),
        context_window=7,
        prices=ModelPrice(input_mtok=tiered, output_mtok=Decimal(10), web_searches_kcount=Decimal(14)),
        price_variants=[PriceVariant({"processing": "batch"}, ModelPrice(output_mtok=Decimal(5)))],
    )
    found = prices(model)
    standard = {
        ("input_tokens", "", 0): "1.25/1000000",
        ("input_tokens", "", 200_000): "2.5/1000000",
        ("output_tokens", "", 0): "10/1000000",
        ("web_searches", "", 0): "14/1000",
    }
    batch = {(unit, "batch", above): usd for (unit, _, above), usd in standard.items()}
    assert told(found) == standard | batch | {("output_tokens", "batch", 0): "5/1000000"}
    listed = found.find("openai", "m")
    assert listed is not None
    assert listed.window == 7


def test_a_price_from_its_day_on() -> None:
    until, since = ModelPrice(input_mtok=Decimal(1)), ModelPrice(input_mtok=Decimal(2))
    model = ModelInfo(
        "m",
        ClauseEquals("m"),
        prices=[
            ConditionalPrice(prices=until),
            ConditionalPrice(StartDateConstraint(date(2026, 11, 21)), prices=since),
        ],
    )
    assert told(prices(model, day=date(2026, 11, 20))) == {("input_tokens", "", 0): "1/1000000"}
    assert told(prices(model)) == {("input_tokens", "", 0): "2/1000000"}


def test_of_hours_that_differ_the_dearest_counts() -> None:
    night = TimeOfDateConstraint(time(1, tzinfo=UTC), time(9, tzinfo=UTC))
    cheap, dear = ModelPrice(input_mtok=Decimal(1)), ModelPrice(input_mtok=Decimal(10))
    for at_night, else_ in ((cheap, dear), (dear, cheap)):
        conditional = [ConditionalPrice(prices=else_), ConditionalPrice(night, prices=at_night)]
        assert told(prices(ModelInfo("m", ClauseEquals("m"), prices=conditional))) == {
            ("input_tokens", "", 0): "10/1000000"
        }


def test_names_are_those_that_are_spelt_out_and_lead_back() -> None:
    price = ModelPrice(input_mtok=Decimal(1))
    first = ModelInfo(
        "a", ClauseOr([ClauseEquals("a"), ClauseEquals("a-latest"), ClauseStartsWith("a-2")]), prices=price
    )
    shadowed = ModelInfo("a-21", ClauseContains("zz"), prices=price)
    found = prices(first, shadowed)
    assert list(found.names("openai")) == ["a", "a-latest"]
    assert told(found, "a-2026-01-01")
    assert found.find("openai", "b") is None
    assert (found.find("nobody", "a"), list(found.names("nobody"))) == (None, [])


def test_the_installed_package() -> None:
    found = load_genai_prices(LEXICON, DAY)
    assert found.title.startswith("genai-prices 0.")
    names = list(found.names("openai"))
    assert len(names) > 100
    assert all(found.find("openai", name) for name in names)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    with pytest.raises(BadConfig, match="genai-prices: the package is not installed; pip install genai-prices"):
        load_genai_prices(LEXICON, DAY)
