"""Templates: plain YAML content with slots, compiled once to fragments of JSON, filled by joining bytes.

A string that is exactly `${name}` becomes that value as JSON; `${name}` inside a longer string becomes text in it.
Three directives, each a mapping of its own:

    {$use: name}                        the fragment of that name, from the file's `fragments`
    {$when: "a !b", then: X, else: Y}   X if the flag `a` is set and `b` is not; without `else` the member vanishes
    {$each: name, as: X}                a list: X once per item, an item's members are slots too

The first member of a mapping or list may not vanish: that keeps commas a matter of compiling.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

Scope: TypeAlias = Mapping[str, Any]

_SLOT = re.compile(r"\$\{([a-z][a-z0-9_.]*)\}")
_encode = msgspec.json.encode


class Condition:
    """Flags that must be set, or not set where written with `!`. A missing flag is not set."""

    __slots__ = ("_wanted",)

    def __init__(self, text: str) -> None:
        self._wanted = tuple((flag.lstrip("!"), not flag.startswith("!")) for flag in text.split())

    def holds(self, scope: Scope) -> bool:
        """Tell whether every flag is as wanted."""
        return all(bool(scope.get(flag)) is wanted for flag, wanted in self._wanted)


class Line:
    """A string with slots: a header's value, or text inside a template."""

    __slots__ = ("_parts",)

    def __init__(self, text: str) -> None:
        self._parts = tuple(_SLOT.split(text))

    def fill(self, scope: Scope) -> str:
        """Return the text. Raises KeyError for a slot that the scope does not have."""
        if len(self._parts) == 1:
            return self._parts[0]
        return "".join(str(scope[part]) if odd % 2 else part for odd, part in enumerate(self._parts))


class _Slot(msgspec.Struct, frozen=True):
    name: str


class _When(msgspec.Struct, frozen=True):
    condition: Condition
    then: "_Parts"
    otherwise: "_Parts"


class _Each(msgspec.Struct, frozen=True):
    name: str
    parts: "_Parts"


_Part: TypeAlias = "bytes | _Slot | Line | _When | _Each"
_Parts: TypeAlias = tuple[_Part, ...]


class Template:
    """Compiled content. `fill` returns its JSON."""

    __slots__ = ("_parts",)

    def __init__(self, content: Any, fragments: Mapping[str, Any] | None = None) -> None:
        self._parts = _join(_compile(content, fragments or {}, ()))

    def fill(self, scope: Scope) -> bytes:
        """Return the content with every slot filled. Raises KeyError for one that the scope does not have."""
        out: list[bytes] = []
        _fill(self._parts, scope, out)
        return b"".join(out)


def _fill(parts: _Parts, scope: Scope, out: list[bytes]) -> None:
    for part in parts:
        match part:
            case bytes():
                out.append(part)
            case _Slot():
                out.append(_encode(scope[part.name]))
            case Line():
                out.append(_encode(part.fill(scope)))
            case _When():
                _fill(part.then if part.condition.holds(scope) else part.otherwise, scope, out)
            case _Each():
                _fill_each(part, scope, out)


def _fill_each(part: _Each, scope: Scope, out: list[bytes]) -> None:
    comma = b"["
    for item in scope[part.name]:
        out.append(comma)
        _fill(part.parts, {**scope, **item}, out)
        comma = b","
    out.append(b"]" if comma == b"," else b"[]")


def _compile(content: Any, fragments: Mapping[str, Any], inside: tuple[str, ...]) -> list[_Part]:
    match content:
        case {"$use": str() as name, **rest} if not rest:
            if name in inside or name not in fragments:
                raise ValueError(f"the fragment {name!r} is unknown or uses itself")
            return _compile(fragments[name], fragments, (*inside, name))
        case {"$when": str() as flags, "then": then, **rest} if not rest.keys() - {"else"}:
            otherwise = _compile(rest["else"], fragments, inside) if rest else []
            return [_When(Condition(flags), _join(_compile(then, fragments, inside)), _join(otherwise))]
        case {"$each": str() as name, "as": item, **rest} if not rest:
            return [_Each(name, _join(_compile(item, fragments, inside)))]
        case dict():
            return _compile_mapping(content, fragments, inside)
        case list():
            return _compile_members([(b"", item) for item in content], b"[", b"]", fragments, inside)
        case str():
            return [_compile_text(content)]
        case _:
            return [_encode(content)]


def _compile_mapping(content: dict[Any, Any], fragments: Mapping[str, Any], inside: tuple[str, ...]) -> list[_Part]:
    for key in content:
        if not isinstance(key, str) or key.startswith("$"):
            raise ValueError(f"the member {key!r} is neither a name nor a complete directive")
    members = [(_encode(key) + b":", value) for key, value in content.items()]
    return _compile_members(members, b"{", b"}", fragments, inside)


def _compile_members(
    members: Sequence[tuple[bytes, Any]],
    opening: bytes,
    closing: bytes,
    fragments: Mapping[str, Any],
    inside: tuple[str, ...],
) -> list[_Part]:
    parts: list[_Part] = [opening]
    for number, (head, value) in enumerate(members):
        before = (b"," if number else b"") + head
        compiled = _compile(value, fragments, inside)
        if len(compiled) == 1 and isinstance(compiled[0], _When):
            parts.append(_lead(compiled[0], before, number))
        else:
            parts += [before, *compiled]
    return [*parts, closing]


def _lead(when: _When, before: bytes, number: int) -> _When:
    """Move what stands before a conditional member into it, so that both vanish together."""
    if not when.otherwise and not number:
        raise ValueError("the first member of a mapping or list may not vanish: give it an `else` or move it")
    otherwise = _join([before, *when.otherwise]) if when.otherwise else ()
    return _When(when.condition, _join([before, *when.then]), otherwise)


def _compile_text(text: str) -> _Part:
    found = _SLOT.fullmatch(text)
    if found:
        return _Slot(found[1])
    return Line(text) if _SLOT.search(text) else _encode(text)


def _join(parts: Sequence[_Part]) -> _Parts:
    """Join neighbouring literals."""
    joined: list[_Part] = []
    for part in parts:
        if isinstance(part, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)
