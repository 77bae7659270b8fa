"""The environment's part in the settings: references inside the file, and variables that beat the file.

`${NAME}` must be set; `${NAME:-}` may be empty, `${NAME:-text}` has a text for that case; `$${` is a
plain `${`.
A variable `FAREGATE_A__B` is the setting `a.b`. An empty variable counts as not set.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, structs

PREFIX = "FAREGATE_"
NOT_SETTINGS = frozenset({"FAREGATE_CONFIG", "FAREGATE_OPERATOR_URL", "FAREGATE_CORPUS"})
"""Variables that are ours but no setting: they find the file, the server, the recordings for the tests."""

_REFERENCE = re.compile(
    r"\$(?P<plain>\$(?=\{))|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<rest>:-(?P<text>[^}]*))?\}|\$\{"
)


class Variable(Struct, frozen=True):
    """A setting's text as a variable gives it."""

    name: str
    text: str


def is_reference(text: str) -> bool:
    """Tell whether a text of the file refers to the environment."""
    return "${" in text


def references(text: str) -> Iterator[str]:
    """Yield the names that a text refers to."""
    return (match["name"] for match in _REFERENCE.finditer(text) if match["name"])


def interpolate(text: str, environ: Mapping[str, str]) -> str:
    """Replace references by their values, once. Raises ValueError with the remedy if one is not set."""

    def value(match: re.Match[str]) -> str:
        if match["plain"]:
            return "$"
        name = match["name"]
        if not name:
            raise ValueError("'${' begins no reference; write ${NAME} or ${NAME:-}, or $${ for a plain one")
        found = environ.get(name, "")
        if not found and match["rest"] is None:
            raise ValueError(f"the variable {name} is not set; set it, or write ${{{name}:-}} if it may be empty")
        return found or match["text"] or ""

    return _REFERENCE.sub(value, text)


def variables(environ: Mapping[str, str], into: type[Struct]) -> tuple[dict[str, Any], list[str]]:
    """Arrange our variables as a tree of settings; also return the names of those that name no setting."""
    tree: dict[str, Any] = {}
    unknown = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        place = _place(name.removeprefix(PREFIX).lower().split("__"), into)
        if place is None:
            unknown.append(name)
        elif environ[name]:
            branch = tree
            for part in place[:-1]:
                branch = branch.setdefault(part, {})
            branch[place[-1]] = Variable(name, environ[name])
    return tree, unknown


def names_in(tree: object) -> Iterator[str]:
    """Yield the names of the variables in a tree of settings, or in a branch of one."""
    if isinstance(tree, Variable):
        yield tree.name
    elif isinstance(tree, dict):
        for below in tree.values():
            yield from names_in(below)


def merge(file: object, tree: dict[str, Any]) -> object:
    """Lay the variables over the file's content. What is wrong in the file is left for its own refusal."""
    if not tree:
        return file
    if file is None:
        file = {}
    if not isinstance(file, dict):
        return file
    merged = dict(file)
    for key, value in tree.items():
        merged[key] = merge(merged.get(key), value) if isinstance(value, dict) else value
    return merged


def _place(parts: list[str], kind: Any) -> list[str] | None:
    """Find the setting that a name's parts lead to, or None. `_` is `-` in a mapping's keys."""
    place = []
    for part in parts:
        if not part:
            return None
        if isinstance(kind, type) and issubclass(kind, Struct):
            found = {field.name: field.type for field in structs.fields(kind)}
            if part not in found:
                return None
            place.append(part)
            kind = found[part]
        elif (inner := mapping_of(kind)) is not None:
            place.append(part.replace("_", "-"))
            kind = inner
        else:
            return None
    is_leaf = not (isinstance(kind, type) and issubclass(kind, Struct)) and mapping_of(kind) is None
    return place if is_leaf else None


def mapping_of(kind: Any) -> type[Struct] | None:
    """Return the values' type if a setting is a mapping of names to settings, else None."""
    if getattr(kind, "__origin__", None) is Mapping:
        values: type[Struct] = kind.__args__[1]
        return values
    return None
