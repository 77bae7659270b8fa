from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from support.price_lists import Said, per_million

from proxy.loading.rates import load_rates
from proxy.price_lists.draft import draft
from proxy.price_lists.listing import PriceList
from proxy.pricing.card import ModelRates, Rate

DAY = date(2026, 11, 21)
UNITS = "units:\n" + "".join(
    f"  {unit}: {{family: f, meaning: m}}\n" for unit in ("input_tokens", "output_tokens", "characters", "web_searches")
)


def model(*rows: tuple[Rate, ...], window: int | None = None, output_max: int | None = None) -> ModelRates:
    return ModelRates(("m",), tuple(rate for row in rows for rate in row), window, output_max)


def drafted(*lists: PriceList) -> str:
    return draft("acme", lists, Fraction(1), DAY)


def test_what_both_say_and_what_they_do_not() -> None:
    both = per_million(input_tokens="1", output_tokens="2")
    one = Said(
        "one 1",
        {
            "acme": {
                "m": model(both, window=10),
                "m-latest": model(both, window=10),
                "n.1": model(per_million(input_tokens="3")),
                "p": model(per_million(input_tokens="5", output_tokens="-1")),
            }
        },
    )
    other = Said(
        "two 2",
        {
            "acme": {
                "m": model(per_million(input_tokens="1.005", output_tokens="2"), window=20, output_max=5),
                "m-latest": model(both, window=20, output_max=5),
                "p": model(per_million(input_tokens="4", output_tokens="NaN")),
            }
        },
    )
    assert (
        drafted(one, other).split("models:\n")[1]
        == """\
  - match: [m, m-latest]
    window: 20
    output_max: 5
    rates:
      - {usd: {input_tokens: "1", output_tokens: "2"}}
  # only in one 1
  - match: [n.1]
    rates:
      - {usd: {input_tokens: "3"}}
  # input_tokens: one 1 5, two 2 4
  # output_tokens: no list has a usable price
  - match: [p]
    rates:
      - {usd: {input_tokens: "5"}}
"""
    )


def test_rows_by_tier_and_context_and_no_tier_that_changes_nothing() -> None:
    listed = model(
        per_million(input_tokens="1", output_tokens="2"),
        per_million(None, 200_000, input_tokens="2"),
        per_million("batch", input_tokens="0.5", output_tokens="2"),
        per_million("flex", input_tokens="1", output_tokens="2"),
        per_million("flex", 200_000, input_tokens="2"),
        (Rate("web_searches", "10", 1000),),
    )
    text = drafted(Said("one", {"acme": {"m": listed}}))
    assert (
        text.split("    rates:\n")[1]
        == """\
      - {usd: {input_tokens: "1", output_tokens: "2"}}
      - {per: 1000, usd: {web_searches: "10"}}
      - {context_above: 200000, usd: {input_tokens: "2"}}
      - {tier: batch, usd: {input_tokens: "0.5"}}
"""
    )


def test_a_draft_loads_and_prices_what_the_list_says(tmp_path: Path) -> None:
    names = [f"vendor/model-{number}:v@{number}" for number in range(40)] + ["1", "null", "on", "2026-01-01"]
    listed = model(per_million(input_tokens="0.1", output_tokens="30"), (Rate("characters", "4", 1000),), window=9)
    text = drafted(Said("one: 1 'x' \"y\"", {"acme": dict.fromkeys(names, listed)}))
    (tmp_path / "units.yaml").write_text(UNITS)
    (tmp_path / "acme.yaml").write_text(text)
    card = load_rates(tmp_path)
    assert max(map(len, text.splitlines())) <= 120
    for name in names:
        found = card.find("acme", name)
        assert found is not None
        assert {(rate.unit, rate.usd, rate.per) for rate in found.rates} == {
            ("input_tokens", "0.1", 1_000_000),
            ("output_tokens", "30", 1_000_000),
            ("characters", "4", 1000),
        }


def test_an_integration_that_no_list_knows() -> None:
    with pytest.raises(LookupError):
        drafted(Said("one", {"acme": {"m": model()}}))
