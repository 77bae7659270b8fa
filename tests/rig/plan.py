"""One call as it is to go: written by whoever calls, carried by the call itself, carried out by the provider."""

import json
import random
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

INPUT_NANOS, OUTPUT_NANOS = 250, 2000
"""What the provider asks for a token: 0.25 and 2 USD a million."""

HEADER = "x-rig"
PROMPT = "Why is the sky blue? " * 10
TOKENS_OF_PIECE = 3
PIECE = "air scatters "
PADDING = "p" * 30_000
"""Makes the pieces of a call whose caller reads nothing larger than all buffers on the way."""

PATHS = {
    "openai": "/openai/v1/chat/completions",
    "mistral": "/mistral/v1/chat/completions",
    "groq": "/groq/openai/v1/chat/completions",
}
"""Where each integration of the rig is called. They speak one dialect, and differ in what a hang-up leads to."""

POLICIES = {"openai": "drain", "mistral": "abort", "groq": "estimate"}


class Ends(StrEnum):
    """How the provider ends its answer."""

    WHOLE = "whole"
    UNREPORTED = "unreported"
    CUT = "cut"
    RESET = "reset"
    REFUSED = "refused"
    BILLED = "refused and billed"


class Does(StrEnum):
    """What the caller does."""

    STAYS = "stays"
    LEAVES = "leaves"
    RESETS = "resets"
    HALF_CLOSES = "half-closes"
    READS_NOTHING = "reads nothing"


@dataclass(frozen=True)
class Plan:
    """What is to happen to one call. Its name is its model's name too, so that every record can be told by it.

    `hidden` are output tokens that are thought and billed before the first one is said. `cut_at` and `leave_at` are
    how much of the answer is sent, or read, before it ends: 0 to 1. `goes_on` tells that the provider generates, and
    bills, all of it though nobody listens any more.
    """

    name: str
    integration: str
    stream: bool
    input: int
    hidden: int
    pieces: int
    think_ms: int
    pause_ms: int
    ends: Ends
    cut_at: float
    goes_on: bool
    does: Does
    leave_at: float

    @property
    def output(self) -> int:
        """All output tokens, if it is generated to its end."""
        return self.hidden + self.pieces * TOKENS_OF_PIECE

    @property
    def padded(self) -> bool:
        """Whether its pieces are large."""
        return self.does is Does.READS_NOTHING

    def body(self) -> bytes:
        """Return the request's body; its maximum leaves room for what is billed, and so does its length."""
        body: dict[str, Any] = {
            "model": self.name,
            "max_completion_tokens" if self.integration == "openai" else "max_tokens": self.output + 10,
            "messages": [{"role": "user", "content": PROMPT}],
        }
        return json.dumps({**body, "stream": True} if self.stream else body).encode()

    def request(self, key: str) -> bytes:
        """Return the whole request."""
        body = self.body()
        return (
            f"POST {PATHS[self.integration]} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\n{HEADER}: {json.dumps(asdict(self))}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body


def read_plan(text: str) -> Plan:
    """Read a plan as its header carries it."""
    told = json.loads(text)
    return Plan(**{**told, "ends": Ends(told["ends"]), "does": Does(told["does"])})


def cost_nanos(tokens_in: int, tokens_out: int) -> int:
    """Return what the provider asks for so much."""
    return tokens_in * INPUT_NANOS + tokens_out * OUTPUT_NANOS


def make_plan(name: str, dice: random.Random) -> Plan:
    """Roll one call."""
    does = dice.choices(list(Does), weights=(62, 16, 10, 8, 4))[0]
    ends = dice.choices(list(Ends), weights=(70, 6, 9, 8, 5, 2))[0]
    stream = does is Does.READS_NOTHING or dice.random() < 0.6
    return Plan(
        name=name,
        integration=dice.choices(list(PATHS), weights=(70, 15, 15))[0],
        stream=stream,
        input=dice.randint(40, 90),
        hidden=dice.choice((0, 0, 0, 5, 200)),
        pieces=dice.randint(60, 120) if does is Does.READS_NOTHING else dice.choice((1, 2, 5, 10, 40)),
        think_ms=dice.choice((0, 0, 1, 5, 20, 60, 300)),
        pause_ms=0 if does is Does.READS_NOTHING else dice.choice((0, 0, 1, 5, 20)),
        ends=ends,
        cut_at=dice.random(),
        goes_on=dice.random() < 0.5,
        does=does,
        leave_at=dice.choice((0.0, dice.random(), dice.random(), 0.99)),
    )
