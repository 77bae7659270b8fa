from typing import Any

import pytest

from proxy.cli.explain import CERTAINTIES, explanation, levels, lines
from proxy.usage.certainty import Certainty

LEVEL = {
    "level": "tenant",
    "tenant": "t",
    "integration": None,
    "meter": None,
    "pct": None,
    "wins": False,
    "default": False,
}
GLOBAL = LEVEL | {"level": "global", "tenant": None, "pct": "20", "wins": True, "default": True}
FILE = {"file": "acme.yaml", "owner": "operator", "source": "a contract", "checked": "2026-11-01"}


def line(**rate: Any) -> dict[str, Any]:
    return {
        "model": "m-new",
        "priced_as": "m-1",
        "unit": "cache_read_tokens",
        "quantity": 1200,
        "conditions": {"tier": "fast", "region": "us", "context": 2000, "date": "2026-11-21"},
        "rate": {
            "unit": "input_tokens",
            "usd": "2.5",
            "per": 1_000_000,
            "tier": "fast",
            "region": "us",
            "context_above": 1000,
            "hours": ["mon-fri 01:00-04:00"],
            "since": "2026-01-01",
            "source": "row 7",
            "file": FILE,
        }
        | rate,
        "margin_level": "global",
        "margin_pct": "20",
        "levels": [LEVEL, GLOBAL],
        "exact_upstream_cost_nanos": "3000000",
        "exact_charge_nanos": "3600000",
        "upstream_cost_nanos": 3_000_000,
        "charge_nanos": 3_600_000,
    }


def test_every_certainty_has_its_sentence() -> None:
    assert set(CERTAINTIES) == {certainty.value for certainty in Certainty}


def test_a_line_says_what_chose_its_rate(capsys: pytest.CaptureFixture[str]) -> None:
    lines([line()])
    told = capsys.readouterr().out
    for words in (
        "tier fast, region us, context 2,000 is above 1,000, hours mon-fri 01:00-04:00, since 2026-01-01",
        "as input_tokens: it has no rate of its own",
        "priced as m-1: m-new has no rates",
        "row 7, in operator's acme.yaml of 2026-11-01",
        "2.5  1,000,000",
        "20 % (global)      0.0036",
    ):
        assert words in told


def test_a_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    plain = dict.fromkeys(("tier", "region", "context_above", "since", "source", "file")) | {"hours": []}
    lines([line(unit="cache_read_tokens", **plain) | {"priced_as": "m-new"}])
    assert "standard tier  -" in capsys.readouterr().out


def test_levels_are_told_once_for_all_units_that_have_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    other = line() | {"unit": "output_tokens", "levels": [LEVEL | {"pct": "0", "wins": True}, GLOBAL | {"wins": False}]}
    levels([line(), line() | {"unit": "input_tokens"}, other])
    told = capsys.readouterr().out
    assert told.count("decides (built in: none was set)") == 1
    assert "margin of cache_read_tokens, input_tokens: the first level" in told
    assert "margin of output_tokens: the first level" in told
    assert "not set" in told


def test_a_charge_that_does_not_come_out_the_same_is_shouted(capsys: pytest.CaptureFixture[str]) -> None:
    story = {
        "id": "call_1", "tenant": "t", "key": "k", "integration": "acme", "endpoint": "chat", "model": "m",
        "outcome": "answered", "status": 200, "refusal": None, "session": "call_0",
        "meaning": "it was answered", "remedy": None, "started_at": "2026-11-21T00:00:00Z",
        "ended_at": "2026-11-21T00:00:01Z", "balance_before_nanos": 5, "hold": None, "entry": None,
        "exposures": [], "work": None,
    }  # fmt: skip
    charge = {
        "certainty": "at_least", "rate_card": "c", "margins": 2, "lines": [], "unpriced": [{"model": "m", "unit": "u"}],
        "exact_upstream_cost_nanos": None, "exact_charge_nanos": None, "upstream_cost_nanos": 7, "charge_nanos": 9,
        "agrees": False, "note": "rate card c has no rates for acme/m", "reported_cost": "0.1", "paid_nanos": 4,
        "waived_nanos": 0, "shortfall_nanos": 5, "exposure_nanos": 4, "by_report": True, "rated_cost_nanos": 90_000_000,
    }  # fmt: skip
    explanation({"call": story, "charge": charge, "balance_before_nanos": 5, "balance_after_nanos": 1})
    told = capsys.readouterr().out
    for words in (
        "u of m has no rate, so it cost nothing",
        "call_0",
        "rate card c has no rates for acme/m",
        "NOT the same: run faregate ledger verify",
        "at_least: the answer was cut short",
        "0.000000005 USD of the charge",
        "0.1 USD, which was charged; by our rates it is 0.09 USD",
    ):
        assert words in told
