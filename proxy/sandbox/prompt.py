"""Reads what was asked: the texts of a request, how much they count for, and what the last of them says."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from proxy.sandbox.paths import pick_all
from proxy.sandbox.prose import BYTES_PER_TOKEN, tokens_of
from proxy.sandbox.shapes import Cache, Prompt


class Asked(Struct, frozen=True):
    """A prompt: its texts joined, its tokens, its subject, which is the last text.

    `prefix` is how many bytes of the text may be cached, `ttl` for how long if that was said.
    """

    text: bytes
    tokens: int
    subject: str
    prefix: int = 0
    ttl: str = ""


class _Reading:
    """Collects while walking down."""

    def __init__(self, spec: Prompt, marker: str) -> None:
        self.spec = spec
        self.marker = marker
        self.texts: list[str] = []
        self.media_tokens = 0
        self.marked_texts: int | None = None
        self.ttl = ""

    def walk(self, value: Any) -> None:
        if isinstance(value, str):
            self.texts.append(value)
        elif isinstance(value, list):
            for item in value:
                self.walk(item)
        elif isinstance(value, dict):
            self.walk_mapping(value)

    def walk_mapping(self, value: dict[str, Any]) -> None:
        for name, member in value.items():
            if name in self.spec.members:
                self.walk(member)
            elif name in self.spec.media:
                self.media_tokens += self.spec.media[name]
        mark = value.get(self.marker)
        if isinstance(mark, dict):
            self.marked_texts = len(self.texts)
            self.ttl = str(mark.get("ttl", ""))


def read_prompt(body: Any, spec: Prompt, cache: Cache | None) -> Asked:
    """Return what a request asks. A text counts a quarter of its bytes."""
    reading = _Reading(spec, cache.marker if cache else "")
    for path in spec.at:
        for value in pick_all(body, path):
            reading.walk(value)
    extra = b"".join(_whole(body, spec))
    texts = reading.texts
    tokens = sum(map(tokens_of, texts)) + spec.tokens_per_text * len(texts) + reading.media_tokens
    tokens += -(-len(extra) // BYTES_PER_TOKEN)
    text = extra + "\0".join(texts).encode()
    prefix = _prefix(reading, len(extra), len(text), cache)
    return Asked(text, max(1, tokens), texts[-1] if texts else "", prefix, reading.ttl)


def _prefix(reading: _Reading, extra: int, whole: int, cache: Cache | None) -> int:
    """Return the bytes that may be cached: all, or with a marker those up to the last one."""
    if cache is None or not cache.marker:
        return whole if cache else 0
    if reading.marked_texts is None:
        return 0
    return extra + len("\0".join(reading.texts[: reading.marked_texts]).encode())


def _whole(body: Any, spec: Prompt) -> Iterator[bytes]:
    for path in spec.whole:
        for value in pick_all(body, path):
            yield msgspec.json.encode(value)


def read_inputs(body: Any, paths: tuple[str, ...]) -> list[str]:
    """Return each input of a request that is worked on one by one: texts, or the JSON of what is no text.

    A list of texts is several inputs; a list of numbers (token ids) or of parts is one.
    """
    found = []
    for path in paths:
        for value in pick_all(body, path):
            several = isinstance(value, list) and value and not isinstance(value[0], (int, dict))
            found += [_as_text(item) for item in (value if several else [value])]
    return found


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
