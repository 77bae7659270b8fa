"""Parts of a body: whether one has the values that a rule in data wants."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from proxy.bounds.paths import first

T = TypeVar("T")


def matches(part: Any, where: Mapping[str, str | None]) -> bool:
    """Tell whether a part has each value wanted (globs, of text and of true and false); None wants any but null."""
    for path, wanted in where.items():
        value = first(part, path)
        if isinstance(value, bool):
            value = "true" if value else "false"
        if value is None or (wanted is not None and not (isinstance(value, str) and fnmatchcase(value, wanted))):
            return False
    return True


def by_model(table: Mapping[str, T], model: str) -> T | None:
    """Return the value of the first glob that a model's name matches."""
    return next((value for glob, value in table.items() if fnmatchcase(model, glob)), None)


def named(globs: Sequence[str], model: str) -> bool:
    """Tell whether a model's name matches one of these globs; without any, every name does."""
    return not globs or any(fnmatchcase(model, glob) for glob in globs)
