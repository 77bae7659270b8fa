"""What arrives at a responder and what leaves it."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from proxy.sandbox.stream import Moment
from proxy.sandbox.usage import Usage


class Fault(Exception):
    """The request gets an error of the provider's kind; `message` is said in it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Request(Struct, frozen=True):
    """What arrived. `path` and `query` are raw, `headers` are lower-case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    raw: bytes


class Reply(Struct):
    """What is answered. A stream has `events` instead of a body; `error_event` is what would end it early.

    `usage` is what the whole answer costs (None: a free route), `overrides` are quantities reported otherwise.
    """

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str]
    route: str = ""
    model: str = ""
    object: str = ""
    usage: Usage | None = None
    overrides: Mapping[str, Any] = {}
    events: Iterator[Moment] | None = None
    error_event: bytes = b""

    def billed(self, visible: int | None = None) -> dict[str, Any]:
        """Return what was billed: everything as reported, or what so many visible tokens had cost."""
        if self.usage is None:
            return {}
        return self.usage.slots(self.overrides) if visible is None else self.usage.at(visible).slots({})

    @property
    def tokens(self) -> int:
        """How many tokens the whole answer takes to make."""
        return self.usage.visible + self.usage.reasoning if self.usage else 0
