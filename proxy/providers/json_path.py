"""Looks into a parsed request by a dotted path, as endpoint data names it."""

from collections.abc import Mapping
from typing import Any

from proxy.providers.match import Match


def look(body: Any, path: str) -> Any:
    """Return the value at `a.b.c` in nested objects, or None where anything on the way is missing."""
    for key in path.split("."):
        if not isinstance(body, Mapping):
            return None
        body = body.get(key)
    return body


def matches(body: Any, match: Match) -> bool:
    """Tell whether a condition of the data holds for a parsed request or event."""
    found = look(body, match.path)
    if found is None and match.or_missing:
        return True
    if match.empty:
        return isinstance(found, (list, dict)) and not found
    if match.equals is not None:
        return type(found) is type(match.equals) and bool(found == match.equals)
    if match.other_than is not None:
        return found is not None and (found != match.other_than or not isinstance(found, type(match.other_than)))
    return found is not None
