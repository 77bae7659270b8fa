"""Paths: where in a JSON document a value stands, as one line of text in a data file.

    usage.prompt_tokens                    members, one below the other
    choices[].message.content              every element of an array
    output[type=message].content[].text    every element (or the object itself) whose member is as given
    [type=error|fatal]                     alternatives; at the start of a path: the document itself
    output[type=a,action.type=b].id        several conditions, on members at any depth
    [!type].text                           a member that is missing or null
    [state.waiting!=0].id                  a member that is there, and is anything else
    assessments.*.usage                    every member of an object, whatever its name
    .                                      the document itself

Paths are compiled when a data file is loaded. Following one never raises: what does not fit is not found.
"""

import re
from typing import Any

from msgspec import Struct

_NAME = re.compile(r"[A-Za-z0-9_$@/-]+")
_STEP = re.compile(r"([^\[\].]*)((?:\[[^\[\]]*\])*)(\.|$)")


class Member(Struct, frozen=True):
    """Go to the member of an object."""

    name: str


class Each(Struct, frozen=True):
    """Go to every element of an array."""


class Every(Struct, frozen=True):
    """Go to every member of an object, whatever its name."""


class Condition(Struct, frozen=True):
    """One condition: the member at `path` is one of `values`; without values: it is there; `absent`: it is not.

    With `other` it is there and is none of them.
    """

    path: tuple[str, ...]
    values: frozenset[str]
    absent: bool
    other: bool = False

    def holds(self, value: dict[str, Any]) -> bool:
        """Whether an object meets the condition."""
        found: Any = value
        for name in self.path:
            found = found.get(name) if type(found) is dict else None
        if self.absent or not self.values:
            return (found is None) is self.absent
        if type(found) is not str and type(found) is not int:
            return False
        return (str(found) in self.values) is not self.other


class Where(Struct, frozen=True):
    """Stay at the objects (elements of an array, or the object itself) that meet every condition."""

    conditions: tuple[Condition, ...]

    def holds(self, value: Any) -> bool:
        """Whether a value is such an object."""
        if type(value) is not dict:
            return False
        for condition in self.conditions:  # noqa: SIM110  # `all` of a generator takes twice as long, once an event
            if not condition.holds(value):
                return False
        return True


Step = Member | Each | Every | Where


def parse_path(text: str) -> tuple[Step, ...]:
    """Read a path as its steps. Raises ValueError, saying what is wrong with which path."""
    if text == ".":
        return ()
    steps: list[Step] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None or (not match[1] and not (match[2] and at == 0)) or match[0] == ".":
            raise ValueError(f"{text!r} is not a path: stuck at {text[at:]!r}")
        if match[1]:
            if match[1] != "*" and not _NAME.fullmatch(match[1]):
                raise ValueError(f"{text!r} is not a path: {match[1]!r} is not a name")
            steps.append(Every() if match[1] == "*" else Member(match[1]))
        brackets = re.findall(r"\[([^\]]*)\]", match[2])
        steps += [Where(parse_conditions(bracket)) if bracket else Each() for bracket in brackets]
        at = match.end()
        if match[3] == "." and at == len(text):
            raise ValueError(f"{text!r} is not a path: it ends in a dot")
    if not steps:
        raise ValueError("an empty path is not a path; `.` is the document itself")
    return tuple(steps)


def parse_conditions(text: str) -> tuple[Condition, ...]:
    """Read what stands between brackets. Raises ValueError."""
    conditions = []
    for part in text.split(","):
        name, equals, values = part.partition("=")
        absent, other = name.startswith("!"), bool(equals) and name.endswith("!")
        path = tuple((name[:-1] if other else name.removeprefix("!")).split("."))
        if not all(_NAME.fullmatch(each) for each in path) or (equals and (absent or not all(values.split("|")))):
            raise ValueError(f"{part!r} is not a condition: name=value|value, name!=value|value, name or !name")
        conditions.append(Condition(path, frozenset(values.split("|")) if equals else frozenset(), absent, other))
    return tuple(conditions)


def join_paths(root: str, path: str) -> str:
    """Put one path below another."""
    if root == ".":
        return path
    if path == ".":
        return root
    return root + path if path.startswith("[") else f"{root}.{path}"


def find_all(steps: tuple[Step, ...], value: Any) -> list[Any]:
    """Follow a path: every value found, null left out."""
    for index, step in enumerate(steps):
        if not isinstance(step, Member):
            return _spread(steps[index:], value)
        value = value.get(step.name) if type(value) is dict else None
        if value is None:
            return []
    return [value]


def _spread(steps: tuple[Step, ...], value: Any) -> list[Any]:
    """Follow a path that leads to several places."""
    step, rest = steps[0], steps[1:]
    if isinstance(step, Every):
        places = list(value.values()) if type(value) is dict else []
    else:
        places = value if type(value) is list else [value] if isinstance(step, Where) else []
    if isinstance(step, Where):
        places = [place for place in places if step.holds(place)]
    return [hit for place in places if place is not None for hit in find_all(rest, place)]
