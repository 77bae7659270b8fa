from pathlib import Path

import pytest

CONFIG = "providers:\n  openai: {api_key: sk-0123456789abcdef-WXYZ}\n  anthropic: {api_key: '${ANTHROPIC_API_KEY:-}'}\n"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)


def test_it_tells_what_is_in_force_and_where_it_comes_from(console, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "faregate.yaml").write_text(CONFIG)
    monkeypatch.setenv("FAREGATE_LISTENN", "x")
    monkeypatch.setenv("FAREGATE_WORKERS", "1")
    document = console.done("config", "check")
    assert (document["ok"], document["problems"]) == (True, [])
    assert document["file"] == str(tmp_path / "faregate.yaml")
    settings = {setting.pop("name"): setting for setting in document["settings"]}
    assert settings["workers"] == {"value": "1", "source": "environment", "variables": ["FAREGATE_WORKERS"]}
    assert settings["providers.openai.api_key"] == {"value": "...WXYZ", "source": "file", "variables": []}
    assert document["warnings"] == ["FAREGATE_LISTENN names no setting and is ignored; did you mean FAREGATE_LISTEN?"]
    off = {each["name"]: each["why"] for each in document["integrations"] if not each["on"]}
    assert off["anthropic"] == "its key is empty; set the variable ANTHROPIC_API_KEY"
    assert off["gemini"] == "it has no key; set providers.gemini.api_key"
    [on] = [each for each in document["integrations"] if each["on"]]
    assert on == {"name": "openai", "on": True, "upstream": "https://api.openai.com", "why": ""}
    rates = {each["name"]: each for each in document["rates"]["integrations"]}
    assert rates["openai"]["models"] > 50
    assert rates["openai"]["rates"] > rates["openai"]["models"]
    assert rates["openai"]["checked"].startswith("20")
    assert document["rates"]["age_days"] >= rates["openai"]["age_days"] >= 0


def test_people_read_the_same(console, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "faregate.yaml").write_text(CONFIG)
    monkeypatch.setenv("FAREGATE_WORKERS", "1")
    text = console.shown("config", "check")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in text.splitlines() if line.split()}
    assert lines["workers"] == "1 FAREGATE_WORKERS"
    assert lines["providers.anthropic.api_key"] == "- default (ANTHROPIC_API_KEY is not set)"
    assert lines["listen"] == "127.0.0.1:8080 default"
    assert "sk-0123" not in text
    assert text.endswith("the configuration is good\n")


def test_every_problem_is_told_and_it_is_exit_1(console, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "bad.yaml").write_text("colour: red\n")
    (tmp_path / "faregate.yaml").write_text("providers_dir: own\nrates_dir: own\nlistne: x\nworkers: 2\n")
    ran = console.run("config", "check")
    assert ran.code == 1
    told = [line.removeprefix("error: ") for line in ran.err.splitlines()]
    assert "the configuration is good" not in ran.out
    machine = console.run("config", "check", "--json")
    assert (machine.code, machine.err) == (1, "")
    assert (machine.document["ok"], machine.document["problems"]) == (False, told)
    assert [line for line in told if "listne is not a setting; did you mean listen?" in line]
    assert [line for line in told if "workers is 2" in line]
    assert sum("own/bad.yaml: at colour: there is no such key" in line for line in told) == 2


def test_without_a_file_it_is_misuse(console) -> None:
    assert "no configuration: there is no ./faregate.yaml" in console.failed("config", "check", code=2)


def test_a_server_tells_the_first_problem_and_where_to_see_the_rest(console, tmp_path: Path) -> None:
    (tmp_path / "faregate.yaml").write_text("listne: x\nworkers: 2\n")
    told = console.failed("serve")
    assert told == (
        f"{tmp_path}/faregate.yaml: listne is not a setting; did you mean listen? "
        "(and 1 more: `faregate config check` tells all)"
    )
