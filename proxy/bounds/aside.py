"""What of a request is certainly no text for the model: its settings, and the JSON that every text stands in.

A body has at least one byte of JSON for each byte counted here, so that what is left is never less than its text.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from proxy.bounds.paths import compiled


class Setting(Struct, frozen=True):
    """What one member of an object is: no text with all that it holds (`whole`), or in these members of it.

    `size` are the bytes of JSON besides its value, or besides those of these members. `shapes` tells that a bound looks
    at the value.
    """

    size: int = 0
    whole: bool = False
    members: "Mapping[str, Setting]" = {}
    shapes: bool = False

    def no_text(self, value: Any) -> int:
        """Return the fewest bytes of JSON that are no text of the member with this value."""
        if self.whole:
            return self.size + least(value)
        return self.size + aside(value, self.members) if self.members and isinstance(value, dict) else 0


def settings(paths: Iterable[str], watched: Iterable[str] = ()) -> dict[str, Setting]:
    """Return what the members of a body are: of these paths none is text, and `watched` are looked at by the bound."""
    looked_at = frozenset(watched)
    tree: dict[str, Any] = {name: {} for name in looked_at}
    for path in paths:
        _plant(tree, compiled(path))
    return _settings(tree, looked_at)


def _plant(tree: dict[str, Any], steps: tuple[tuple[str, ...], ...]) -> None:
    for name in steps[0]:
        below = tree.setdefault(name, {})
        if len(steps) > 1:
            _plant(below, steps[1:])
        else:
            below[_WHOLE] = {}


_WHOLE = ""
"""Stands among the members of one that is no text with all that it holds; no member of a provider has this name."""


def _settings(tree: Mapping[str, Any], looked_at: frozenset[str] = frozenset()) -> dict[str, Setting]:
    found = {}
    for name, below in tree.items():
        if name != _WHOLE:
            whole = _WHOLE in below
            # Of an object one comma less: the last of its members has none, and each is counted with one.
            size = len(f'"{name}":,') if whole else len(f'"{name}":{{}},') - 1
            found[name] = Setting(size, whole, _settings(below), name in looked_at)
    return found


def aside(body: Any, known: Mapping[str, Setting]) -> int:
    """Return the fewest bytes of JSON that the members of an object which are no text can take."""
    if not isinstance(body, dict):
        return 0
    return sum(setting.no_text(value) for name, value in body.items() if (setting := known.get(name)) is not None)


def least(value: Any) -> int:
    """Return the fewest bytes of JSON that a value can be written in; 0 for a file of a form, which is none."""
    kind = type(value)
    if kind is str:
        return len(value) + 2
    if kind is bool or value is None:
        return 5 if value is False else 4
    if kind is int or kind is float:
        return 1  # a large number can be written as 1e9
    total = 0
    if kind is list:
        for each in value:
            total += least(each)
        return total + max(1, len(value)) + 1
    if kind is dict:
        for name, each in value.items():
            total += len(name) + 3 + least(each)
        return total + max(1, len(value)) + 1
    return 0
