"""The cheap look before the walk: which rules of a bound could apply to a JSON text at all."""

import re

from proxy.bounds.spec import BoundSpec, Rules

_HIDDEN = re.compile(rb"\\u00[2-7]")
"""An escape of a printable ASCII character: it could spell a key that a byte search does not see."""


class Search:
    """One request's JSON text. Every key and value that it is asked for is ASCII."""

    __slots__ = ("_raw", "_rules", "hides", "size")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._rules: tuple[BoundSpec, Rules] | None = None
        self.size = len(raw)
        self.hides = b"\\u00" in raw and _HIDDEN.search(raw) is not None

    def rules(self, spec: BoundSpec) -> Rules:
        """Return the rules of a bound that the text may have something for. Asked again, it looks no more."""
        known = self._rules
        if known is not None and known[0] is spec:
            return known[1]
        rules = spec.rules(frozenset(spec.marks if self.hides else spec.look(self._raw)))
        self._rules = spec, rules
        return rules
