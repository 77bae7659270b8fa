"""The commands as a user runs them, against a live operator API on a thread of its own."""

import asyncio
import io
import json
import sys
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from doubles.desk import TOKEN, Desk

from proxy.cli.main import run
from proxy.web.operator.app import operator_app


class LiveDesk:
    """A server's operator API: `url` is where it listens, `wait` runs something on its loop."""

    def __init__(self, path: Path) -> None:
        self.desk = Desk(path)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.url = self.wait(self._start())

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def close(self) -> None:
        self.wait(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> str:
        self._runner = web.AppRunner(operator_app(await self.desk.open()), access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self.desk.close()


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one document on standard output."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


class Console:
    """Runs commands as `faregate` does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def run(self, *arguments: str) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with self._patch.context() as patch:
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            code = run(arguments)
        return Ran(code, out.getvalue(), err.getvalue())

    def done(self, *arguments: str) -> Any:
        """Run a command with `--json` and return its document."""
        ran = self.run(*arguments, "--json")
        assert (ran.code, ran.err) == (0, ""), ran
        return ran.document

    def shown(self, *arguments: str) -> str:
        """Run a command for people and return what it printed."""
        ran = self.run(*arguments)
        assert ran.code == 0, ran
        return ran.out

    def failed(self, *arguments: str, code: int = 1) -> str:
        """Run a command that fails: one line on standard error, nothing on standard output, both ways."""
        ran = self.run(*arguments)
        assert (ran.code, ran.out) == (code, ""), ran
        assert ran.err.startswith("error: ")
        assert ran.err.count("\n") == 1
        machine = self.run(*arguments, "--json")
        assert (machine.code, machine.out) == (code, ""), machine
        error = json.loads(machine.err)["error"]
        assert set(error) == {"code", "message"}
        assert f"error: {error['message']}\n" == ran.err
        return str(error["message"])


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Console:
    """A shell in an empty folder, without any variable of ours."""
    for name in ("FAREGATE_OPERATOR_URL", "FAREGATE_ADMIN_TOKEN", "FAREGATE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return Console(monkeypatch)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveDesk]:
    """A running server, with its database in the working directory."""
    (tmp_path / "var").mkdir()
    desk = LiveDesk(tmp_path / "var" / "books.db")
    yield desk
    desk.close()


@pytest.fixture
def faregate(console: Console, live: LiveDesk, monkeypatch: pytest.MonkeyPatch) -> Console:
    """A shell whose variables name the running server."""
    monkeypatch.setenv("FAREGATE_OPERATOR_URL", live.url)
    monkeypatch.setenv("FAREGATE_ADMIN_TOKEN", TOKEN)
    return console
