"""The real process, started as an operator would, with a tenant that has a key and money."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

READY_WITHIN_S = 20.0


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class House:
    """A `faregate serve` in a folder of its own. It can be killed and started again on the same files.

    `prefix` is the beginning of the command that starts it.
    """

    folder: Path
    providers: Mapping[str, Mapping[str, str]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    operator_port: int = field(default_factory=free_port)
    prefix: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def edge(self) -> str:
        """Where callers reach it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def operator(self) -> str:
        """Where the operator reaches it."""
        return f"http://127.0.0.1:{self.operator_port}"

    @property
    def environment(self) -> dict[str, str]:
        """An environment without anything of the machine's that could name a provider's key."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "FAREGATE_CONFIG": str(self.folder / "faregate.yaml"), "PYTHONWARNINGS": "error"}

    def start(self) -> "House":
        """Start and wait until it says that it is ready."""
        config = {
            "listen": f"127.0.0.1:{self.port}",
            "operator_listen": f"127.0.0.1:{self.operator_port}",
            "database": f"sqlite:///{self.folder / 'books.db'}",
            "providers": {name: dict(chosen) for name, chosen in self.providers.items()},
            "log": {"format": "human"},
            **self.settings,
        }
        (self.folder / "faregate.yaml").write_text(json.dumps(config))
        log = (self.folder / "log.txt").open("ab")
        self.process = subprocess.Popen(
            [*self.prefix, sys.executable, "-m", "proxy", "serve"],
            cwd=self.folder,
            env=self.environment,
            stdout=log,
            stderr=log,
        )
        log.close()
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"faregate ended with {self.process.returncode}:\n{self.log}")
            if self._is_ready():
                return self
            time.sleep(0.03)
        raise AssertionError(f"faregate was not ready within {READY_WITHIN_S} s:\n{self.log}")

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.operator}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    @property
    def log(self) -> str:
        """Everything that it wrote so far."""
        return (self.folder / "log.txt").read_text()

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, and wait. Returns the exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(timeout=60)
        self.process = None
        return status

    def cli(self, *words: str) -> Any:
        """Run a command of the CLI with --json and return its document."""
        done = self.run_cli(*words)
        assert done.returncode == 0, f"faregate {' '.join(words)}: {done.stderr}"
        return json.loads(done.stdout)

    def run_cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the CLI with --json."""
        return subprocess.run(
            [sys.executable, "-m", "proxy", *words, "--json"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def tenant(self, name: str, usd: str = "10", *, test: bool = False) -> str:
        """Make a tenant with credit and return a key of it."""
        self.cli("tenant", "create", name, *(["--test"] if test else []))
        if usd != "0":
            self.cli("credit", name, usd)
        return str(self.cli("key", "create", name)["key"])

    def calls(self, tenant: str) -> list[dict[str, Any]]:
        """Return all of a tenant's ledger entries of calls, newest first."""
        page = self.cli("ledger", "list", tenant, "--limit", "1000")
        entries = page["data"]
        while page["has_more"]:
            page = self.cli("ledger", "list", tenant, "--limit", "1000", "--before", entries[-1]["id"])
            entries += page["data"]
        return [entry for entry in entries if entry["kind"] == "call"]

    def metrics(self) -> str:
        """Scrape."""
        with urllib.request.urlopen(f"{self.operator}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def settled(self, tenant: str, within_s: float = 10.0) -> dict[str, Any]:
        """Wait until nothing is on hold any more, and return the balance."""
        deadline = time.monotonic() + within_s
        while True:
            balance: dict[str, Any] = self.cli("balance", tenant)
            if not balance["credits_held_micros"] or time.monotonic() > deadline:
                return balance
            time.sleep(0.1)
