"""Edits one member of a JSON object in its text, byte for byte, so that everything else stays what the caller sent.

A member is inserted at the head of its object, or its value is replaced where it stands. Nothing is re-serialised.
"""

import json
import re
from collections.abc import Sequence

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*")
_SCALAR = re.compile(rb"[^,\]}\s]+")
_NESTED = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]', re.DOTALL)


def splice(body: bytes, path: Sequence[str], value: bytes) -> bytes:
    """Set the member at `path` (keys of nested objects) to a JSON `value` in a valid JSON object's text.

    Objects on the way that are missing are made; one that is `null` is replaced. Raises ValueError if a value on
    the way is neither an object nor null.
    """
    return _set(body, _skip_space(body, 0), path, value)


def _set(body: bytes, start: int, path: Sequence[str], value: bytes) -> bytes:
    span = _member(body, start, path[0])
    if span is None:
        return _insert(body, start, path[0], _wrap(path[1:], value))
    first, last = span
    if len(path) == 1:
        return body[:first] + value + body[last:]
    if body[first : first + 1] == b"{":
        return _set(body, first, path[1:], value)
    if body[first:last] == b"null":
        return body[:first] + _wrap(path[1:], value) + body[last:]
    raise ValueError(f"{path[0]} is not an object")


def _wrap(path: Sequence[str], value: bytes) -> bytes:
    for key in reversed(path):
        value = b'{"%s":%s}' % (key.encode(), value)
    return value


def _insert(body: bytes, start: int, key: str, value: bytes) -> bytes:
    after = _skip_space(body, start + 1)
    comma = b"" if body[after : after + 1] == b"}" else b","
    return body[: start + 1] + b'"%s":%s%s' % (key.encode(), value, comma) + body[start + 1 :]


def _member(body: bytes, start: int, key: str) -> tuple[int, int] | None:
    """Return the span of a member's value in the object at `start`, or None if it has no such member."""
    if body[start : start + 1] != b"{":
        raise ValueError("the text is not a JSON object")
    wanted = key.encode()
    position = _skip_space(body, start + 1)
    while body[position : position + 1] == b'"':
        name = _match(_STRING, body, position)
        position = _skip_space(body, name.end())
        first = _skip_space(body, position + 1)
        last = _value_end(body, first)
        if _same_key(name[0][1:-1], wanted):
            return first, last
        position = _skip_space(body, last)
        if body[position : position + 1] == b",":
            position = _skip_space(body, position + 1)
    return None


def _same_key(raw: bytes, wanted: bytes) -> bool:
    if b"\\" not in raw:
        return raw == wanted
    return bool(json.loads(b'"%s"' % raw) == wanted.decode())


def _value_end(body: bytes, first: int) -> int:
    opening = body[first : first + 1]
    if opening == b'"':
        return _match(_STRING, body, first).end()
    if opening not in (b"{", b"["):
        return _match(_SCALAR, body, first).end()
    depth = 0
    for token in _NESTED.finditer(body, first):
        mark = token[0][:1]
        if mark in b"{[":
            depth += 1
        elif mark in b"}]":
            depth -= 1
            if not depth:
                return token.end()
    raise ValueError("the JSON text ends inside a value")


def _skip_space(body: bytes, position: int) -> int:
    return _match(_SPACE, body, position).end()


def _match(pattern: re.Pattern[bytes], body: bytes, position: int) -> re.Match[bytes]:
    found = pattern.match(body, position)
    if found is None:
        raise ValueError("the text is not valid JSON")
    return found
