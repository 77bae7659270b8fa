"""Applications: they ask, wait, hang up, stop reading, come again. What they were told is kept for the audit."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from proxy.calls.head import Head
from proxy.calls.socket import Socket
from simulator.chance import Chance

CALLER_STALL_S = 60.0
"""How long the real edge waits for a caller who does not read."""

MODELS: Mapping[str, str] = {"/openai/v1/chat/completions": "gpt-5-mini", "/openai/v1/responses": "gpt-5-mini",
                             "/anthropic/v1/messages": "claude-haiku-4-5"}  # fmt: skip


class SimSink:
    """A caller's connection, as the edge offers it. `ended` is `whole` or `cut` once the answer is over."""

    def __init__(self, body: bytes, chance: Chance) -> None:
        self.gone = False
        self.body = body
        self.status = 0
        self.headers: dict[str, str] = {}
        self.got = bytearray()
        self.ended = ""
        self._chance = chance
        self._tell: Callable[[], None] = lambda: None
        self.over = asyncio.Event()

    @property
    def started(self) -> bool:
        """Whether a head was sent."""
        return self.status != 0

    def when_gone(self, tell: Callable[[], None]) -> None:
        """Keep whom to tell."""
        self._tell = tell
        if self.gone:
            tell()

    def hang_up(self) -> None:
        """Go away."""
        if not self.gone and not self.ended:
            self.gone = True
            self._tell()
        self.over.set()

    def reset(self) -> None:
        """The server is gone, and with it the connection: there is nobody to tell."""
        self._tell = lambda: None
        self.gone = True
        self.over.set()

    async def read_body(self) -> bytes:
        """Return the request's body."""
        await asyncio.sleep(0.001)
        return self.body

    async def send(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Take a whole answer."""
        if self.gone:
            return
        self._begin(status, headers)
        self.got += body
        self._end("whole")

    async def start(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """Take a head."""
        if not self.gone:
            self._begin(status, headers)

    def _begin(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        assert not self.started, "an answer has one head"
        self.status, self.headers = status, dict(headers)

    async def write(self, data: bytes) -> None:
        """Take a piece; who has stopped reading is given up on."""
        if self.gone:
            return
        assert self.started
        assert not self.ended, "nothing follows an end"
        if self._chance.strikes("stalled_caller", "streaming"):
            await asyncio.sleep(CALLER_STALL_S)
            self.hang_up()
            return
        self.got += data

    async def finish(self) -> None:
        """Take the end."""
        if not self.gone:
            self._end("whole")

    def cut(self) -> None:
        """Lose the connection."""
        if not self.gone:
            self._end("cut")

    def _end(self, how: str) -> None:
        assert not self.ended, "an answer ends once"
        self.ended = how
        self.over.set()

    async def upgrade(self, headers: Sequence[tuple[str, str]], protocol: str) -> Socket | None:
        """No session is asked for."""
        raise NotImplementedError


class Asked:
    """One call from its caller's side: to whom, and what came back."""

    def __init__(self, tenant: str, target: str, body: Mapping[str, Any], key: str, chance: Chance) -> None:
        self.tenant = tenant
        self.target = target
        self.sink = SimSink(json.dumps(body).encode(), chance)
        self.head = Head("POST", target, "localhost", (("authorization", f"Bearer {key}"),))
        self.begun_at = 0.0

    @property
    def call(self) -> str:
        """The id of the call, if the caller was told."""
        return self.sink.headers.get("faregate-call-id", "")


def request(target: str, words: int, most: int, *, stream: bool, background: bool) -> dict[str, Any]:
    """Return the body of a request of a target."""
    model, text = MODELS[target], "word" * words
    if target.endswith("/responses"):
        return {"model": model, "input": text, "max_output_tokens": most, "background": background}
    limit = "max_tokens" if target.endswith("/messages") else "max_completion_tokens"
    return {"model": model, "messages": [{"role": "user", "content": text}], limit: most, "stream": stream}
