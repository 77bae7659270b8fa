"""One route of a provider: where its model and options stand in a request, who reads its usage, what bounds it."""

import re
from collections.abc import Mapping
from string import Formatter
from typing import Literal
from urllib.parse import quote, unquote

from msgspec import Struct

from proxy.bounds.spec import BoundSpec
from proxy.providers.envelope import Envelope
from proxy.providers.later import Later
from proxy.providers.many import Many
from proxy.providers.match import Match
from proxy.providers.request import Takes
from proxy.providers.session import SessionSpec
from proxy.providers.template import Template
from proxy.usage.spec import ReaderSpec
from proxy.wire.framing import Framing


class ModelAt(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a request names its model: a path of the body (or the `other`), a parameter of the path or the query,
    or nowhere (`fixed`).

    `after` is what stands before the name itself: it is taken off, with whatever stands before it.
    """

    body: str = ""
    other: str = ""
    path: str = ""
    query: str = ""
    fixed: str = ""
    after: str = ""


class RefuseRule(Struct, frozen=True, forbid_unknown_fields=True):
    """A request that cannot be metered yet: `when` recognises it, `say` is the sentence that refuses it."""

    when: Match
    say: str


class UsageSplice(Struct, frozen=True, forbid_unknown_fields=True):
    """A usage option that the provider must be asked for in streams.

    `set` is the member to make true; `frame` recognises the event that this adds, which is taken out again;
    `named` is what an error names if the provider does not know the option. With `always` answers that do not stream
    are asked for it too; what these report stays in them.
    """

    set: str
    frame: tuple[Match, ...]
    named: str
    always: bool = False


def parameters_of(name: str) -> tuple[str, ...]:
    """Return the parameters of a path that make a name: the one that it is, or those that it has in braces."""
    if "{" not in name:
        return (name,) if name else ()
    return tuple(each for _, each, _, _ in Formatter().parse(name) if each)


def fill(name: str, parameters: Mapping[str, str]) -> str:
    """Return what a path's parameters make of a name, escapes undone; empty for no name."""
    if "{" not in name:
        return unquote(parameters[name]) if name else ""
    return name.format_map({each: unquote(value) for each, value in parameters.items()})


def taken_apart(name: str, filled: str) -> dict[str, str] | None:
    """Return the parameters of a path from which `fill` makes this name; None if it can make no such name."""
    if "{" not in name:
        return {name: quote(filled, safe="")} if name else {}
    pieces = [(re.escape(literal), each) for literal, each, _, _ in Formatter().parse(name)]
    pattern = "".join(literal + (f"(?P<{each}>[^/]+)" if each else "") for literal, each in pieces)
    found = re.fullmatch(pattern, filled)
    return {each: quote(value, safe="") for each, value in found.groupdict().items()} if found else None


class ObjectRule(Struct, frozen=True, forbid_unknown_fields=True):
    """How a route touches objects that have owners.

    `creates` says that the answer's object ids belong to the caller, unless `unless` matches the request.
    `at` is the path parameter that names an object which the caller must own (or, with braces, the id made of several:
    `batches/{batch_id}`); `deletes` forgets it afterwards. `tells` says that the answer tells how the object is, so
    that work which finishes later may be seen to be over.
    """

    creates: bool = False
    unless: Match | None = None
    at: str = ""
    deletes: bool = False
    tells: bool = False

    def named_by(self, parameters: Mapping[str, str]) -> str:
        """Return the id of the object that a path names, empty if the route names none."""
        return fill(self.at, parameters)


class Endpoint(Struct, frozen=True):
    """One route. `name` is its label in records and metrics. A `free` route is forwarded without a hold.

    `output_splice` tells that an output limit may be put into a request that states none: its provider would take it
    without one too. `stream` is where a request says whether it streams; with `streams_always` it does unless it says
    no. `framing` is how its streams are cut into documents whatever their content type. `takes` is None where a request
    is a JSON object, as most are. `service` names the place of the provider that it is at, if not the usual one.
    `envelope` is that of its errors where the route speaks another dialect than its integration does.
    `session` tells how a WebSocket is metered. With `later` it makes work that finishes later; with `many` it takes
    many requests as one. `unpriced` is said where nobody has priced what cannot be metered.
    """

    name: str
    method: str
    template: Template
    free: bool = False
    model: ModelAt = ModelAt()
    stream: str = ""
    streams_always: bool = False
    framing: Framing | None = None
    reader: ReaderSpec | None = None
    bound: BoundSpec | None = None
    usage_splice: UsageSplice | None = None
    output_splice: bool = False
    refuse: tuple[RefuseRule, ...] = ()
    objects: ObjectRule = ObjectRule()
    json_body: bool = True
    takes: Takes | None = None
    service: str = ""
    envelope: Envelope | None = None
    session: SessionSpec | None = None
    later: Later | None = None
    many: Many | None = None
    charge_by: Literal["rates", "reported"] = "rates"
    unpriced: str = ""
