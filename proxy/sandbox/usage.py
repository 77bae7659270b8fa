"""The quantities that a sandbox reports and logs, under names that templates use as slots."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace


class Usage(Struct, frozen=True):
    """Tokens of one answer. `input` counts all that was read, cached and written too; `visible` excludes thoughts."""

    input: int = 0
    cached: int = 0
    written: int = 0
    written_long: int = 0
    visible: int = 0
    reasoning: int = 0

    def at(self, visible: int) -> "Usage":
        """Return the usage when only so many visible tokens were made."""
        return replace(self, visible=min(visible, self.visible))

    def slots(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """Return every quantity by name, those in `overrides` as they are told to be."""
        written = self.written + self.written_long
        output = self.visible + self.reasoning
        return {
            "input": self.input,
            "cached": self.cached,
            "uncached": self.input - self.cached - written,
            "written": written,
            "written_short": self.written,
            "written_long": self.written_long,
            "visible": self.visible,
            "reasoning": self.reasoning,
            "output": output,
            "total": self.input + output,
            **overrides,
        }
