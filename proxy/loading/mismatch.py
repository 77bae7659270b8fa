"""Says what of a file's plain content does not fit a type: all of it, each with its place, its value and its remedy.

msgspec stops at the first mismatch and names types as Python does. This looks on, part by part, and speaks YAML.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from msgspec import Struct, inspect, structs

SHOWN_MAX = 60
"""Characters of a value that a message repeats."""


def mismatches(content: object, kind: Any, place: str = "") -> list[str]:
    """Return a line for everything in `content` that does not fit `kind`: `at PLACE: VALUE FAULT; REMEDY`."""
    try:
        msgspec.convert(content, kind, strict=True)
    except msgspec.ValidationError as error:
        meant = _meant(content, kind)
        found = [*_strange(content, meant, place)]
        for inner, inner_kind, where in _parts(content, meant, place):
            found += mismatches(inner, inner_kind, where)
        return found or [_leaf(content, meant, place, str(error))]
    return []


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the remedy for a name that is not known."""
    names = sorted(known)
    close = get_close_matches(word, names, 1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(names)}"


def shown(value: object) -> str:
    """Return a value for a message, shortened."""
    text = value.isoformat() if isinstance(value, (date, datetime)) else repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."


def expected(kind: Any) -> str:
    """Return in words what a type takes, as one would write it in YAML."""
    return _words(inspect.type_info(kind))


def called(value: object) -> str:
    """Return what a value is, as one would call it in YAML."""
    names = {bool: "true or false", str: "text", dict: "a mapping", list: "a list", type(None): "nothing"}
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "a number"
    return names.get(type(value), type(value).__name__)


def _meant(content: object, kind: Any) -> Any:
    """Return the member of a union that the content looks like; any other type as it is."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    for member in get_args(kind):
        if (isinstance(content, dict) and _is_mapping(member)) or (
            isinstance(content, list) and get_origin(member) is tuple
        ):
            return member
    return kind


def _is_mapping(kind: Any) -> bool:
    return _is_struct(kind) or get_origin(kind) in (dict, Mapping)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _strange(content: object, kind: Any, place: str) -> Iterator[str]:
    """Yield the keys that a mapping should not have, and those that it lacks."""
    if not (_is_struct(kind) and isinstance(content, dict)):
        return
    known = {field.encode_name: field for field in structs.fields(kind)}
    for key in content:
        if key not in known:
            yield f"at {_join(place, key)}: there is no such key; {suggestion(str(key), known)}"
    for name, field in known.items():
        if name not in content and field.required:
            yield f"at {_join(place, name)}: it is missing; add {name}: {expected(field.type)}"


def _parts(content: object, kind: Any, place: str) -> Iterator[tuple[object, Any, str]]:
    """Yield the parts of a content that can be looked at by themselves: each with its type and its place."""
    if isinstance(content, dict) and _is_struct(kind):
        for field in structs.fields(kind):
            if field.encode_name in content:
                yield content[field.encode_name], field.type, _join(place, field.encode_name)
    elif isinstance(content, dict) and _is_mapping(kind):
        for key, value in content.items():
            yield value, get_args(kind)[1], _join(place, key)
    elif isinstance(content, list) and get_origin(kind) is tuple:
        for index, value in enumerate(content):
            yield value, get_args(kind)[0], f"{place}[{index}]"


def _join(place: str, key: object) -> str:
    return f"{place}.{key}".removeprefix(".")


def _leaf(content: object, kind: Any, place: str, said: str) -> str:
    """Return the line of a value that does not fit by itself."""
    where = f"at {place}: " if place else ""
    if _is_struct(kind) and isinstance(content, dict):  # its parts fit: the type's own check has spoken
        return f"{where}{said.partition(' - at ')[0]}; correct what it names"
    return f"{where}{shown(content)} cannot be used; write {expected(kind)}"


def _words(info: inspect.Type) -> str:
    """Return what a type takes in words."""
    match info:
        case inspect.UnionType(types=members):
            told = dict.fromkeys(_words(member) for member in members if not isinstance(member, inspect.NoneType))
            return " or ".join(told)
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case inspect.IntType(ge=least, le=most):
            return f"a whole number{_range(least, most)}"
        case inspect.FloatType(gt=above, ge=least, le=most):
            return f"a number{_range(least, most) if above is None else _above(above, most)}"
        case inspect.VarTupleType(item_type=item):
            return f"a list of {_words(item)}"
        case inspect.Metadata(type=inner):
            return _words(inner)
        case _:
            return _PLAIN.get(type(info), "a mapping")


_PLAIN: Mapping[type[inspect.Type], str] = {
    inspect.StrType: "text in quotes",
    inspect.BoolType: "true or false",
    inspect.DateType: "a date such as 2026-11-21",
    inspect.AnyType: "any value",
    inspect.CustomType: "text in quotes",
}


def _range(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f" from {least:g} to {most}"
    return f" from {least:g} up" if least is not None else ""


def _above(above: float, most: float | None) -> str:
    return f" above {above:g}" + ("" if most is None else f", at most {most}")
