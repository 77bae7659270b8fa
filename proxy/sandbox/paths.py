"""Dotted paths into parsed JSON: `stream_options.include_usage`; `*` stands for every item of a list."""

from collections.abc import Iterator, Sequence
from typing import Any


def pick(document: Any, path: str) -> Any:
    """Return the first value at a path, or None where there is none."""
    if "*" in path:
        return next(pick_all(document, path), None)
    for step in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(step)
    return document


def pick_first(document: Any, paths: Sequence[str]) -> Any:
    """Return the value at the first path that has one which is not null."""
    for path in paths:
        value = pick(document, path)
        if value is not None:
            return value
    return None


def pick_all(document: Any, path: str) -> Iterator[Any]:
    """Yield every value at a path, in order."""
    return _walk(document, path.split("."), 0)


def _walk(value: Any, steps: list[str], depth: int) -> Iterator[Any]:
    if depth == len(steps):
        yield value
    elif steps[depth] == "*":
        for item in value if isinstance(value, list) else ():
            yield from _walk(item, steps, depth + 1)
    elif isinstance(value, dict) and steps[depth] in value:
        yield from _walk(value[steps[depth]], steps, depth + 1)
