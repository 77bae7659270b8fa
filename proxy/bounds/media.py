"""Images, sound, video and documents in a body: the most tokens of each, and the base64 that is not text."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from proxy.bounds.parts import by_model, matches
from proxy.bounds.paths import every, first
from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec, Kind, Media
from proxy.money import ceil_div

Known = Mapping[str, int | None]
"""Object id to the tokens that it holds; None or missing: not known."""


class Seen(Struct, frozen=True):
    """The media of one body.

    `tokens` are summed by the modality's own unit (None: it has none), `unknown` is how many have no bound
    but the window, `embedded` the bytes of JSON that are base64 of media.
    """

    tokens: Mapping[str | None, int] = {}
    unknown: int = 0
    embedded: int = 0


NOTHING = Seen()


def media(body: Any, search: Search, spec: BoundSpec, model: str, known: Known) -> Seen:
    """Bound the media of a body. A part counts once, by the first rule that recognises it."""
    rules = search.rules(spec).media
    if not rules:
        return NOTHING
    tokens: dict[str | None, int] = {}
    unknown = embedded = 0
    for rule, part in _parts(body, rules):
        for kind, most, size in _found(rule, part, model, known):
            embedded += size
            if most is None:
                unknown += 1
            else:
                tokens[kind.unit] = tokens.get(kind.unit, 0) + most
    return Seen(tokens, unknown, embedded)


def file_id(rule: Media, value: Any) -> str | None:
    """Return the id of an uploaded file out of the value that names it, None if it names none of ours."""
    if not isinstance(value, str) or not value:
        return None
    if rule.id_from is None:
        return value
    start = value.find(rule.id_from)
    return value[start:] if start >= 0 else None


def _parts(body: Any, rules: Sequence[Media]) -> Iterator[tuple[Media, Any]]:
    taken: set[int] = set()
    for rule in rules:
        for part in every(body, rule.at):
            if isinstance(part, dict) and id(part) not in taken and matches(part, rule.where):
                taken.add(id(part))
                yield rule, part


def _found(rule: Media, part: Any, model: str, known: Known) -> Iterator[tuple[Kind, int | None, int]]:
    """Yield (kind, tokens, bytes of base64) of each medium that a part holds or names."""
    stated = first(part, rule.mime) if rule.mime else None
    mime = stated if isinstance(stated, str) else ""
    for path in rule.data:
        for value in every(part, path):
            if isinstance(value, str) and value:
                yield _data(rule, value, mime, model)
    for path in rule.id:
        for value in every(part, path):
            kind = _kind(rule, mime)
            name = file_id(rule, value)
            size = _tokens(kind, model, None)
            yield kind, known.get(name) if size is None and name is not None else size, 0


def _data(rule: Media, value: str, mime: str, model: str) -> tuple[Kind, int | None, int]:
    head, _, payload = value.partition(",") if value[:5].lower() == "data:" else ("", "", value)
    if head:
        mime = head[5:].split(";", 1)[0]
    kind = _kind(rule, mime)
    if (head and not head.lower().endswith(";base64")) or (not head and "://" in value[:32]):
        return kind, _tokens(kind, model, None), 0
    return kind, _tokens(kind, model, len(payload) * 3 // 4), len(payload)


def _kind(rule: Media, mime: str) -> Kind:
    """Choose by type. What the file does not list cannot be known."""
    mime = mime.lower()
    return next((kind for kind in rule.kinds if fnmatchcase(mime, kind.mime)), _WINDOW)


_WINDOW = Kind(by="window")


def _tokens(kind: Kind, model: str, size: int | None) -> int | None:
    """Return the most tokens of a medium of `size` bytes (None: it is elsewhere), None if unknowable."""
    each = by_model(kind.models, model) if kind.models else None
    if each is None:
        each = kind.tokens
    if kind.by == "item":
        return each
    if size is None or kind.by == "window":
        return None
    if kind.by == "byte":
        return size
    count = max(1, ceil_div(size, kind.bytes_per))
    if kind.most is not None:
        count = min(count, kind.most)
    return max(size, count * each) if kind.by == "page" else count * each
