"""Reads a request's JSON the strict way, so that the provider cannot read another request than the one we priced.

Refused: anything but UTF-8 without a byte order mark, a key given twice, NaN and infinities, nesting beyond
`DEPTH_MAX`, integers of thousands of digits, halves of surrogate pairs, trailing data. The messages never echo the
body.
"""

import json
import re
from math import isinf
from typing import Any

from msgspec import MsgspecError
from msgspec.json import decode

DEPTH_MAX = 200
_KEY = re.compile(rb'"[ \t\n\r]*:')
_BRACKETS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)  # linear also where a string never ends
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_object(body: bytes) -> dict[str, Any]:
    """Return a JSON object. Raises ValueError, whose text says what is wrong in words fit for the caller."""
    if body.count(b"{") + body.count(b"[") > DEPTH_MAX and _depth(body) > DEPTH_MAX:
        raise ValueError(f"the body is nested deeper than {DEPTH_MAX} levels")
    try:
        value = decode(body)
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        return _parse_slowly(body)
    if type(value) is dict and _no_key_twice(value, body):
        return value
    return _parse_slowly(body)


def _no_key_twice(value: dict[str, Any], body: bytes) -> bool:
    """Tell, if it is easy to see, that no object of the body has a key twice.

    Each key has a colon behind it. If there are no more of these than members, none was lost to another of its name;
    text in strings may hold more colons, and even more that follow a quote.
    """
    members = _members(value)
    return members == body.count(b":") or members == len(_KEY.findall(body))


def _members(value: Any) -> int:
    """Count the members of all objects in a value."""
    if type(value) is dict:
        return len(value) + sum([_members(each) for each in value.values() if type(each) in _NESTED])
    return sum([_members(each) for each in value if type(each) in _NESTED])


_NESTED = (dict, list)


def _parse_slowly(body: bytes) -> dict[str, Any]:
    """Parse a body that may be at fault, finding out how. Raises ValueError."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"the body is not UTF-8 (byte {error.start})") from None
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_fraction)
    except json.JSONDecodeError as error:
        raise ValueError(f"the body is not valid JSON (character {error.pos})") from None
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None
    except _Unfit:
        raise
    except ValueError:  # the limit that Python itself sets, whose message speaks of Python
        raise ValueError("the body holds an integer of thousands of digits") from None
    if not isinstance(value, dict):
        raise ValueError("the body must be a JSON object")
    if _SURROGATE.search(body) and not _is_unicode(value):
        raise ValueError("a string of the body holds half of a surrogate pair")
    return value


def _is_unicode(value: dict[str, Any]) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


class _Unfit(ValueError):
    """JSON in form, but not a request that everybody reads alike."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Unfit("an object of the body has the same key twice")
    return value


def _constant(name: str) -> float:
    raise _Unfit(f"the body holds {name}, which is not JSON")


def _fraction(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise _Unfit("the body holds a number that is larger than any float")
    return value


def _depth(body: bytes) -> int:
    depth = deepest = 0
    for token in _BRACKETS.finditer(body):
        mark = token[0][:1]
        if mark in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in b"]}":
            depth -= 1
    return deepest
