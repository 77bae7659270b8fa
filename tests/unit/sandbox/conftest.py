"""The shapes that come with Faregate, sandboxes of them, and a clock that tests can turn."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from pathlib import Path

import pytest
from msgspec import Struct

from proxy.loading.yaml import read_yaml
from proxy.sandbox.pace import NO_PACE, Pace
from proxy.sandbox.responder import Responder
from proxy.sandbox.server import Sandbox
from proxy.sandbox.shapes import Shapes, shapes_from

FOLDER = Path(__file__).parents[3] / "config" / "sandbox"
NOON = 1_795_262_400_000_000


class FixedClock(Struct):
    """Stands still."""

    def now(self) -> int:
        return NOON

    def monotonic(self) -> float:
        return 0.0


@cache
def shipped_shapes(name: str) -> Shapes:
    return shapes_from(read_yaml(FOLDER / f"{name}.yaml"), name)


@pytest.fixture
def load() -> Callable[[str], Shapes]:
    return shipped_shapes


@pytest.fixture
def responder() -> Callable[[str], Responder]:
    return lambda name: Responder(shipped_shapes(name), FixedClock())


Start = Callable[..., Awaitable[tuple[Sandbox, str]]]


@pytest.fixture(scope="session")
def all_read() -> None:
    """Read the files before any loop runs, which nothing may block."""
    for name in ("openai", "anthropic", "gemini"):
        shipped_shapes(name)


@pytest.fixture
async def start(all_read: None) -> AsyncIterator[Start]:
    """Start a sandbox without pace; it is stopped after the test."""
    started: list[Sandbox] = []

    async def begin(name: str, pace: Pace = NO_PACE) -> tuple[Sandbox, str]:
        started.append(Sandbox(shipped_shapes(name), pace))
        return started[-1], await started[-1].start()

    yield begin
    for sandbox in started:
        await sandbox.stop()
