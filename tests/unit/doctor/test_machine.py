import ctypes
import resource
import sqlite3
import subprocess
import sys

import pytest

from proxy.doctor import machine


@pytest.mark.parametrize(("limit", "state"), [(1024, "warning"), (4096, "ok"), (resource.RLIM_INFINITY, "ok")])
def test_open_files_of_this_shell(monkeypatch: pytest.MonkeyPatch, limit: int, state: str) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    found = machine.open_files()
    assert found.state == state
    if state == "warning":
        assert found.text.endswith("may open 1024: enough for about 480 calls at once")
        assert "LimitNOFILE" in found.remedy


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells another process's limits")
def test_open_files_of_a_running_server() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        resource.prlimit(other.pid, resource.RLIMIT_NOFILE, (500, 600))
        found = machine.open_files(other.pid)
        other.terminate()
    assert (found.state, found.text) == (
        "warning",
        f"the running server (pid {other.pid}) may open 500: enough for about 218 calls at once",
    )
    assert "this shell" in machine.open_files(other.pid).text, "where it does not tell, ours is looked at"


@pytest.mark.parametrize(("answer", "state"), [(0, "ok"), (5, "warning"), (-1, "skipped")])
def test_the_kernel_s_opinion_of_the_clock(monkeypatch: pytest.MonkeyPatch, answer: int, state: str) -> None:
    class Library:
        def __init__(self, *_: object, **__: object) -> None:
            self.adjtimex = lambda _: answer

    monkeypatch.setattr(ctypes, "CDLL", Library)
    assert machine.clock_service().state == state


def test_the_real_kernel_can_be_asked() -> None:
    assert machine.clock_service().state in ("ok", "warning", "skipped")


def test_a_system_without_that_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    assert machine.clock_service().state == "skipped"


def test_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.libraries().state == "ok"
    assert sqlite3.sqlite_version in machine.libraries().text
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    assert machine.libraries().state == "failed"
    assert machine.libraries().remedy.endswith("SQLite is 3.37.0 or newer")
