"""Path templates: the only paths that are forwarded. `/v1/models/{model}`, `/{version:v1|v1beta}/files`.

A parameter matches one segment (or the part of one before a literal `:verb`) of unreserved characters; anything
else, escapes above all, must be allowed by name. A dot segment never matches.
"""

import re
from collections.abc import Mapping, Sequence

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
        raise ValueError(f"the path template {text!r} must begin with /")
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
            raise ValueError(f"the parameter {name!r} may not allow {extra!r}: only one character or one escape")
    alternatives = "|".join([_UNRESERVED, *(re.escape(extra) for extra in allowed)])
    return f"(?P<{name}>{_NO_DOTS}(?:{alternatives})+?)"
