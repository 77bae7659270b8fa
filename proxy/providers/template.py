"""Path templates: the only paths that are forwarded. `/v1/models/{model}`, `/{version:v1|v1beta}/files`.

A parameter matches one segment (or the part of one before a literal `:verb`) of unreserved characters; anything
else, escapes above all, must be allowed by name. A dot segment never matches.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from msgspec import Struct

_PARAMETER = re.compile(r"\{([a-z_]+)(?::([^{}]+))?\}")
_UNRESERVED = "[A-Za-z0-9._~-]"
_NO_DOTS = r"(?!\.{1,2}(?:[/:]|$))"


class Template(Struct, frozen=True):
    """A compiled path template. `text` is what the file says; it never holds a raw path."""

    text: str
    pattern: re.Pattern[str]
    plain: bool

    def match(self, path: str) -> dict[str, str] | None:
        """Return the parameters of a raw path, escapes kept as sent, or None."""
        found = self.pattern.fullmatch(path)
        return found.groupdict() if found else None


def compile_template(text: str, allow: Mapping[str, Sequence[str]]) -> Template:
    """Compile a template; `allow` lists per parameter the extra characters and escapes that it may hold.

    Raises ValueError for a template that does not begin with a slash or allows a bare slash.
    """
    if not text.startswith("/"):
        raise ValueError(f"the path template {text!r} must begin with /; write '/{text}'")
    parts, position = [], 0
    for found in _PARAMETER.finditer(text):
        parts.append(re.escape(text[position : found.start()]))
        parts.append(_group(found[1], found[2], allow.get(found[1], ())))
        position = found.end()
    parts.append(re.escape(text[position:]))
    return Template(text, re.compile("".join(parts)), position == 0)


def _group(name: str, choices: str | None, allowed: Sequence[str]) -> str:
    if choices is not None:
        return f"(?P<{name}>{'|'.join(re.escape(choice) for choice in choices.split('|'))})"
    for extra in allowed:
        if not re.fullmatch(r"[:@!$&'()*+,;=]|%[0-9A-Fa-f]{2}", extra):
            raise ValueError(f"the parameter {name!r} may not allow {extra!r}; name one character or one escape")
    alternatives = "|".join([_UNRESERVED, *(re.escape(extra) for extra in allowed)])
    return f"(?P<{name}>{_NO_DOTS}(?:{alternatives})+?)"


def overlap(one: Template, other: Template) -> str:
    """Return a path that both templates match; empty if there is none."""
    for mine, theirs in product(_spelled_out(one.text), _spelled_out(other.text)):
        path = _common(mine.split("/"), theirs.split("/"))
        if path and one.match(path) is not None and other.match(path) is not None:
            return path
    return ""


_ANY = "\0"
"""Stands for a parameter without choices; no path holds it."""


def _spelled_out(text: str) -> Iterator[str]:
    """Yield a template once for each combination of its parameters' choices."""
    parts = _PARAMETER.split(text)  # a literal, a name, its choices, a literal, ...
    literals, choices = parts[::3], [(each or _ANY).split("|") for each in parts[2::3]]
    for chosen in product(*choices):
        yield literals[0] + "".join(choice + after for choice, after in zip(chosen, literals[1:], strict=True))


def _common(mine: Sequence[str], theirs: Sequence[str]) -> str:
    """Return the path that would match both, if any does: where both have a parameter, the longer literal parts."""
    if len(mine) != len(theirs):
        return ""
    return "/".join(_segment(one, other) for one, other in zip(mine, theirs, strict=True))


def _segment(one: str, other: str) -> str:
    if _ANY not in one:
        return one
    if _ANY not in other:
        return other
    (before, _, after), (other_before, _, other_after) = one.partition(_ANY), other.partition(_ANY)
    return max(before, other_before, key=len) + "x" + max(after, other_after, key=len)
