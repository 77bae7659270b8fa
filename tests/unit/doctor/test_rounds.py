import socket
import time
from pathlib import Path

import pytest

from proxy.doctor.examine import in_thread
from proxy.doctor.rounds import configuration, diagnose
from proxy.loading.inspect import Inspected, inspect
from proxy.store.sqlite.lock import FileLock

ALWAYS = ["libraries", "open files", "clock service"]


class Now:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
def file(tmp_path: Path, site) -> Path:
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    path = tmp_path / "faregate.yaml"
    path.write_text(
        f"listen: 127.0.0.1:{ports[0]}\noperator_listen: 127.0.0.1:{ports[1]}\n"
        f"database: sqlite:///{tmp_path}/books.db\nproviders:\n"
        f"  openai: {{api_key: sk-1, upstream: 'http://127.0.0.1:{site.port}'}}\n  gemini: {{upstream: sandbox}}\n"
    )
    return path


async def read(file: Path, **environ: str) -> Inspected:
    return await in_thread(lambda: inspect(file, environ))


async def test_all_rounds_in_their_order(file: Path) -> None:
    waiting: list[int] = []
    findings = await diagnose(await read(file), Now(), lambda names: waiting.append(len(names)))
    assert [finding.check for finding in findings] == [
        "configuration",
        "database folder",
        "database",
        "running server",
        "reported costs",
        "admin token",
        *ALWAYS,
        "listen",
        "operator_listen",
        "host names",
        "certificate",
        "certificate names",
        "certificate chain",
        "rates",
        "rates sync",
        "provider openai",
        "provider gemini",
        "clock",
    ]
    states = {finding.check: finding.state for finding in findings}
    assert [check for check, state in states.items() if state == "failed"] == []
    assert states["provider openai"] == "ok"
    assert findings[0].text == f"{file}: openai, gemini are on"
    assert waiting == sorted(waiting, reverse=True)
    assert not (file.parent / "books.db").exists(), "nothing was made by looking"


async def test_a_running_server_is_asked_and_its_books_are_left_alone(file: Path) -> None:
    lock = FileLock(file.parent / "books.db")
    (file.parent / "books.db").write_text("not a database")
    findings = {each.check: each for each in await diagnose(await read(file), Now(), lambda _: None)}
    lock.release()
    assert findings["database"].state == "skipped"
    assert findings["running server"].state == "failed"
    assert "no operator API answers" in findings["running server"].text
    assert "the running server (pid" in findings["open files"].text


async def test_without_settings_only_the_machine_is_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "faregate.yaml"
    file.write_text("listne: x\nworkers: many\n")
    findings = await diagnose(await read(file), Now(), lambda _: None)
    assert [finding.check for finding in findings] == ["configuration", "configuration", "all else", *ALWAYS]
    assert findings[0].text == f"{file}: listne is not a setting"
    assert findings[0].remedy == "did you mean listen?"


async def test_bad_rates_do_not_keep_the_rest_from_being_looked_at(file: Path) -> None:
    (file.parent / "own.yaml").write_text("integration: acme\n")
    findings = await diagnose(await read(file, FAREGATE_RATES_DIR=str(file.parent)), Now(), lambda _: None)
    checks = {finding.check for finding in findings}
    assert "listen" in checks
    assert not checks & {"rates", "provider openai"}
    assert findings[0].state == "failed"


def test_what_is_odd_in_the_configuration_is_told() -> None:
    found = inspect(None, {"FAREGATE_LISTENN": "x"})
    first, second = configuration(found)
    assert (first.state, first.text) == ("warning", "FAREGATE_LISTENN names no setting and is ignored")
    assert first.remedy == "did you mean FAREGATE_LISTEN?"
    assert (second.state, second.text) == ("warning", "no file, only the environment: no integration is on")
    assert configuration(Inspected(None, None, ("bad",)))[0].remedy == "`faregate config check` tells more"
