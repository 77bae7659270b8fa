from collections.abc import Callable
from pathlib import Path

import pytest

import proxy.app
from proxy.errors import BadConfig
from proxy.loading.settings import Settings


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, Settings]:
    """What `serve` and `demo` of the house were started with."""
    seen: dict[str, Settings] = {}

    def starting(name: str, code: int):
        def start(settings: Settings, read: Callable[[], Settings]) -> int:
            seen[name] = settings
            assert read() == settings, "what is read again is what was read"
            return code

        return start

    monkeypatch.setattr(proxy.app, "serve", starting("serve", 1))
    monkeypatch.setattr(proxy.app, "demo", starting("demo", 0))
    return seen


def test_serve_hands_on_the_settings_and_the_exit_code(console, started, tmp_path: Path) -> None:
    (tmp_path / "faregate.yaml").write_text("listen: 127.0.0.1:9000\n")
    assert console.run("serve").code == 1
    assert started["serve"].listen.port == 9000


def test_serve_refuses_a_bad_file(console, started, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("listne: 127.0.0.1:9000\n")
    assert "did you mean listen?" in console.failed("serve", "--config", "bad.yaml")
    assert started == {}


def test_demo_reads_a_file_only_if_it_is_named(console, started, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "faregate.yaml").write_text("listen: 127.0.0.1:9000\n")
    assert console.run("demo").code == 0
    assert (started["demo"].file, started["demo"].listen.port) == (None, 8080)
    console.run("demo", "--config", "faregate.yaml")
    assert started["demo"].listen.port == 9000
    (tmp_path / "other.yaml").write_text("listen: 127.0.0.1:9001\n")
    monkeypatch.setenv("FAREGATE_CONFIG", "other.yaml")
    console.run("demo")
    assert started["demo"].listen.port == 9001


def test_reload_tells_what_is_new(faregate) -> None:
    assert faregate.done("reload")["rates_changed"] == ["acme", "bolt"]
    assert faregate.shown("reload").splitlines() == [
        "rate card           card-2 (was card-1)",
        "new rates of        acme, bolt",
        "new provider files  -",
        "changed settings    providers.acme.api_key",
        "integrations on     acme",
        "warning             FAREGATE_X names no setting",
        "in force only after a restart: listen",
    ]


def test_reload_that_is_refused_is_exit_1(faregate, live) -> None:
    live.desk.reloads = BadConfig("rates.yaml: it is bad; mend it")
    assert faregate.failed("reload") == "nothing was reloaded: rates.yaml: it is bad; mend it"
