"""Paths into a parsed JSON body, as text in data files: `messages.*.content.*`, `config|settings.maximum`.

Steps are parted by dots. `*` is every element of a list, `a|b` is the first of these keys that the object
has, and the empty path is the body itself. What is not there, or is null, is not found; nothing raises.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

Steps = tuple[tuple[str, ...], ...]
"""A compiled path: for each step the keys to try, in order."""

EVERY = ("*",)


@lru_cache(maxsize=4096)  # a memo of a pure function: paths come from data files and are few
def compiled(path: str) -> Steps:
    """Split a path into its steps."""
    return tuple(tuple(step.split("|")) for step in path.split(".")) if path else ()


def every(body: Any, path: str) -> Iterator[Any]:
    """Yield each value that the path leads to, in the order of the body."""
    return _every(body, compiled(path))


def first(body: Any, path: str) -> Any:
    """Return the first value that the path leads to, or None."""
    steps = compiled(path)
    if EVERY in steps:
        return next(_every(body, steps), None)
    for keys in steps:
        body = _child(body, keys)
        if body is None:
            return None
    return body


def spelled(body: Any, path: str) -> tuple[str, ...]:
    """Return the path as keys, in the spelling that the body itself uses so far as it goes, else the first.

    A value that is to be added to a body must not stand beside a second spelling of its parent.
    """
    keys = []
    for step in compiled(path):
        here = body if isinstance(body, dict) else {}
        key = next((k for k in step if k in here), step[0])
        keys.append(key)
        body = here.get(key)
    return tuple(keys)


def _child(body: Any, keys: tuple[str, ...]) -> Any:
    if isinstance(body, dict):
        for key in keys:
            value = body.get(key)
            if value is not None:
                return value
    return None


def _every(body: Any, steps: Steps) -> Iterator[Any]:
    if body is None:
        return
    if not steps:
        yield body
    elif steps[0] == EVERY:
        if isinstance(body, list):
            for element in body:
                yield from _every(element, steps[1:])
    else:
        yield from _every(_child(body, steps[0]), steps[1:])
