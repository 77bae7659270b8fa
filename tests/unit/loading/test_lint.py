"""An operator's rates, looked over: what is wrong, and what is right but hardly meant."""

from datetime import date
from pathlib import Path

import pytest

from proxy.loading.lint import STALE_DAYS, Lint, lint
from proxy.loading.shipped import shipped

TODAY = date(2026, 11, 21)
UNITS = """
units:
  input_tokens: {family: tokens, meaning: in}
  cache_read_tokens: {family: tokens, meaning: cached, fallback: input_tokens}
  cache_read_audio_tokens: {family: tokens, meaning: cached, fallback: cache_read_tokens}
  web_searches: {family: fees, meaning: searches}
"""
HEAD = "integration: p\nsource: somewhere\nchecked: 2026-11-21\n"
BUILT_IN = """
models:
  - match: [m, m-2, "m-20??"]
    rates: [{usd: {input_tokens: "1", cache_read_tokens: "0.1", cache_read_audio_tokens: "0.2", web_searches: "5"}}]
"""


@pytest.fixture
def built_in(tmp_path: Path) -> Path:
    folder = tmp_path / "rates"
    folder.mkdir()
    (folder / "units.yaml").write_text(UNITS)
    (folder / "p.yaml").write_text(HEAD + BUILT_IN)
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


def found(built_in: Path, own: Path, *models: str, head: str = HEAD) -> Lint:
    (own / "mine.yaml").write_text(head + "models:\n" + "".join(f"  - {each}\n" for each in models))
    return lint(built_in, own, TODAY)


GOOD = 'rates: [{usd: {input_tokens: "1", cache_read_tokens: "0", cache_read_audio_tokens: "0", web_searches: "0"}}]'


def test_good_rates(built_in: Path, own: Path) -> None:
    told = found(built_in, own, f"{{match: [m], {GOOD}}}", '{match: [x, "x-*"], rates: [{usd: {input_tokens: "2"}}]}')
    assert (told.problems, told.warnings) == ((), ())
    assert told.card is not None
    assert told.card.find("p", "x-1") is not None


def test_every_problem_is_told_with_its_file(built_in: Path, own: Path) -> None:
    bad = ('{match: [x], rates: [{usd: {input_tokens: "-1"}}]}', "{match: [y], rates: []}")
    told = found(built_in, own, *bad)
    assert (told.card, told.warnings) == (None, ())
    assert len(told.problems) == 2
    assert all(str(own / "mine.yaml") in problem and "; " in problem for problem in told.problems)


def test_an_entry_that_leaves_out_what_the_one_it_replaces_prices(built_in: Path, own: Path) -> None:
    told = found(built_in, own, '{match: [m], rates: [{usd: {input_tokens: "1", cache_read_tokens: "0.1"}}]}')
    cached, searches = told.warnings
    lost = "has a price in the built-in entry that this one replaces, none here, so it"
    assert cached == f"mine.yaml: m: cache_read_audio_tokens {lost} is priced as cache_read_tokens; add its price"
    assert searches == f"mine.yaml: m: web_searches {lost} costs nothing; add its price"


def test_a_pattern_that_does_not_reach_built_in_names(built_in: Path, own: Path) -> None:
    (warning,) = found(built_in, own, f'{{match: ["m*"], {GOOD}}}').warnings
    assert warning == "mine.yaml: m*: the pattern does not reach m, m-2, which are built in; name those you mean"
    assert found(built_in, own, f'{{match: [m, m-2, "m*"], {GOOD}}}').warnings == ()


def test_a_price_that_only_begins_later(built_in: Path, own: Path) -> None:
    later = '{match: [x], rates: [{since: 2027-01-01, usd: {input_tokens: "1"}}]}'
    (warning,) = found(built_in, own, later).warnings
    assert warning.startswith("mine.yaml: x: input_tokens has no price before 2027-01-01; add a rate")
    both = '{match: [x], rates: [{usd: {input_tokens: "2"}}, {since: 2027-01-01, usd: {input_tokens: "1"}}]}'
    assert found(built_in, own, both).warnings == ()


def test_prices_that_were_not_checked_for_long(built_in: Path, own: Path) -> None:
    old = HEAD.replace("2026-11-21", "2026-08-01")
    (warning,) = found(built_in, own, f"{{match: [m], {GOOD}}}", head=old).warnings
    assert warning.startswith("mine.yaml: checked 2026-08-01, 112 days ago; hold it against its source")
    edge = date.fromordinal(TODAY.toordinal() - STALE_DAYS).isoformat()
    assert found(built_in, own, f"{{match: [m], {GOOD}}}", head=HEAD.replace("2026-11-21", edge)).warnings == ()


def test_without_a_folder_the_built_in_rates_are_looked_over(built_in: Path) -> None:
    assert lint(built_in, None, TODAY).warnings == ()
    assert "p.yaml: checked 2026-11-21" in lint(built_in, None, date(2027, 11, 21)).warnings[0]


def test_the_shipped_rates_are_as_meant() -> None:
    told = lint(shipped("rates"), None, TODAY)
    assert (told.problems, told.warnings) == ((), ())
