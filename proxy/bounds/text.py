"""How much text a request holds: evidence of its input where the provider reported none, never more than there is."""

from collections.abc import Mapping
from typing import Any

from proxy.bounds.paths import every
from proxy.bounds.spec import BoundSpec


def text_bytes(body: Mapping[str, Any], spec: BoundSpec) -> int:
    """Return the UTF-8 bytes of the strings at the places where a request of this kind has its text."""
    return sum(
        len(value.encode("utf-8", "replace"))
        for path in spec.text
        for value in every(body, path)
        if isinstance(value, str)
    )
