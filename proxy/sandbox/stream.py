"""The events of a streamed answer, in the order that a shape gives, as bytes ready to go out.

opening once; first per choice; piece per piece, the choices taking turns; last per choice; closing once.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from proxy.sandbox.prose import BYTES_PER_TOKEN
from proxy.sandbox.shapes import Event, Stream
from proxy.sandbox.usage import Usage


class Moment(Struct, frozen=True):
    """One event as bytes, and what had been generated when it was made: visible tokens, and pieces."""

    data: bytes
    visible: int = 0
    pieces: int = 0


class Framing(Struct, frozen=True):
    """How events are told apart: server-sent events, or the items of one JSON array."""

    line_end: bytes
    array: bool

    def frame(self, event: Event, scope: Mapping[str, Any], first: bool) -> bytes:
        """Return one event's bytes."""
        data = event.data.fill(scope) if event.data else event.raw.encode()
        if self.array:
            return (b"[" if first else b"," + self.line_end) + data
        name = b"event: " + event.event.encode() + self.line_end if event.event else b""
        return name + b"data: " + data + self.line_end * 2

    @property
    def end(self) -> bytes:
        """What follows the last event."""
        return b"]" + self.line_end if self.array else b""


def framing(stream: Stream, query: str) -> Framing:
    """Return how this request wants its events."""
    wanted = stream.array_unless
    return Framing(stream.line_end.encode(), bool(wanted) and wanted not in query.split("&"))


def moments(
    stream: Stream,
    how: Framing,
    scope: Mapping[str, Any],
    pieces: Sequence[Sequence[str]],
    usage: Usage,
    overrides: Mapping[str, Any],
) -> Iterator[Moment]:
    """Yield the events. `scope` is the finished answer's; what is not known yet at an event is hidden from it.

    `pieces` has the text of each choice, split.
    """
    live = {**scope, **usage.at(0).slots(overrides), "done": False}
    choices = scope["choices"]
    told = _Teller(how, live)
    yield from told.tell(stream.opening)
    for choice in choices:
        live.update(choice)
        yield from told.tell(stream.first)
    sizes = [0] * len(pieces)
    for index, piece, ends, last in _turns(pieces):
        sizes[index] += len(piece.encode())
        visible = sum(-(-size // BYTES_PER_TOKEN) for size in sizes)
        told.visible = usage.visible if last else min(visible, usage.visible)
        told.pieces += 1
        live.update(choices[index], piece=piece, last_piece=ends)
        live.update(usage.at(told.visible).slots(overrides if last else {}))
        yield from told.tell(stream.piece)
    live.update(scope, done=True)
    for choice in choices:
        live.update(choice)
        yield from told.tell(stream.last)
    yield from told.tell(stream.closing)
    if how.end:
        yield Moment(how.end, told.visible, told.pieces)


class _Teller:
    """Counts what was told."""

    def __init__(self, how: Framing, live: dict[str, Any]) -> None:
        self.visible = 0
        self.pieces = 0
        self._how = how
        self._live = live
        self._sequence = 0

    def tell(self, events: Sequence[Event]) -> Iterator[Moment]:
        for event in events:
            if event.when.holds(self._live):
                self._live["sequence"] = self._sequence
                data = self._how.frame(event, self._live, self._sequence == 0)
                self._sequence += 1
                yield Moment(data, self.visible, self.pieces)


def _turns(pieces: Sequence[Sequence[str]]) -> Iterator[tuple[int, str, bool, bool]]:
    """Yield every choice's pieces, the choices taking turns; whether it is the choice's last, and the last of all."""
    left = sum(map(len, pieces))
    for at in range(max(map(len, pieces))):
        for index, own in enumerate(pieces):
            if at < len(own):
                left -= 1
                yield index, own[at], at == len(own) - 1, left == 0
