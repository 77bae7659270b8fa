"""Copies of recorded answers that say the same in other words, or something else that can be foreseen.

Members in another order, members and events that nobody knows, other spaces and line ends: read as before. Every whole
number times a factor: every unit that is a sum of numbers is that many times as much.
"""

import base64
import json
import random  # noqa: TID251  # seeded, so that an example can be played again
import re
from collections.abc import Callable, Iterator
from typing import Any, Self

from botocore.eventstream import EventStreamBuffer
from doubles.recordings import Recording, body, spec_of
from msgspec import Struct

from proxy.wire.event_stream import write_frame

STRANGE = {"zz_strange": {"usage": {"prompt_tokens": 7, "input_tokens": 8}, "text": ["?", None, -1.5e3]}}
"""What no provider sends today. Known names below an unknown one are none of ours."""

NAMES_BY_NUMBER = frozenset({"modality", "trafficType"})
"""Members whose numbers stand for names, in Vertex's older dialect."""


class Change(Struct, frozen=True):
    """What is made of an answer. `seed` decides where and in which order."""

    seed: int = 0
    factor: int = 1
    shuffled: bool = False
    strange_members: bool = False
    strange_events: bool = False
    spaced: bool = False
    line_end: str = "\n"


def mutant(recording: Recording, change: Change) -> bytes:
    """Return the changed answer. Text that is no JSON stays what it is."""
    framing, raw = recording["framing"], body(recording)
    dice = random.Random(change.seed)  # no secret
    if framing == "aws-eventstream":
        return b"".join(_frames(raw, lambda text: _document(text, change, dice)))
    if framing == "sse" and recording["response"]["status"] < 400:
        return _lines(raw, change, dice, "data:")
    if framing == "ndjson":
        return _lines(raw, change, dice, "")
    return _document(raw.decode(errors="surrogateescape"), change, dice).encode(errors="surrogateescape")


def headers(recording: Recording, change: Change) -> dict[str, str]:
    """Return the answer's headers, with the numbers in them that are usage times the factor."""
    told = {name.lower() for name in spec_of(recording).headers.values()}
    return {
        name: str(int(value) * change.factor) if name.lower() in told and value.isdigit() else value
        for name, value in recording["response"]["headers"].items()
    }


def _document(text: str, change: Change, dice: random.Random) -> str:
    try:
        value = json.loads(text, parse_float=_Verbatim)
    except ValueError:
        return text
    if not isinstance(value, dict | list):
        return text
    separators = (", ", ": ") if change.spaced else (",", ":")
    written = json.dumps(_changed(value, change, dice), separators=separators, ensure_ascii=change.spaced)
    return _QUOTED.sub(r"\1", written)


class _Verbatim(str):
    """A fraction as it was written, between marks that are taken off when the document is written."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        return super().__new__(cls, f"@fraction:{text}@")


_QUOTED = re.compile(r'"@fraction:([^"@]+)@"')


def _changed(value: Any, change: Change, dice: random.Random, name: str = "") -> Any:
    if isinstance(value, dict):
        members = [(key, _changed(below, change, dice, key)) for key, below in value.items()]
        if change.strange_members and dice.random() < 0.3:
            members.insert(dice.randrange(len(members) + 1), next(iter(STRANGE.items())))
        if change.shuffled:
            dice.shuffle(members)
        return dict(members)
    if isinstance(value, list):
        return [_changed(each, change, dice, name) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and name not in NAMES_BY_NUMBER:
        return value * change.factor
    return value


def _lines(raw: bytes, change: Change, dice: random.Random, before: str) -> bytes:
    """Change a stream line by line. A line of an event begins with `before` where its document does."""
    lines = re.split(r"\r\n|\n", raw.decode(errors="surrogateescape"))
    found: list[str] = []
    for line in lines:
        if change.strange_events and dice.random() < 0.2 and (not before or not found or found[-1] == ""):
            strange = json.dumps({"type": "zz.strange", **STRANGE})
            found += [": a comment", "", "event: zz.strange", f"data: {strange}", ""] if before else [strange]
        found.append(before + " " + _document(line[len(before) :].strip(), change, dice) if _is(line, before) else line)
    return change.line_end.join(found).encode(errors="surrogateescape")


def _is(line: str, before: str) -> bool:
    return line.startswith(before) and line[len(before) :].lstrip()[:1] in ("{", "[") and "[DONE]" not in line


def _frames(raw: bytes, document: Callable[[str], str]) -> Iterator[bytes]:
    """Yield the frames anew, with their documents changed: their payload, or what it holds as base64."""
    buffer = EventStreamBuffer()
    buffer.add_data(raw)
    for frame in buffer:
        payload = document(frame.payload.decode())
        told = json.loads(payload) if payload else {}
        if isinstance(told, dict) and isinstance(told.get("bytes"), str):
            inner = document(base64.b64decode(told["bytes"]).decode())
            payload = json.dumps({**told, "bytes": base64.b64encode(inner.encode()).decode()})
        yield write_frame(dict(frame.headers), payload.encode())
