"""The objects that a request names: earlier answers, conversations, files. Only their owner may use them."""

from collections.abc import Iterator
from typing import Any

from proxy.bounds.media import file_id
from proxy.bounds.parts import matches
from proxy.bounds.paths import every
from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec, Reference


def references(body: Any, search: Search, spec: BoundSpec) -> tuple[tuple[str, str], ...]:
    """Return (kind, id) of every object that a request names, each once, in the order of the file's rules.

    `search` looks through the JSON text that `body` was parsed from. An id that is not a string is left out: no
    such object is.
    """
    rules = search.rules(spec)
    if not rules.references and not rules.media:
        return ()
    found: dict[tuple[str, str], None] = {}
    for rule in rules.references:
        for value in named(body, rule):
            found[rule.kind, value] = None
    for medium in rules.media:
        if medium.id:
            for part in every(body, medium.at):
                if matches(part, medium.where):
                    for path in medium.id:
                        for value in every(part, path):
                            name = file_id(medium, value)
                            if name is not None:
                                found["file", name] = None
    return tuple(found)


def named(body: Any, rule: Reference) -> Iterator[str]:
    """Yield the ids that one rule finds."""
    for part in every(body, rule.at):
        if matches(part, rule.where):
            for value in every(part, rule.id):
                if isinstance(value, str) and value:
                    yield value
