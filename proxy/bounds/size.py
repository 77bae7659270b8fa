"""How large the input of a call can be: its text, its media, and the objects that it only names."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from proxy.bounds.aside import aside
from proxy.bounds.fields import length, words
from proxy.bounds.media import Known, media
from proxy.bounds.references import named
from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec

Units = tuple[str, ...]
"""Units that a medium can be billed in besides the units of text."""


class Size(Struct, frozen=True):
    """The tokens of one reading of the input.

    `text` is the bound of text, `media` that of each modality by its own units, `unknown` how many things
    can fill the window each, `windows` how many windows there are (one for each element of a list of
    inputs).
    """

    text: int
    media: Mapping[Units, int] = {}
    unknown: int = 0
    windows: int = 1

    def tokens(self, window: int) -> int:
        """Return all tokens, where what is unknown fills a window of this size."""
        return self.text + sum(self.media.values()) + self.unknown * window


def measure(body: Any, search: Search, spec: BoundSpec, model: str, known: Known) -> Size:
    """Measure a request. One token per byte of its JSON is the bound of text, less what is certainly none of it.

    Raises Refused `malformed_request` for a list that is none.
    """
    beyond = spec.beyond(model)
    text = search.size + beyond.tokens(body) - aside(body, spec.members)
    for counted in beyond.lists:
        if counted.along:
            count = length(body, counted.at, text=counted.text)
            text += count * sum(len(word.encode("utf-8", "replace")) for word in words(body, counted.along))
    seen = media(body, search, spec, model, known)
    held, unknown = _referenced(body, search, spec, known)
    windows = max(1, length(body, spec.inputs, text=True)) if spec.inputs else 1
    by_units: dict[Units, int] = {}
    for unit, tokens in seen.tokens.items():
        by_units[() if unit is None else (unit,)] = tokens
    if held:
        units = any_units(spec)
        by_units[units] = by_units.get(units, 0) + held
    return Size(max(1, text - seen.embedded), by_units, unknown + seen.unknown, windows)


def any_units(spec: BoundSpec) -> Units:
    """Return every unit of media: what an object holds can be of any modality."""
    return tuple(dict.fromkeys(kind.unit for rule in spec.media for kind in rule.kinds if kind.unit is not None))


def _referenced(body: Any, search: Search, spec: BoundSpec, known: Known) -> tuple[int, int]:
    """Return (tokens that named objects are known to hold, how many objects are not known)."""
    held = unknown = 0
    for rule in search.rules(spec).references:
        if rule.tokens:
            for name in named(body, rule):
                tokens = known.get(name)
                if tokens is None:
                    unknown += 1
                else:
                    held += tokens
    return held, unknown
