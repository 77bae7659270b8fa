from datetime import date
from pathlib import Path

import pytest
from support.price_lists import per_million

from proxy.errors import BadConfig
from proxy.price_lists.compare import Finding, NewModel
from proxy.price_lists.judge import Verdict
from proxy.price_lists.synced import file_of, grown, load_synced, text_of
from proxy.pricing.card import Rate

LISTS = ("one 1", "two 2")
DAYS = (date(2026, 11, 20), date(2026, 11, 21))


def accepted(unit: str, usd: str, *models: str, tier: str = "", above: int = 0) -> Finding:
    quotes = {"one 1": Rate("other", usd, 1_000_000), "two 2": Rate("other", "9", 1)}
    return Finding("acme", models or ("m",), (unit, tier, above), Verdict.ACCEPTED, None, True, quotes)


def test_what_was_accepted_is_added_below_what_was_before(tmp_path: Path) -> None:
    new = NewModel("acme", ("x", "null"), (*per_million(input_tokens="3"), Rate("images", "0.1")), 100, None)
    first = grown(None, "acme", LISTS, DAYS, [accepted("input_tokens", "1"), accepted("output_tokens", "2")], [new])
    file_of(tmp_path, "acme").write_text(text_of(first))
    assert load_synced(tmp_path, "acme") == first
    later = (date(2026, 11, 1), date(2026, 11, 25))
    more = [accepted("input_tokens", "1.1", "m", "o", tier="batch", above=200)]
    second = grown(first, "acme", ("one 2", "two 2"), later, more, [])
    file_of(tmp_path, "acme").write_text(text_of(second))
    assert load_synced(tmp_path, "acme") == second
    assert (
        text_of(second).split("\n\n", 1)[1]
        == """\
integration: acme
source: "one 2 and two 2"
checked: 2026-11-20
held_against: ["one 2", "two 2"]
per: 1000000

models:
  - match: [x, "null"]
    window: 100
    rates:
      - {since: 2026-11-21, source: "one 1 and two 2", usd: {input_tokens: "3"}}
      - {since: 2026-11-21, per: 1, source: "one 1 and two 2", usd: {images: "0.1"}}

added:
  - match: [m]
    rates:
      - {since: 2026-11-21, source: "one 1 and two 2", usd: {input_tokens: "1", output_tokens: "2"}}
  - match: [m, o]
    rates:
      - {since: 2026-11-25, tier: batch, context_above: 200, source: "one 2 and two 2", usd: {input_tokens: "1.1"}}
"""
    )


def test_a_file_that_is_another_s_is_refused(tmp_path: Path) -> None:
    assert load_synced(tmp_path, "acme") is None
    file_of(tmp_path, "acme").write_text(text_of(grown(None, "bolt", LISTS, DAYS, [], [])))
    with pytest.raises(BadConfig, match=r"acme\.synced\.yaml: at integration: 'bolt' is another one"):
        load_synced(tmp_path, "acme")
    file_of(tmp_path, "acme").write_text("integration: acme\nmine: 1\n")
    with pytest.raises(BadConfig, match="at mine: there is no such key"):
        load_synced(tmp_path, "acme")
