"""A stage for official SDKs: the real process, a sandbox as the provider, and every byte that the provider was sent."""

import asyncio
import contextlib
import json
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from genai_prices import Usage, calc_price
from sdk.build import ENVIRONMENTS, is_made, python_of, required

from proxy.loading.shipped import shipped
from proxy.loading.yaml import read_yaml
from proxy.sandbox.log import Record
from proxy.sandbox.pace import NO_PACE
from proxy.sandbox.server import Sandbox
from proxy.sandbox.shapes import shapes_from
from support.house import House

SCRIPTS = Path(__file__).parents[1] / "sdk" / "scripts"
INTEGRATIONS = {"openai": "openai", "anthropic": "anthropic", "gemini": "google"}
"""Ours, and the calculator's name for each."""

LOUD = {"level": "debug", "format": "json", "calls": "all"}
MARGIN = Decimal("1.2")
SCRIPT_S = 100
T = TypeVar("T")


class Tap:
    """A relay before a provider that keeps every byte sent to it."""

    def __init__(self, origin: str) -> None:
        parts = urlsplit(origin)
        self._to = (parts.hostname or "", parts.port or 0)
        self._server: asyncio.Server | None = None
        self.sent = bytearray()

    async def start(self) -> str:
        """Listen on a free port and return the origin."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, caller: asyncio.StreamReader, to_caller: asyncio.StreamWriter) -> None:
        provider, to_provider = await asyncio.open_connection(*self._to)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._pump(caller, to_provider, self.sent.extend))
            both.create_task(self._pump(provider, to_caller, lambda _: None))

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keep: Callable[[bytes], None]
    ) -> None:
        """Relay one direction until it ends, then end the other side."""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                keep(data)
                writer.write(data)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@dataclass
class Run:
    """What a script found, and what is known of it elsewhere: the ledger's entries of its tenant, and of the tenant
    whose calls break off; all that the provider was asked. Oldest first.
    """

    environment: str
    results: dict[str, Any]
    metered: list[dict[str, Any]]
    entries: list[dict[str, Any]]
    torn: list[dict[str, Any]]
    records: list[Record]

    @property
    def billed(self) -> list[Record]:
        """The calls that the provider answered whole and that cost something."""
        return [one for one in self.records if one.usage and one.status < 400 and one.end == "complete"]

    @property
    def broken(self) -> list[Record]:
        """The calls that the provider broke off after they had begun to cost something."""
        return [one for one in self.records if one.usage and one.stream and one.end in ("cut", "failed")]


@dataclass
class Stage:
    """The real process between an SDK and a sandbox, which takes the operator's key, `secret`.

    `keys` are those of its tenants, by name; `told` is all that was answered to them.
    """

    integration: str
    house: House
    sandbox: Sandbox
    tap: Tap
    secret: str
    keys: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def tenant(self, name: str, usd: str = "10") -> str:
        """Return a tenant's key; it is made if it is not there."""
        if name not in self.keys:
            self.keys[name] = self.house.tenant(name, usd)
        return self.keys[name]

    def run(self, environment: str) -> Run:
        """Run the integration's script in an environment, with a tenant of its own, and gather what came of it."""
        tenant, torn = f"acme-{environment}", f"torn-{environment}"
        self.sandbox.log.clear()
        told = {
            "environment": environment,
            "edge": self.house.edge,
            "operator": self.house.operator,
            "key": self.tenant(tenant),
            "poor": self.tenant("poor", "0"),
            "other": self.tenant("other"),
            "torn": self.tenant(torn),
            "canary": self.secret,
        }
        done = subprocess.run(
            [str(interpreter(environment)), str(SCRIPTS / f"{self.integration}_calls.py")],
            input=json.dumps(told),
            capture_output=True,
            text=True,
            timeout=SCRIPT_S,
            check=False,
            env=self.house.environment | {"PYTHONWARNINGS": "default"},
        )
        assert done.returncode == 0, done.stderr
        self.told += [done.stdout, done.stderr]
        said = json.loads(done.stdout)
        for name in (tenant, torn):
            assert self.house.settled(name)["credits_held_micros"] == 0
        entries, broken = self.entries(tenant), self.entries(torn)
        return Run(environment, said["results"], said["metered"], entries, broken, list(self.sandbox.log))

    def entries(self, tenant: str) -> list[dict[str, Any]]:
        """Return a tenant's calls in the ledger, oldest first."""
        return list(reversed(self.house.calls(tenant)))

    def check_secrets(self) -> None:
        """Check that the provider got the operator's key and no tenant's, and that nobody else got any."""
        sent = bytes(self.tap.sent)
        assert self.secret.encode() in sent, "the provider was never sent the operator's key"
        for tenant, key in self.keys.items():
            assert key.encode() not in sent, f"the provider was sent the key of {tenant}"
        assert not [record for record in self.sandbox.log if record.end == "leaked"]
        seen = {"log": self.house.log, "metrics": self.house.metrics(), "answers": "".join(self.told)}
        for where, text in seen.items():
            assert self.secret not in text, f"the operator's key is in the {where}"
            for tenant, key in self.keys.items():
                assert key not in text, f"the key of {tenant} is in the {where}"


