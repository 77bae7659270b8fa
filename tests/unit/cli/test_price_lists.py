from importlib import metadata
from pathlib import Path

import pytest
import yaml
from support.price_lists import map_file


def test_draft_of_an_integration(console, tmp_path: Path) -> None:
    entry = {
        "litellm_provider": "crusoe",
        "mode": "chat",
        "input_cost_per_token": 1e-06,
        "output_cost_per_token": 2e-06,
    }
    path = str(map_file(tmp_path, {"crusoe/some/model": entry}))
    ran = console.run("rates", "draft", "crusoe", "--litellm", path)
    assert ran.code == 0
    assert yaml.safe_load(ran.out)["models"] == [
        {"match": ["some/model"], "rates": [{"usd": {"input_tokens": "1", "output_tokens": "2"}}]}
    ]
    document = console.done("rates", "draft", "crusoe", "--litellm", path)
    assert document["integration"] == "crusoe"
    assert document["lists"][1] == "litellm (prices.json)"
    assert document["file"] == ran.out


def test_draft_of_what_no_list_knows(console, tmp_path: Path) -> None:
    said = console.failed("rates", "draft", "nobody", "--litellm", str(map_file(tmp_path, {})))
    assert "no price of nobody is in genai-prices" in said


def test_a_list_whose_package_is_missing_is_named(console, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = metadata.distribution

    def distribution(name: str) -> metadata.Distribution:
        if name == "litellm":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(metadata, "distribution", distribution)
    assert console.run("rates", "draft", "nobody").err.startswith("warning: litellm: the package is not installed")


def test_sync_asks_the_server(faregate) -> None:
    document = faregate.done("rates", "sync")
    assert (document["report"]["prices"], document["reload"]) == ({"accepted": 1, "jump": 1, "same": 3}, None)
    ran = faregate.run("rates", "sync")
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[1] == ["accepted"]
    assert " ".join(lines[2]) == "integration model unit when per ours one 1 two 2 change verdict"
    row = "acme small, small-1 and 2 more input_tokens standard 1,000,000 1 1.2 1.2 +20.0 % accepted"
    assert lines[3] == row.split()
    jump = "acme small, small-1 and 2 more input_tokens batch above 1,000 1,000,000 1 - 9 +20.0 % jump"
    assert lines[7] == jump.split()
    assert lines[-1] == ["acme", "large", "input_tokens", "batch", "above", "200,000", "3", "/", "1,000,000"]
    assert ran.err.splitlines() == [
        "one 1, two 2; prices: 1 accepted, 1 jump, 3 same",
        "not in both lists: bolt",
        "nothing was written: add --write",
    ]
    assert faregate.run("rates", "sync", "--write").err.splitlines()[-1] == "written: acme.synced.yaml"
    assert "go with --offline" in faregate.failed("rates", "sync", "--jump", "80", code=2)


def test_sync_without_a_server(console, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "faregate.yaml").write_text("rates_dir: mine\nrates_sync: {litellm: prices.json, jump_pct: 1}\n")
    entry = {"litellm_provider": "openai", "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05}
    map_file(tmp_path, {"gpt-4o": entry})
    report = console.done("rates", "sync", "--offline", "--write")
    assert (report["lists"][1], report["written"]) == ("litellm (prices.json)", True)
    assert report["integrations"] == ["openai"]
    assert report["prices"]["same"] >= 2
    assert (tmp_path / "mine" / "synced.json").exists()
    map_file(tmp_path, {"gpt-4o": entry | {"input_cost_per_token": -1}})
    found = console.done("rates", "sync", "--offline")["quarantined"]
    assert ("gpt-4o", "negative") in [(each["models"][0], each["verdict"]) for each in found]
    (tmp_path / "faregate.yaml").unlink()
    assert "rates_dir is not set" in console.failed("rates", "sync", "--offline", "--write", "--litellm", "prices.json")
