"""Reads a request's JSON the strict way, so that the provider cannot read another request than the one we priced.

Refused: anything but UTF-8 without a byte order mark, a key given twice, NaN and infinities, nesting beyond
`DEPTH_MAX`, integers of thousands of digits, trailing data. The messages never echo the body.
"""

import json
import re
from typing import Any

DEPTH_MAX = 200
_BRACKETS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]', re.DOTALL)


def parse_object(body: bytes) -> dict[str, Any]:
    """Return a JSON object. Raises ValueError, whose text says what is wrong in words fit for the caller."""
    if body.count(b"{") + body.count(b"[") > DEPTH_MAX and _depth(body) > DEPTH_MAX:
        raise ValueError(f"the body is nested deeper than {DEPTH_MAX} levels")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"the body is not UTF-8 (byte {error.start})") from None
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"the body is not valid JSON (character {error.pos})") from None
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("the body must be a JSON object")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object of the body has the same key twice")
    return value


def _constant(name: str) -> float:
    raise ValueError(f"the body holds {name}, which is not JSON")


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
