"""The size of a prompt, by which rates are chosen that begin above some size."""

from collections.abc import Mapping
from functools import lru_cache

from proxy.money import Quantity


def context_of(quantities: Mapping[str, Quantity]) -> int:
    """Return the prompt's tokens: what context tiers are chosen by."""
    return sum([int(quantity) for unit, quantity in quantities.items() if _in_context(unit)])


@lru_cache(maxsize=1024)  # a memo of a pure function: units are declared in data, a few dozen
def _in_context(unit: str) -> bool:
    return unit.endswith("_tokens") and unit.startswith(("input_", "cache_read_", "cache_write_"))
