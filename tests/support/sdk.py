"""A stage for official SDKs: the real process, a sandbox for each provider, and every byte that a provider was sent."""

import asyncio
import contextlib
import json
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
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
class Provider:
    """One provider's stand-in, and the operator's key at it."""

    sandbox: Sandbox
    tap: Tap
    secret: str

    def billed(self) -> list[Record]:
        """Return the calls that were answered whole and cost something, oldest first."""
        return [record for record in self.sandbox.log if record.usage and record.status < 400 and record.end == "complete"]


@dataclass
class Run:
    """What a script found, and what Faregate and the provider wrote down of it."""

    results: dict[str, Any]
    metered: list[dict[str, Any]]
    entries: list[dict[str, Any]]
    billed: list[Record]
    text: str
    environment: str


@dataclass
class Stage:
    """The real process between SDKs and sandboxes. `keys` are the secrets of its tenants, by name."""

    house: House
    providers: dict[str, Provider]
    keys: dict[str, str] = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)

    def tenant(self, name: str, usd: str = "10") -> str:
        """Return a tenant's key; it is made if it is not there."""
        if name not in self.keys:
            self.keys[name] = self.house.tenant(name, usd)
        return self.keys[name]

    def run(self, environment: str, integration: str) -> Run:
        """Run an integration's script in an environment, with a tenant of its own, and gather what came of it."""
        python = interpreter(environment)
        tenant = f"acme-{environment}"
        provider = self.providers[integration]
        provider.sandbox.log.clear()
        told = {
            "edge": self.house.edge,
            "operator": self.house.operator,
            "key": self.tenant(tenant),
            "poor": self.tenant("poor", "0"),
            "other": self.tenant("other"),
            "torn": self.tenant("torn"),
            "canary": provider.secret,
        }
        done = subprocess.run(
            [str(python), str(SCRIPTS / f"{integration}_calls.py")],
            input=json.dumps(told),
            capture_output=True,
            text=True,
            timeout=SCRIPT_S,
            check=False,
            env=self.house.environment | {"PYTHONWARNINGS": "default"},
        )
        assert done.returncode == 0, done.stderr
        self.printed += [done.stdout, done.stderr]
        said = json.loads(done.stdout)
        self.house.settled(tenant)
        entries = list(reversed(self.house.calls(tenant)))
        return Run(said["results"], said["metered"], entries, provider.billed(), done.stdout, environment)

    def check_secrets(self) -> None:
        """Nothing that was sent, said or logged holds a secret that is not its reader's."""
        metrics, log = self.house.metrics(), self.house.log
        for name, provider in self.providers.items():
            sent = bytes(provider.tap.sent)
            for tenant, key in self.keys.items():
                assert key.encode() not in sent, f"{name} was sent the key of {tenant}"
            assert not sent or provider.secret.encode() in sent, f"{name} was never sent the operator's key"
            told = repr([(record.query, record.headers) for record in provider.sandbox.log])
            for where, text in {"log": log, "metrics": metrics, "answers": "".join(self.printed)}.items():
                assert provider.secret not in text, f"the operator's key at {name} is in the {where}"
            assert not any(key in told for key in self.keys.values())
        for tenant, key in self.keys.items():
            for where, text in {"log": log, "metrics": metrics, "answers": "".join(self.printed)}.items():
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
def stage(folder: Path, integrations: Sequence[str] = tuple(INTEGRATIONS)) -> Iterator[Stage]:
    """Set the stage, and check at the end that no secret left its place and that the ledger verifies."""
    with _background() as run:
        providers, chosen = {}, {}
        for name in integrations:
            sandbox = Sandbox(shapes_from(read_yaml(shipped("config") / "sandbox" / f"{name}.yaml"), name), NO_PACE)
            tap = Tap(run(sandbox.start()))
            providers[name] = Provider(sandbox, tap, f"sk-canary-of-{name}-6f1d2c")
            chosen[name] = {"upstream": run(tap.start()), "api_key": providers[name].secret}
        house = House(folder, chosen).start()
        set_ = Stage(house, providers)
        try:
            yield set_
            assert house.cli("ledger", "verify")["ok"] is True
            set_.check_secrets()
            assert "Traceback" not in house.log, house.log
        finally:
            house.stop()
            for provider in providers.values():
                run(provider.sandbox.stop())
                run(provider.tap.stop())


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

    yield run
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def price_nanos(integration: str, model: str, used: dict[str, int]) -> int:
    """Return what an independent calculator says that usage costs, in nano-USD, with our margin, rounded once."""
    cost = calc_price(
        Usage(**used), model, provider_id=INTEGRATIONS[integration], genai_request_timestamp=datetime.now(UTC)
    ).total_price
    return int((cost * MARGIN * 10**9).quantize(Decimal(1), ROUND_HALF_EVEN))
