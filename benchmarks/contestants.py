"""Starts what is measured, each on its core, and stops it: the provider, the yardstick, and Faregate as it is shipped.

Faregate is `python -m proxy serve` with a configuration file, one worker, a SQLite ledger in a folder that is thrown
away, and a tenant, a key and credit made with its own commands. Nothing of it is imported here.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from benchmarks import work

ROOT = Path(__file__).resolve().parent.parent
START_S = 30.0
STOP_S = 60.0
POLL_S = 0.05
TENANT = "bench"


class Failed(Exception):
    """A contestant did not start, did not stop, or its books are wrong."""


def _no_books(answered: int) -> None:
    """Check nothing: there is no ledger."""


class Contestant(Struct, frozen=True):
    """A running proxy. `check` raises Failed unless its ledger holds exactly this many calls of the run."""

    name: str
    pid: int
    port: int
    key: str
    check: Callable[[int], None] = _no_books


@contextlib.contextmanager
def upstream(core: int, chunks: int, pause_ms: float) -> Iterator[str]:
    """Run the provider of canned bytes. Yields its origin."""
    arguments = ("-m", "benchmarks.upstream", "--chunks", str(chunks), "--pause-ms", str(pause_ms))
    with _process(core, *arguments) as process:
        yield f"http://127.0.0.1:{_printed_port(process)}"


@contextlib.contextmanager
def bare(core: int, origin: str) -> Iterator[Contestant]:
    """Run the yardstick."""
    arguments = ("-m", "benchmarks.bare", "--upstream", origin, "--key", work.PROVIDER_KEY)
    with _process(core, *arguments) as process:
        yield Contestant("bare", process.pid, _printed_port(process), "sk-a-caller's-own")


@contextlib.contextmanager
def faregate(core: int, origin: str, folder: Path) -> Iterator[Contestant]:
    """Run Faregate with its database in a folder; after the run its books can be checked."""
    port, operator_port = _free_ports(2)
    file = folder / "faregate.yaml"
    settings = {
        "listen": f"127.0.0.1:{port}",
        "operator_listen": f"127.0.0.1:{operator_port}",
        "database": f"sqlite:///{folder}/bench.db",
        "providers": {"openai": {"api_key": work.PROVIDER_KEY, "upstream": origin}},
        "log": {"level": "warning"},
    }
    file.write_text(json.dumps(settings, indent=2))  # JSON is YAML

    def command(*arguments: str) -> dict[str, Any]:
        return _command(file, *arguments)

    def check(answered: int) -> None:
        _check_books(command, answered)

    with _process(core, "-m", "proxy", "serve", "--config", str(file)) as process:
        _until_ready(process, f"http://127.0.0.1:{operator_port}/readyz")
        command("tenant", "create", TENANT)
        key = command("key", "create", TENANT)["key"]
        command("credit", TENANT, str(work.CREDIT_USD))
        yield Contestant("faregate", process.pid, port, key, check)


def _check_books(command: Callable[..., dict[str, Any]], answered: int) -> None:
    """Compare the ledger with what the load counted: as many entries, and their sum to the nano-dollar."""
    verdict = command("ledger", "verify")
    newest = command("ledger", "list", TENANT, "--limit", "1")["data"][0]
    spent = work.CREDIT_USD * 10**9 - newest["balance_after_nanos"]
    calls = verdict["entries"] - 1  # the first one is the credit
    if not verdict["ok"] or verdict["open_holds"]:
        raise Failed(f"the ledger does not verify: {verdict}")
    if (calls, spent) != (answered, answered * work.PRICE_NANOS):
        raise Failed(
            f"{answered} calls were answered, at {work.PRICE_NANOS} nano-USD each; "
            f"the ledger has {calls} and charged {spent}"
        )


@contextlib.contextmanager
def _process(core: int, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run Python on one core until the block is left; then it is told to stop."""

    def pin() -> None:
        os.sched_setaffinity(0, {core})

    process = subprocess.Popen((sys.executable, *arguments), cwd=ROOT, stdout=subprocess.PIPE, preexec_fn=pin)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _printed_port(process: subprocess.Popen[bytes]) -> int:
    line = process.stdout.readline() if process.stdout is not None else b""
    if not line:
        raise Failed("a contestant ended before it listened")
    return int(line)


def _until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failed(f"faregate ended with status {process.returncode} before it was ready")
        try:
            with urllib.request.urlopen(url, timeout=START_S):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(POLL_S)  # another process: only asking tells that it is ready
    raise Failed(f"faregate was not ready within {START_S:.0f} s")


def _command(file: Path, *arguments: str) -> dict[str, Any]:
    """Run one of Faregate's commands and return its document."""
    told = (sys.executable, "-m", "proxy", *arguments, "--json", "--config", str(file))
    done = subprocess.run(told, cwd=ROOT, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise Failed(f"faregate {' '.join(arguments)}: {done.stderr.strip()}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on; all are found before one is let go of."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
