"""Checks of the fields that a bound is made of. A message names field, kind and remedy, never the value."""

from typing import Any

from proxy.bounds.paths import compiled, every
from proxy.errors import Refusal, refuse

WHOLE_MAX = 10**9
"""No count in a request is larger: more is a mistake, or an attempt at an overflow."""

TIMES_MAX = 128
"""The most generations of one prompt."""

_KINDS = (
    (bool, "boolean"),  # before integer, which it is in Python
    (int, "integer"),
    (float, "fraction"),
    (str, "string"),
    (list, "list"),
    (dict, "object"),
)


def whole(body: Any, path: str, *, least: int = 1, most: int = WHOLE_MAX) -> int | None:
    """Return the largest integer that a path leads to, None if it is absent or null.

    Raises Refused `malformed_request` for anything but an integer from `least` to `most`. Two spellings of
    one field are both read, so that neither can hide the other.
    """
    found: int | None = None
    for value in _spellings(body, path):
        if not isinstance(value, int) or isinstance(value, bool):
            _refuse(path, value, f"send an integer from {least} to {most}, or leave it out")
        if not least <= value <= most:
            _refuse(path, value, f"it is out of range; send an integer from {least} to {most}, or leave it out")
        found = value if found is None else max(found, value)
    return found


def words(body: Any, path: str) -> list[str]:
    """Return the strings that a path leads to. Raises Refused `malformed_request` for any other kind."""
    values = list(_spellings(body, path))
    for value in values:
        if not isinstance(value, str):
            _refuse(path, value, "send a string, or leave it out")
    return values


def length(body: Any, path: str, *, text: bool = False) -> int:
    """Return how many elements the lists at a path have; with `text` a string there counts as one.

    Raises Refused `malformed_request` for any other kind.
    """
    total = 0
    plain = body.get(path) if isinstance(body, dict) else None
    if isinstance(plain, list):
        return len(plain)
    for value in _spellings(body, path):
        if isinstance(value, list):
            total += len(value)
        elif text and isinstance(value, str):
            total += 1
        else:
            _refuse(path, value, "send a string or a list" if text else "send a list, or leave it out")
    return total


def kind(value: Any) -> str:
    """Name the JSON kind of a parsed value."""
    return next((name for type_, name in _KINDS if isinstance(value, type_)), "null")


def _spellings(body: Any, path: str) -> list[Any]:
    """Return the values under each spelling of each step, nulls left out."""
    here = [body]
    for keys in compiled(path):
        if len(here) == 1 and len(keys) == 1 and keys[0] != "*":
            parent = here[0]
            value = parent.get(keys[0]) if isinstance(parent, dict) else None
            if value is None:
                return []
            here = [value]
        else:
            here = [value for parent in here for value in _under(parent, keys)]
    return here


def _under(parent: Any, keys: tuple[str, ...]) -> list[Any]:
    return [value for key in keys for value in every(parent, key)]


def _refuse(path: str, value: Any, remedy: str) -> None:
    name = ".".join(step[0] for step in compiled(path))
    refuse(Refusal.MALFORMED_REQUEST, f"The field {name} holds a value of kind {kind(value)}: {remedy}.")
