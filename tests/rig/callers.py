"""Those who call: each makes one call after the other, as its plan says, and keeps what it saw of every answer."""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from rig.plan import Does, Plan, make_plan

PATIENCE_S = 30.0
AGAIN_S = 0.02
DEAF_S = 2.5
"""How long a caller who reads nothing stays: longer than the server lets it."""

TERMINATOR = b"0\r\n\r\n"


@dataclass
class Saw:
    """What a caller saw of one call. `whole`: an answer that its SDK would take for complete."""

    plan: Plan
    tenant: str
    status: int = 0
    refusal: str = ""
    charge_usd: str = ""
    whole: bool = False
    body: bytes = b""


@dataclass
class Callers:
    """A crowd with one wallet or several; `saw` grows while they call. They wait while the server is not `up`."""

    port: int
    keys: dict[str, str]
    dice: random.Random
    prefix: str
    saw: list[Saw] = field(default_factory=list)
    plan: Callable[[str, random.Random], Plan] = make_plan
    stopped: bool = False
    up: asyncio.Event = field(default_factory=asyncio.Event)
    answered: int = 0
    _enough: tuple[int, asyncio.Event] | None = None

    async def answer(self, more: int, within_s: float) -> None:
        """Return when so many more calls have had an answer, or the time is up: the server may be too slow."""
        enough = asyncio.Event()
        self._enough = (self.answered + more, enough)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                _ = await enough.wait()

    async def call(self, number: int) -> None:
        """Be one of them, until all are stopped."""
        tenants = list(self.keys)
        while not self.stopped:
            _ = await self.up.wait()
            tenant = tenants[number % len(tenants)]
            saw = Saw(self.plan(f"{self.prefix}{len(self.saw):06d}", self.dice), tenant)
            self.saw.append(saw)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self.make(saw)
                self.answered += 1
                if self._enough is not None and self.answered >= self._enough[0]:
                    self._enough[1].set()
            except (OSError, EOFError, TimeoutError):
                await asyncio.sleep(AGAIN_S)  # it has just died, and is not known to be down yet

    async def make(self, saw: Saw) -> None:
        """Make one call. Raises OSError, EOFError if the connection ends first."""
        plan = saw.plan
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        connection: socket.socket = writer.get_extra_info("socket")
        try:
            if plan.does is Does.READS_NOTHING:
                writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream's transport is a socket's
            writer.write(plan.request(self.keys[saw.tenant]))
            await writer.drain()
            if plan.does is Does.READS_NOTHING:
                await asyncio.sleep(DEAF_S)
                return
            if plan.does is Does.HALF_CLOSES:
                writer.write_eof()
            most = leaves_after(plan)
            await read_answer(reader, saw, most)
            if plan.does is Does.RESETS:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def leaves_after(plan: Plan) -> int | None:
    """Return after how many bytes of its answer a caller hangs up; None if it waits for all of them."""
    if plan.does not in (Does.LEAVES, Does.RESETS):
        return None
    about = 200 + plan.pieces * (200 if plan.stream else 15)
    return int(plan.leave_at * about)


async def read_answer(reader: asyncio.StreamReader, saw: Saw, most: int | None) -> None:
    """Read an answer, or so many bytes of it, and keep what it was."""
    got = b""
    while most is None or len(got) < most:
        piece = await reader.read(65536)
        got += piece
        if not piece or judge(saw, got):
            return


def judge(saw: Saw, got: bytes) -> bool:
    """Look at what has come of an answer; tell whether it is over."""
    head, blank, body = got.partition(b"\r\n\r\n")
    if not blank:
        return False
    lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    saw.status = int(lines[0].split()[1])
    saw.refusal = fields.get("faregate-refusal", "")
    saw.charge_usd = fields.get("faregate-charge-usd", "")
    if fields.get("transfer-encoding") == "chunked":
        saw.whole = body.endswith(TERMINATOR) and (not saw.plan.stream or b"data: [DONE]\n\n" in body)
        over = body.endswith(TERMINATOR)
    else:
        over = saw.whole = len(body) >= int(fields.get("content-length", "0"))
    saw.body = body[-200:]
    return over
