"""Makes the answers to a prompt: their words, how many tokens they count for, and why they end."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from proxy.sandbox import prose
from proxy.sandbox.arguments import sample
from proxy.sandbox.dice import Dice
from proxy.sandbox.paths import pick, pick_all, pick_first
from proxy.sandbox.prompt import Asked
from proxy.sandbox.shapes import Output, Tools
from proxy.sandbox.steering import Steering

TOKENS_USUAL = (40, 160)
"""How long an answer is if nobody says."""
TOKENS_MOST = 200_000
CHOICES_MOST = 128
_ARGUMENT_PIECE = 6
"""Characters of a tool call's arguments in one piece of a stream."""


class Draft(Struct, frozen=True):
    """One answer. `end` is stop, length or tool; `text` is the arguments' JSON if it calls the tool `tool`."""

    index: int
    text: str
    visible: int
    reasoning: int
    end: str
    tool: str = ""


def generate(output: Output, body: Any, asked: Asked, model: str, steering: Steering, seed: int) -> tuple[Draft, ...]:
    """Return the answers that a request asks for: the same for the same seed."""
    count = pick(body, output.choices) if output.choices else 1
    count = min(count, CHOICES_MOST) if isinstance(count, int) and count > 0 else 1
    limit = pick_first(body, output.tokens_max)
    limit = limit if isinstance(limit, int) and limit > 0 else TOKENS_MOST
    return tuple(_draft(index, output, body, asked, model, steering, limit, seed) for index in range(count))


def _draft(
    index: int, output: Output, body: Any, asked: Asked, model: str, steering: Steering, limit: int, seed: int
) -> Draft:
    dice = Dice(seed + index)
    reasoning = min(_reasoning(output, model, steering, dice), limit)
    limit -= reasoning
    tool, text = _fixed_text(output, body, asked, dice)
    end = "tool" if tool else "stop"
    if not text:
        text, visible = _free_text(asked.subject, steering, min(limit, TOKENS_MOST), dice)
    else:
        visible = prose.tokens_of(text)
    if visible > limit:
        text, visible, end = prose.cut(text, limit), limit, "length"
    return Draft(index, text, visible, reasoning, end, tool)


def _reasoning(output: Output, model: str, steering: Steering, dice: Dice) -> int:
    if steering.reasoning_tokens is not None:
        return steering.reasoning_tokens
    spec = output.reasoning
    return dice.between(*spec.tokens) if spec and re.match(spec.models, model) else 0


def _fixed_text(output: Output, body: Any, asked: Asked, dice: Dice) -> tuple[str, str]:
    """Return a tool's name and its arguments, or no name and the JSON that was asked for, or nothing."""
    word = " ".join(asked.subject.split())[:40] or "sandbox"
    tool, schema = _forced(output.tools, body) if output.tools else ("", None)
    if not tool:
        schema = pick_first(body, output.schema)
    if schema is None:
        return tool, "{}" if tool else ""
    return tool, msgspec.json.encode(sample(schema, word, dice)).decode()


def _forced(tools: Tools, body: Any) -> tuple[str, Any]:
    """Return the name and the schema of the tool that has to be called, or an empty name."""
    if not any(pick(body, must.at) == must.equals for must in tools.must):
        return "", None
    wanted = pick_first(body, tools.named)
    declared = [tool for path in tools.at for tool in pick_all(body, path) if isinstance(tool, dict)]
    for tool in declared:
        if "name" in tool and wanted in (None, tool["name"]):
            return str(tool["name"]), pick_first(tool, tools.schema)
    return "", None


def _free_text(subject: str, steering: Steering, limit: int, dice: Dice) -> tuple[str, int]:
    """Return words and their tokens: as many as steered, else of a usual length, cut later if that is too long."""
    tokens = steering.output_tokens
    if tokens is None:
        usual = max(dice.between(*TOKENS_USUAL), steering.chunks or 0)
        text = prose.write(subject, min(usual, limit + 1), dice)
        return text, prose.tokens_of(text)
    tokens = min(tokens, limit + 1)
    return prose.cut(prose.write(subject, tokens, dice), tokens), tokens


def split(draft: Draft, words: int, chunks: int | None) -> tuple[str, ...]:
    """Return the pieces in which a stream carries an answer: `chunks` of them, or so many words in each."""
    found: Sequence[str]
    if chunks:
        found = prose.slices(draft.text, chunks)
    elif draft.tool:
        found = prose.slices(draft.text, len(draft.text) // _ARGUMENT_PIECE + 1)
    else:
        found = prose.pieces(draft.text, words)
    return tuple(found) or ("",)
