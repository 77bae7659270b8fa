"""Server-side tools: how often a call can read its input again, and how much each use adds to it.

With `uses` uses in all there are `uses` + 1 passes, and pass i reads the input and i results, the largest
first.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from proxy.bounds.fields import whole
from proxy.bounds.parts import matches, named
from proxy.bounds.paths import every, first
from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec, Tool


class Use(Struct, frozen=True):
    """One tool of a request: its rule, the most uses, the most tokens of one result.

    `models` are the other models that it calls, `maximum` the output that it allows them (None: their own).
    """

    tool: Tool
    uses: int
    tokens: int
    models: tuple[str, ...] = ()
    maximum: int | None = None


def tools(body: Any, search: Search, spec: BoundSpec, model: str) -> list[Use]:
    """Find the server-side tools of a request. Raises Refused for a limit that is no sensible integer."""
    calls: int | None = None
    found = []
    for rule in search.rules(spec).tools:
        if not named(rule.models, model):
            continue
        for part in every(body, rule.at):
            if matches(part, rule.where):
                if calls is None and spec.calls is not None:
                    calls = whole(body, spec.calls)
                found.append(_use(rule, part, calls))
    return found


def readings(start: int, uses: Iterable[Use], cap: int, most: int | None = None) -> tuple[int, int]:
    """Return (tokens of input over all passes, further passes), each pass capped at `cap` tokens.

    With at most `most` further passes, the uses beyond them share the first: the largest results come at once.
    """
    total = min(start, cap)
    passes = 0
    counts = [(use.tokens, use.uses * use.tool.passes) for use in uses if use.tool.passes]
    together = 0 if most is None else max(0, sum(count for _, count in counts) - most)
    for tokens, count in sorted(counts, reverse=True):
        first = min(together, count)
        together -= first
        start += tokens * first
        total += _climb(start, tokens, count - first, cap)
        start += tokens * (count - first)
        passes += count - first
    return total, passes


def _climb(start: int, step: int, count: int, cap: int) -> int:
    """Sum min(cap, start + i * step) for i from 1 to count."""
    if start >= cap:
        return count * cap
    below = count if step == 0 else min(count, (cap - start) // step)
    return below * start + step * below * (below + 1) // 2 + (count - below) * cap


def _use(rule: Tool, part: Any, calls: int | None) -> Use:
    stated = whole(part, rule.uses) if rule.uses else None
    uses = rule.uses_default if stated is None else stated
    if calls is not None and rule.passes:
        uses = min(uses, calls)
    limited = whole(part, rule.tokens_at) if rule.tokens_at else None
    tokens = rule.tokens if limited is None else limited
    named = first(part, rule.model) if rule.model is not None else None
    models = (named,) if isinstance(named, str) else rule.implied
    maximum = whole(part, rule.maximum) if rule.maximum else None
    return Use(rule, uses, tokens, models, maximum)
