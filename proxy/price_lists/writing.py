"""Writes the entries of a rates file in the house's form: a list of names, rows of prices under the same qualifiers."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from proxy.pricing.card import Rate

USUAL_PER = 1_000_000
_WIDTH = 112
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9./_-]*")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
"""What YAML takes for something else than the word."""


def entry(
    names: Sequence[str], rates: Iterable[Rate], window: int | None = None, output_max: int | None = None
) -> Iterator[str]:
    """Yield the lines of a model's entry, or of rows that are added to one; `per` is USUAL_PER where none is said."""
    yield from _flow("  - match: [", [quoted(name) for name in names], "]")
    if window is not None:
        yield f"    window: {window}"
    if output_max is not None:
        yield f"    output_max: {output_max}"
    yield "    rates:"
    rows: dict[tuple[str, str, int, int, str], list[Rate]] = {}
    for rate in rates:
        rows.setdefault((rate.since, rate.tier or "", rate.context_above or 0, -rate.per, rate.source), []).append(rate)
    for (since, tier, above, per, source), prices in sorted(rows.items()):
        said = {"since": since, "tier": quoted(tier) if tier else "", "context_above": above}
        said |= {"per": -per if -per != USUAL_PER else 0, "source": quoted(source) if source else ""}
        head = "".join(f"{name}: {value}, " for name, value in said.items() if value)
        yield from _flow(f"      - {{{head}usd: {{", [f'{rate.unit}: "{rate.usd}"' for rate in prices], "}}")


def quoted(text: str) -> str:
    """Write a string as YAML reads it back: plain where that is safe."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


def _flow(opening: str, items: Sequence[str], closing: str) -> Iterator[str]:
    """Write a list within brackets, in as many lines as it needs."""
    line = opening
    for index, item in enumerate(items):
        piece = item + (", " if index + 1 < len(items) else closing)
        if len(line) + len(piece.rstrip()) > _WIDTH and line.strip() != opening.strip():
            yield line.rstrip()
            line = " " * min(len(opening), 12)
        line += piece
    yield line
