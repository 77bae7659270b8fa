"""A route of the operator API as a value: method, path, handler. Everything else is read from the handler itself.

A handler is `async def name(visit: Visit, ...) -> Document`. Beside the visit it takes what it asks for, by name:

- `body: SomeStruct`     the JSON body. If every field of the struct has a default, the body may be left out.
- `query: SomeStruct`    the query's parameters, one a field.
- any other, a `str`     a part of the path, `{name}` there.

What it returns is the type of its answer: a struct, `Raw` (JSON as it stands) or `Streamed`. The router decodes
into these types and the OpenAPI document is written from them, so the two cannot differ. The docstring is the
route's description: its first sentence is the summary.
"""

import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cached_property
from typing import Any

from msgspec import Struct

from proxy.errors import invariant

JSON = "application/json"
NDJSON = "application/x-ndjson"
_PART = re.compile(r"\{(\w+)\}")


class Streamed(Struct, frozen=True):
    """An answer too large for one document: written as it is read. If `chunks` fails, the connection is cut."""

    content_type: str
    chunks: AsyncIterator[bytes]


Handler = Callable[..., Awaitable[object]]


class Signature(Struct, frozen=True):
    """What a handler asks for and answers with."""

    path: tuple[str, ...]
    query: type[Struct] | None
    body: type[Struct] | None
    answer: Any


class Route(Struct, frozen=True, dict=True):
    """One row of the table in `routes.py`. `path` stands below `/admin/v1`.

    `name` is unique; it is the handler's unless two routes share one. `produces` names the content types of a
    `Streamed` answer.
    """

    method: str
    path: str
    handler: Handler
    status: int = 200
    produces: tuple[str, ...] = (JSON,)
    alias: str = ""
    asks: bool = False

    @property
    def name(self) -> str:
        """The operation's name."""
        return self.alias or self.handler.__name__

    @property
    def changes(self) -> bool:
        """Whether it may change something. One that `asks` needs a body for its question, and changes nothing."""
        return self.method != "GET" and not self.asks

    @cached_property
    def signature(self) -> Signature:
        """What the handler's signature says. Raises InvariantBroken if it does not fit the path."""
        found = inspect.signature(self.handler, eval_str=True)
        _, *asked = found.parameters.values()
        types = {each.name: each.annotation for each in asked}
        query, body = types.pop("query", None), types.pop("body", None)
        parts = tuple(_PART.findall(self.path))
        invariant(set(types) == set(parts), f"{self.name} takes {sorted(types)}, its path has {sorted(parts)}")
        return Signature(parts, query, body, found.return_annotation)
