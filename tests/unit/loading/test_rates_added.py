"""Rows that are added to entries of other files, and files that say when all others were checked."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from proxy.loading.rates import load_rates, read_rates
from proxy.pricing.card import Conditions, ModelRates, RateCard

Write = Callable[..., Path]
UNITS = """
units:
  input_tokens: {family: tokens, meaning: in}
  output_tokens: {family: tokens, meaning: out}
  web_searches: {family: fees, meaning: searches}
"""
HEAD = "integration: p\nsource: somewhere\nchecked: 2026-11-21\n"
ONE = HEAD + 'models: [{match: [m], rates: [{unit: input_tokens, usd: "1"}]}]\n'


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a rates folder: `write(p=TEXT)` makes `p.yaml`, beside a registry of units."""

    def make(folder: str = "rates", units: str | None = UNITS, **files: str) -> Path:
        (tmp_path / folder).mkdir(exist_ok=True)
        for name, text in ({"units": units} if units else {}).items() | files.items():
            (tmp_path / folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        return tmp_path / folder

    return make


def found(card: RateCard, name: str) -> ModelRates:
    model = card.find("p", name)
    assert model is not None
    return model


def test_rows_are_added_to_entries_of_other_files_from_a_day_on(write: Write) -> None:
    base = """
regions: [{region: us, percent: "10", family: tokens, match: ["*"]}]
fees: [{match: ["*"], rates: [{unit: web_searches, usd: "5"}]}]
models: [{match: [m, n, "m-*"], window: 9, rates: [{usd: {input_tokens: "1", output_tokens: "2"}}]}]
"""
    more = """
held_against: [a list]
added:
  - match: [m, "m-*", gone]
    rates:
      - {since: 2026-12-01, usd: {input_tokens: "3", web_searches: "6"}}
      - {since: 2026-12-01, tier: x, usd: {input_tokens: "7"}}
"""
    card = load_rates(write(p=HEAD + base), write("own", units=None, p=HEAD + more))

    def usd(name: str, unit: str, date: str, **told: str) -> str | None:
        rate = found(card, name).choose(unit, Conditions(date=date, **told))
        return rate and rate.usd

    assert usd("m", "input_tokens", "2026-11-30") == "1"
    assert usd("m", "input_tokens", "2026-12-01") == "3"
    assert usd("m-1", "input_tokens", "2026-12-01", tier="x") == "7"
    assert usd("m", "input_tokens", "2026-12-01", region="us") == "3.3"
    assert usd("m", "input_tokens", "2026-11-30", region="us") == "1.1"
    assert usd("m", "output_tokens", "2026-12-01") == "2"
    assert usd("m", "web_searches", "2026-11-30") == "5"
    assert usd("m", "web_searches", "2026-12-01", region="us") == "6"
    assert usd("n", "input_tokens", "2026-12-01") == "1"
    assert found(card, "m").window == found(card, "n").window == 9
    assert card.find("p", "gone") is None


def test_of_two_files_that_add_the_operators_counts(write: Write) -> None:
    add = 'added: [{match: [m], rates: [{since: 2026-12-01, unit: input_tokens, usd: "%s"}]}]\n'
    card = load_rates(write(p=ONE, q=HEAD + add % 3), write("own", units=None, p=HEAD + add % 4))
    rate = found(card, "m").choose("input_tokens", Conditions(date="2026-12-02"))
    assert rate is not None
    assert rate.usd == "4"


@pytest.mark.parametrize(
    ("held", "checked"), [("", "2026-11-01"), ("2026-12-24", "2026-12-24"), ("2026-10-01", "2026-11-01")]
)
def test_checked_is_the_oldest_file_s_day_or_that_of_the_lists(write: Write, held: str, checked: str) -> None:
    files = {"p": ONE, "q": ONE.replace("2026-11-21", "2026-11-01").replace("[m]", "[n]")}
    if held:
        files["held"] = HEAD.replace("2026-11-21", held) + "held_against: [a list]\n"
    assert read_rates(write(**files)).checked == {"p": date.fromisoformat(checked)}
