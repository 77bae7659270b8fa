"""A real Prometheus that scrapes a house as `deploy/prometheus/prometheus.yaml` says, only more often."""

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from support.debian import program
from support.house import House, free_port

DEPLOY = Path(__file__).parents[2] / "deploy" / "prometheus"
READY_WITHIN_S = 20.0
SCRAPE_S = 0.5

Labels = Mapping[str, str]


@dataclass
class Prometheus:
    """One that runs: what it knows, by its HTTP API."""

    origin: str

    def ask(self, path: str, **query: str) -> Any:
        """Return the data of an API answer."""
        url = f"{self.origin}/api/v1/{path}{'?' + urlencode(query) if query else ''}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query or path}: {error.read().decode()}") from None

    def query(self, expression: str) -> list[tuple[Labels, float]]:
        """Return each series that an expression gives now, with its value."""
        result = self.ask("query", query=expression)["result"]
        return [(series["metric"], float(series["value"][1])) for series in result]

    def by(self, label: str, expression: str) -> dict[str, float]:
        """Return what an expression gives for each value of a label, without those that are zero."""
        return {labels[label]: value for labels, value in self.query(f"sum by ({label}) ({expression})") if value}

    def one(self, expression: str) -> float:
        """Return the only value of an expression."""
        [(_, value)] = self.query(expression)
        return value

    def scraped_since(self, moment: float) -> bool:
        """Tell whether there was a scrape that began after a moment, Unix time."""
        return any(value > moment for _, value in self.query("timestamp(up)"))

    def until(self, expression: str, within_s: float = READY_WITHIN_S) -> None:
        """Wait until an expression gives something."""
        deadline = time.monotonic() + within_s
        while not self.query(expression):
            assert time.monotonic() < deadline, f"still nothing: {expression}"
            time.sleep(0.05)

    def catch_up(self) -> None:
        """Wait for two scrapes that begin from now on: a sample bears the time at which its scrape began."""
        now = time.time()
        self.until(f"timestamp(up) > {now}")
        self.until(f"timestamp(up) > {now + SCRAPE_S}")


@contextlib.contextmanager
def prometheus(house: House, folder: Path) -> Iterator[Prometheus]:
    """Run one beside a house, with our own configuration and alerts."""
    binary = program("prometheus")
    config = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text())
    config["global"] = {"scrape_interval": f"{int(SCRAPE_S * 1000)}ms", "evaluation_interval": "1s"}
    config["rule_files"] = [str(DEPLOY / "alerts.yaml")]
    [job] = config["scrape_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{house.operator_port}"]}]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    at = f"127.0.0.1:{free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                binary,
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'series'}",
                f"--web.listen-address={at}",
                "--log.level=warn",
            ],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        _await_ready(f"http://{at}", process, folder / "prometheus.log")
        yield Prometheus(f"http://{at}")
    finally:
        process.terminate()
        process.wait(timeout=20)


def _await_ready(origin: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(f"{origin}/-/ready", timeout=2).close()
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def promtool(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run promtool beside our rules."""
    return subprocess.run(
        [program("promtool"), *words], cwd=DEPLOY, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )
