from pathlib import Path

from msgspec import json
from support.price_lists import Said, per_million

from proxy.price_lists.compare import compare
from proxy.price_lists.judge import Limits
from proxy.price_lists.report import REPORT_FILE, Report, last_report, report
from proxy.pricing.card import ModelRates, Rate, RateCard


def made(files: list[str] | None) -> Report:
    ours = ModelRates(("m", "m-*"), (Rate("input_tokens", "0.001", 1000), *per_million(output_tokens="2", x="1")))
    one = ModelRates(("m",), per_million(input_tokens="1.25", output_tokens="NaN", x="1"))
    two = ModelRates(("m",), (Rate("input_tokens", "0.00125", 1000), *per_million(output_tokens="2", x="1")))
    new = ModelRates(("n",), per_million(input_tokens="3"), 5)
    lists = [Said("one 1", {"acme": {"m": one, "n": new}}), Said("two 2", {"acme": {"m": two, "n": new}})]
    found = compare(RateCard("v", {"acme": (ours,)}), ["acme"], lists, Limits(), "2026-11-21")
    return report("2026-11-21T00:00:00Z", lists, (["acme"], ["bolt"]), found, files)


def test_prices_are_told_for_the_same_number_of_units() -> None:
    told = made(None)
    (accepted,), (quarantined,) = told.accepted, told.quarantined
    assert (accepted.ours_usd, dict(accepted.lists), accepted.per, accepted.change_pct) == (
        "1",
        {"one 1": "1.25", "two 2": "1.25"},
        1_000_000,
        "+25.0",
    )
    assert (accepted.models, accepted.unit, accepted.tier, accepted.context_above) == (
        ("m", "m-*"),
        "input_tokens",
        None,
        None,
    )
    assert (quarantined.verdict, dict(quarantined.lists), quarantined.change_pct) == (
        "no number",
        {"one 1": "NaN", "two 2": "2"},
        None,
    )
    assert told.prices == {"accepted": 1, "no number": 1, "same": 1}
    assert [(each.models, each.window, each.rates[0].usd) for each in told.new_models] == [(("n",), 5, "3")]
    assert (told.lists, told.integrations, told.not_compared) == (("one 1", "two 2"), ("acme",), ("bolt",))


def test_written_or_only_looked_at() -> None:
    assert (made(None).written, made(None).files) == (False, ())
    assert (made([]).written, made(["acme.synced.yaml"]).files) == (True, ("acme.synced.yaml",))


def test_the_last_report_is_read_again(tmp_path: Path) -> None:
    assert last_report(None) is None
    assert last_report(tmp_path) is None
    (tmp_path / REPORT_FILE).write_bytes(json.encode(made([])))
    assert last_report(tmp_path) == made([])
    (tmp_path / REPORT_FILE).write_text("{}")
    assert last_report(tmp_path) is None
