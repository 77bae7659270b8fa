"""A prefix cache as providers have one: prompts that begin alike are cheaper the second time."""

from collections import OrderedDict
from hashlib import blake2b

from proxy.sandbox.prose import BYTES_PER_TOKEN

BLOCK_TOKENS = 128
"""Prefixes are compared and counted in steps of this many tokens."""
ENTRIES_MAX = 4096


class PrefixCache:
    """Remembers the beginnings of prompts, block by block; the least recently seen are forgotten first."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._entries_max = entries_max

    def see(self, model: str, text: bytes) -> tuple[int, int]:
        """Return how many tokens of a prompt were seen before at this model, and how many are now remembered."""
        digest = blake2b(model.encode() + b"\0", digest_size=16)
        step = BLOCK_TOKENS * BYTES_PER_TOKEN
        hits, hitting = 0, True
        for end in range(step, len(text) + 1, step):
            digest.update(text[end - step : end])
            key = digest.digest()
            hitting = hitting and key in self._seen
            hits += hitting
            self._seen[key] = None
            self._seen.move_to_end(key)
        while len(self._seen) > self._entries_max:
            self._seen.popitem(last=False)
        return hits * BLOCK_TOKENS, len(text) // step * BLOCK_TOKENS