def interpreter(environment: str) -> Path:
    """Return an environment's Python. Skips the test if it was not made, or fails it where it has to be there."""
    if not is_made(environment, ENVIRONMENTS[environment]):
        lacks = f"the SDK environment {environment!r} is missing: run `python tests/sdk/build.py`"
        if required():
            pytest.fail(lacks)
        pytest.skip(lacks)
    return python_of(environment)


@contextlib.contextmanager
def stage(folder: Path, integration: str) -> Iterator[Stage]:
    """Set the stage, and check at the end that the ledger verifies and that nothing broke."""
    shapes = shapes_from(read_yaml(shipped("config") / "sandbox" / f"{integration}.yaml"), integration)
    secret = f"sk-canary-of-the-operator-{integration}"
    with _background() as run:
        sandbox = Sandbox(shapes, NO_PACE)
        tap = Tap(run(sandbox.start()))
        provider = {"upstream": run(tap.start()), "api_key": secret}
        house = House(folder, {integration: provider}, {"log": LOUD}).start()
        try:
            yield Stage(integration, house, sandbox, tap, secret)
            assert house.cli("ledger", "verify")["ok"] is True
            assert house.stop() == 0, house.log
            assert "Traceback" not in house.log, house.log
        finally:
            house.stop()
            run(sandbox.stop())
            run(tap.stop())


@contextlib.contextmanager
def _background() -> Iterator[Callable[[Awaitable[T]], T]]:
    """Run an event loop in a thread, and yield what runs a coroutine on it to its end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def awaited(work: Awaitable[T]) -> T:
        return await work

    def run(work: Awaitable[T]) -> T:
        return asyncio.run_coroutine_threadsafe(awaited(work), loop).result(30)

    try:
        yield run
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def check_ledger(integration: str, run: Run) -> None:
    """Call by call: what the SDK showed, what the provider billed, what the ledger holds, what a calculator says."""
    assert len(run.metered) == len(run.entries) == len(run.billed)
    for shown, entry, billed in zip(run.metered, run.entries, run.billed, strict=True):
        call, used = entry["call"], as_shown(billed)
        assert shown["usage"] is None or shown["usage"] == {unit: used[unit] for unit in shown["usage"]}, shown["name"]
        assert call["usage"] == disjoint(billed), shown["name"]
        assert shown["model"] == call["model"] == billed.model
        assert call["certainty"] == "exact"
        assert -entry["amount_nanos"] == call["charge_nanos"] == price_nanos(integration, billed.model, used), shown[
            "name"
        ]


def check_broken(integration: str, run: Run) -> None:
    """A stream that broke off costs the tenant something, and never more than the provider bills for it."""
    assert len(run.torn) == len(run.broken) > 2
    for entry, billed in zip(run.torn, run.broken, strict=True):
        assert entry["call"]["certainty"] == "at_least"
        assert 0 < -entry["amount_nanos"] <= price_nanos(integration, billed.model, as_shown(billed))


def disjoint(billed: Record) -> dict[str, int]:
    """Return what a provider billed in units that do not overlap, without those of which there were none."""
    units = {
        "input_tokens": "uncached",
        "cache_read_tokens": "cached",
        "cache_write_5m_tokens": "written_short",
        "cache_write_1h_tokens": "written_long",
        "output_tokens": "output",
    }
    return {unit: billed.usage[name] for unit, name in units.items() if billed.usage[name]}


def as_shown(billed: Record) -> dict[str, int]:
    """Return what a provider billed as the calculator takes it: the input includes what was read and written."""
    used = billed.usage
    return {
        "input_tokens": used["input"],
        "cache_read_tokens": used["cached"],
        "cache_write_tokens": used["written"],
        "cache_write_1h_tokens": used["written_long"],
        "output_tokens": used["output"],
    }


def price_nanos(integration: str, model: str, used: dict[str, int]) -> int:
    """Return what an independent calculator says that usage costs, in nano-USD, with our margin, rounded once."""
    cost = calc_price(
        Usage(**used), model, provider_id=INTEGRATIONS[integration], genai_request_timestamp=datetime.now(UTC)
    ).total_price
    return int((cost * MARGIN * 10**9).quantize(Decimal(1), ROUND_HALF_EVEN))
