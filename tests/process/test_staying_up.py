"""It stays up: its memory is bounded whatever callers do, and after a storm everything it took is given back."""

import asyncio
import contextlib
import os
import random  # noqa: TID251  # callers are rolled from a seed
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rig.callers import Callers, Saw
from rig.plan import PADDING, Does, Ends, Plan, make_plan
from rig.run import Stage, stage
from support.caller import read_answer

pytestmark = pytest.mark.process

STORM = 200
READERS = 8
PIECES = 600
"""Of 30 kB each: together more than all buffers on the way take."""
PATIENCE_S = 60.0
UPLOADERS = 24
MIB = 2**20
BODIES_BYTES = 16 * MIB
MEMORY_BYTES = 96 * MIB
"""What all uploads together may make the process grow by: about what is allowed, not what is sent."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A server with the rig's provider; it is well at the end."""
    limits = {"body_bytes_max": 8 * MIB, "body_total_bytes_max": BODIES_BYTES}
    with stage(tmp_path_factory.mktemp("up"), limits, small=False) as on:
        yield on
        on.desk.verify()
        assert "Traceback" not in on.house.log


class Process:
    """What the kernel says of the server."""

    def __init__(self, on: Stage) -> None:
        assert on.house.process is not None
        self.folder = Path("/proc") / str(on.house.process.pid)
        self.desk = on.desk

    def memory(self) -> int:
        """Return the bytes that it has in memory."""
        return int((self.folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @staticmethod
    def is_socket(descriptor: Path) -> bool:
        """Tell what a descriptor is; one that is closed meanwhile is none."""
        with contextlib.suppress(FileNotFoundError):
            return str(descriptor.readlink()).startswith("socket:")
        return False

    def taken(self) -> dict[str, float]:
        """Return what it has taken and is to give back."""
        threads = re.search(r"Threads:\s+(\d+)", (self.folder / "status").read_text())
        assert threads is not None
        return {
            "sockets": sum(self.is_socket(each) for each in (self.folder / "fd").iterdir()),
            "threads": float(threads[1]),
            "callers": self.desk.metric("faregate_edge_connections"),
            "calls": self.desk.metric("faregate_running_calls"),
            "holds": self.desk.metric("faregate_open_holds"),
        }


async def storm(on: Stage, plans: list[Plan]) -> list[Saw]:
    """Let callers call at the same moment, each by its plan."""
    [rich, _] = on.accounts
    crowd = Callers(on.house.port, {rich.id: rich.key}, random.Random(1), "rig-")
    saws = [Saw(plan, rich.id) for plan in plans]

    async def one(saw: Saw) -> None:
        with contextlib.suppress(OSError, EOFError):
            await crowd.make(saw)

    await asyncio.gather(*map(one, saws))
    return saws


async def given_back(process: Process, before: dict[str, float]) -> dict[str, float]:
    """Wait until what was taken is given back, and return what is not."""
    left = {"all": 1.0}
    for _ in range(100):
        try:
            taken = await asyncio.to_thread(process.taken)
        except TimeoutError:
            continue  # it is busy with what is left
        left = {name: taken[name] - before[name] for name in before if taken[name] > before[name]}
        if not left:
            break
        await asyncio.sleep(0.2)
    return left


async def test_a_storm_of_callers_who_hang_up_leaves_nothing_behind(up: Stage) -> None:
    process, dice = Process(up), random.Random(7)
    rolled = [make_plan(f"rig-storm-{number}", dice) for number in range(STORM)]
    plans = [replace(plan, does=Does.STAYS if plan.does is Does.READS_NOTHING else plan.does) for plan in rolled]
    nothing = {"callers": 0.0, "calls": 0.0, "holds": 0.0}
    await storm(up, plans)
    assert await given_back(process, nothing) == {}
    before = await asyncio.to_thread(process.taken)
    # Idle connections to the provider are kept for the next call, and threads for the next file.
    before["sockets"] += STORM // 4
    before["threads"] += (os.cpu_count() or 1) + 4
    seen = await storm(up, [replace(plan, name=f"{plan.name}-again") for plan in plans])
    assert await given_back(process, before | nothing) == {}
    assert sum(each.whole for each in seen) > STORM // 4


def test_readers_who_read_nothing_cost_no_memory(up: Stage) -> None:
    process, [rich, _] = Process(up), up.accounts
    rolled = make_plan("rig-deaf", random.Random(1))
    told = replace(rolled, integration="openai", stream=True, think_ms=0, pause_ms=0, pieces=PIECES, ends=Ends.WHOLE)
    before = most = process.memory()
    with contextlib.ExitStack() as stack:
        for number in range(READERS):
            caller = stack.enter_context(socket.socket())
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            caller.connect(("127.0.0.1", up.house.port))
            plan = replace(told, name=f"rig-deaf-{number}", does=Does.READS_NOTHING)
            caller.sendall(plan.request(rich.key))
        deadline = time.monotonic() + PATIENCE_S
        while up.house.log.count("stopped reading") < READERS or process.taken()["holds"]:
            assert time.monotonic() < deadline, up.house.log
            for _ in range(20):
                most = max(most, process.memory())
                time.sleep(0.01)
    assert most - before < READERS * PIECES * len(PADDING) // 4, f"{(most - before) / MIB:.0f} MiB"
    billed = [entry for entry in up.desk.charges(rich) if entry["call"]["model"].startswith("rig-deaf")]
    assert [entry["call"]["certainty"] for entry in billed] == ["exact"] * READERS


def test_bodies_that_do_not_fit_are_refused_before_any_money_is_held(up: Stage) -> None:
    process, [rich, _] = Process(up), up.accounts
    size = 4 * MIB
    head = (
        f"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {rich.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    ).encode()
    before = process.memory()
    with contextlib.ExitStack() as stack:
        callers = []
        for _ in range(UPLOADERS):
            caller = stack.enter_context(socket.create_connection(("127.0.0.1", up.house.port), timeout=20))
            with contextlib.suppress(ConnectionError):
                caller.sendall(head + b" " * (size - 1))
            callers.append(caller)
        grown = process.memory() - before
        assert grown < MEMORY_BYTES, f"{grown / MIB:.0f} MiB"
        assert up.desk.metric("faregate_open_holds") == 0
        refused = up.desk.metric("faregate_refusals_total", code="overloaded")
        assert refused >= UPLOADERS - BODIES_BYTES // size
        answer = read_answer(callers[-1])
        assert (answer.status, answer.headers["faregate-refusal"]) == (503, "overloaded")
        assert answer.headers["retry-after"] == "1"
    for _ in range(2):  # what was taken is given back
        with socket.create_connection(("127.0.0.1", up.house.port), timeout=20) as caller:
            caller.sendall(head + b" " * size)
            assert read_answer(caller).status == 400
