"""What the messages of a session say about its turns, and how much the caller's add to what must be paid for."""

from collections.abc import Iterable
from typing import Any

from msgspec import DecodeError, Struct, json

from proxy.bounds.turns import Flow
from proxy.money import Quantity
from proxy.providers.session import Paths, SessionSpec, Told
from proxy.usage.expression import Absurd, evaluate
from proxy.usage.seen import is_there
from proxy.wire.framing import unblank
from proxy.wire.paths import find_all

FIRST_BYTES = 64
"""Bytes of a message that are looked at to tell whether it is JSON."""
UNLIMITED = 10**9
"""More tokens than any answer has."""
BASE64 = (3, 4)
"""So many bytes are so many characters of base64."""


class Asked(Struct, frozen=True):
    """A caller's message: whether it asks for a turn, or may bring the provider to start one; in which conversation;
    what it adds; and, if it cannot be metered, why.
    """

    asks: bool = False
    feeds: bool = False
    lane: str = ""
    flow: Flow = Flow()
    unmetered: str = ""


class Heard(Struct, frozen=True):
    """A provider's message: whether it shows that a turn runs, or that one will not be done; in which conversation;
    the seconds of the session that it tells of, and whether that is the last word.
    """

    begins: bool = False
    voids: bool = False
    lane: str = ""
    seconds: Quantity | None = None
    last: bool = False


def document(data: bytes) -> dict[str, Any] | None:
    """Parse a message; None if it is no JSON object."""
    if unblank(data[:FIRST_BYTES])[:1] != b"{":
        return None
    try:
        found = json.decode(data)
    except (DecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None


def ask(spec: SessionSpec, data: bytes, *, binary: bool) -> Asked:
    """Judge a caller's message."""
    said = document(data)
    if said is None:
        return Asked(feeds=bool(spec.feeds) and binary, flow=_unspoken(spec, data, binary=binary))
    unmetered = next((rule.say for rule in spec.refuse if any(map(is_there, find_all(rule.place, said)))), "")
    return Asked(
        _any(spec.asking, said), _any(spec.feeding, said), _lane(spec, said), _flow(spec, data, said), unmetered
    )


def hear(spec: SessionSpec, data: bytes) -> Heard:
    """Judge a provider's message."""
    said = document(data)
    if said is None:
        return Heard()
    seconds, last = _told(spec, said)
    return Heard(_any(spec.beginning, said), _any(spec.voiding, said), _lane(spec, said), seconds, last)


def opens(spec: SessionSpec, data: bytes) -> bool:
    """Tell whether a message is what a session must begin with."""
    said = document(data)
    return said is not None and _any(spec.opened_by or spec.asking, said)


def _any(paths: Paths, said: dict[str, Any]) -> bool:
    for path in paths:
        for value in find_all(path, said):
            if is_there(value):
                return True
    return False


def _lane(spec: SessionSpec, said: dict[str, Any]) -> str:
    lane = said.get(spec.lane) if spec.lane else None
    return lane if isinstance(lane, str) else ""


def _strings(paths: Paths, said: dict[str, Any]) -> Iterable[str]:
    for path in paths:
        for value in find_all(path, said):
            if isinstance(value, str):
                yield value


def _flow(spec: SessionSpec, data: bytes, said: dict[str, Any]) -> Flow:
    """Add up a JSON message: text is a token a byte, less what is sound or a picture."""
    sounds = list(_strings(spec.sound_at, said))
    pictures = list(map(len, _strings(spec.pictures_at, said)))
    bound = spec.bound
    each = bound.pictures.tokens if bound is not None and bound.pictures is not None else 0
    stated = [_limit(value) for path in spec.maximum_at for value in find_all(path, said)]
    return Flow(
        text=len(data) - sum(map(len, sounds)) - sum(pictures),
        pictures=each * len(pictures),
        sound_bytes=sum(map(_bytes_of, sounds)),
        characters=sum(map(len, _strings(spec.characters_at, said))),
        maximum=max(stated) if stated else None,
    )


def _bytes_of(text: str) -> int:
    """Return how many bytes base64 stands for; what is not well formed is never less than it could be."""
    padding = 0 if len(text) % BASE64[1] else text[-2:].count("=")
    return len(text) * BASE64[0] // BASE64[1] - padding


def _limit(value: object) -> int:
    """Read a limit of the caller's; what is no number is none."""
    return value if type(value) is int and 0 < value < UNLIMITED else UNLIMITED


def _unspoken(spec: SessionSpec, data: bytes, *, binary: bool) -> Flow:
    """Add up a message that is no JSON: sound, where sound comes in binary messages."""
    sound = spec.bound.sound if spec.bound is not None else None
    if binary and sound is not None and not sound.at:
        return Flow(sound_bytes=len(data))
    return Flow(text=len(data))


def _seconds(rule: Told, place: dict[str, Any]) -> Quantity | None:
    """Return the seconds that a message tells of, None if it does not. Raises Absurd."""
    seconds = evaluate(rule.terms, place, True)
    times = evaluate(rule.factor, place, False) if rule.factor else None
    return seconds if seconds is None or times is None else seconds * times


def _told(spec: SessionSpec, said: dict[str, Any]) -> tuple[Quantity | None, bool]:
    for rule in spec.told:
        for place in find_all(rule.place, said):
            try:
                seconds = _seconds(rule, place) if isinstance(place, dict) else None
            except Absurd:
                seconds = None
            if seconds is not None:
                return seconds, rule.last
    return None, False
