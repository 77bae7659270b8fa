"""What a sandbox looks like, as frozen types filled from `config/sandbox/*.yaml`. A shape that loads is usable.

Paths of a request's body are dotted (`paths.py`). Templates and the names of their slots are described in
`template.py` and `responder.py`. A route's parts are independent: a route that has `output` generates words, one with
`keep` remembers its answer, one with `fetch` gives it back, and one with only `answer` fills its template.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from proxy.errors import BadConfig
from proxy.sandbox.template import Condition, Line, Template


class IdForm:
    """The form of an id: `resp_{48}` is `resp_` and 48 characters."""

    __slots__ = ("_head", "_length")

    def __init__(self, text: str) -> None:
        found = re.fullmatch(r"([\w-]*)\{(\d+)\}", text)
        if found is None:
            raise ValueError(f"the id {text!r} must be a prefix and a length, such as resp_{{48}}")
        self._head, self._length = found[1], int(found[2])

    def make(self, digits: str) -> str:
        """Return an id of the first of these digits."""
        return self._head + digits[: self._length]


class KeyAt(Struct, frozen=True, forbid_unknown_fields=True):
    """Where this provider's key arrives: a header, with what stands before the key in it, or a query parameter."""

    header: str = ""
    prefix: str = ""
    query: str = ""


class Prompt(Struct, frozen=True, forbid_unknown_fields=True):
    """What is counted as input.

    `at` lists the roots in the order in which a prefix cache sees them; the last text there is what was asked.
    Below a root, text is what stands in `members`; a member in `media` counts as that many tokens. Each value in
    `whole` counts with all of its JSON. `continues` names a kept object whose conversation goes on. Each text counts
    `tokens_per_text` more than its words: roles and separators.
    """

    at: tuple[str, ...]
    members: frozenset[str] = frozenset()
    media: Mapping[str, int] = {}
    whole: tuple[str, ...] = ()
    continues: str = ""
    tokens_per_text: int = 3


class Cache(Struct, frozen=True, forbid_unknown_fields=True):
    """When a prompt is cached: from `tokens_min` on; with a `marker` only if a member of that name is in the prompt.

    With a marker the first sight of a prefix is reported as written (`long_ttl`: the value of the marker's `ttl` that
    makes it a long-lived write); without, providers write for nothing.
    """

    tokens_min: int = 1024
    marker: str = ""
    long_ttl: str = ""


class ForcedTool(Struct, frozen=True, forbid_unknown_fields=True):
    """A value of the request that means: answer with a tool call."""

    at: str
    equals: str


class Tools(Struct, frozen=True, forbid_unknown_fields=True):
    """Where tools are declared (`at`, each with `name` and `schema` below it) and what makes calling one a must."""

    at: tuple[str, ...]
    schema: tuple[str, ...]
    must: tuple[ForcedTool, ...]
    named: tuple[str, ...] = ()


class Reasoning(Struct, frozen=True, forbid_unknown_fields=True):
    """Models (a regular expression) that think first, and for how many tokens at least and at most."""

    models: str
    tokens: tuple[int, int] = (32, 96)


class Output(Struct, frozen=True, forbid_unknown_fields=True):
    """How an answer is generated: what limits it, how many of it, how a stream is split, how it is said to have ended.

    `schema`: where a request may ask for JSON of a schema. `finish` maps stop, length and tool to the provider's words.
    """

    finish: Mapping[str, str]
    tokens_max: tuple[str, ...] = ()
    choices: str = ""
    words: int = 1
    schema: tuple[str, ...] = ()
    tools: Tools | None = None
    reasoning: Reasoning | None = None


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """One event of a stream. `data` is a template, or with `raw` a literal."""

    data: Template | None = None
    raw: str = ""
    event: str = ""
    when: Condition = Condition("")


class Stream(Struct, frozen=True, forbid_unknown_fields=True):
    """How an answer is streamed, in this order; `first`, `piece` and `last` come once per choice, round robin.

    It streams if the body's `when` is true, or `always`. Server-sent events, unless `array_unless` (a query such as
    `alt=sse`) is missing from the query: then one JSON array.
    """

    when: str = ""
    always: bool = False
    array_unless: str = ""
    line_end: str = "\n"
    content_type: str = "text/event-stream; charset=utf-8"
    opening: tuple[Event, ...] = ()
    first: tuple[Event, ...] = ()
    piece: tuple[Event, ...] = ()
    last: tuple[Event, ...] = ()
    closing: tuple[Event, ...] = ()


class Vectors(Struct, frozen=True, forbid_unknown_fields=True):
    """One vector per input, of the dimensions asked for, the model's, or `otherwise`; base64 where the body says so."""

    dimensions: tuple[str, ...] = ()
    by_model: Mapping[str, int] = {}
    otherwise: int = 1536
    base64: str = ""


class Keep(Struct, frozen=True, forbid_unknown_fields=True):
    """Remember an answer as `kind` under the slot `id`, unless the body's `unless` is false; `also`: further views."""

    kind: str
    id: str
    unless_false: str = ""
    also: Mapping[str, Template] = {}


class Plain(Struct, frozen=True, forbid_unknown_fields=True):
    """Answer the words alone, as plain text, if the body's `at` is one of `values`."""

    at: str
    values: frozenset[str]


class Fetch(Struct, frozen=True, forbid_unknown_fields=True):
    """Work on what was kept: the object named by the path parameter `id`, or all of its kind where `id` is empty.

    `view`: the object itself (empty), one of its further views, or its `content` as bytes. `delete` forgets it.
    """

    kind: str
    id: str = ""
    view: str = ""
    delete: bool = False


class Route(Struct, frozen=True, forbid_unknown_fields=True):
    """One route: what it needs, what it reads, what it answers. `name` is its label in the log.

    `take` are members of the body with their defaults; `flags` are set where the body has something at a path,
    `strings` where that is a string. `inputs` are what is worked on one by one. `lookup` refuses unknown models.
    `upload` is the part of a form that is the file. `billed`: its usage costs money, so the log carries it. `kinds` are
    flags, set where the model's name begins as the regular expression says. `sound`: the text there is answered spoken.
    """

    name: str
    method: str
    path: str
    answer: Template | None = None
    model: str = "model"
    require: tuple[str, ...] = ()
    ids: Mapping[str, IdForm] = {}
    take: Mapping[str, Any] = {}
    flags: Mapping[str, str] = {}
    strings: Mapping[str, str] = {}
    inputs: tuple[str, ...] = ()
    prompt: Prompt | None = None
    cache: Cache | None = None
    output: Output | None = None
    stream: Stream | None = None
    vectors: Vectors | None = None
    lookup: bool = False
    upload: str = ""
    kinds: Mapping[str, str] = {}
    sound: str = ""
    plain: Plain | None = None
    keep: Keep | None = None
    fetch: Fetch | None = None
    billed: bool = False


class Errors(Struct, frozen=True, forbid_unknown_fields=True):
    """The provider's envelope, in an answer and in a stream, with the slots that each status fills in it.

    The slots are `status`, `message` and those of `kinds`; what a status does not name, `otherwise` does.
    """

    body: Template
    event: Event
    otherwise: Mapping[str, Any]
    kinds: Mapping[int, Mapping[str, Any]] = {}
    no_key_status: int = 401


class Shapes(Struct, frozen=True, forbid_unknown_fields=True):
    """One provider's shapes. `models` are mappings with a `name`; `aliases` are names answered with another."""

    source: str
    key: tuple[KeyAt, ...]
    errors: Errors
    routes: tuple[Route, ...]
    headers: Mapping[str, Line] = {}
    content_type: str = "application/json"
    models: tuple[Mapping[str, Any], ...] = ()
    aliases: Mapping[str, str] = {}
    escapes: tuple[str, ...] = ()
    ids: Mapping[str, IdForm] = {}
    fragments: Mapping[str, Any] = {}


def shapes_from(content: Any, name: str = "sandbox") -> Shapes:
    """Turn plain YAML content into shapes. Raises BadConfig, naming the place, if they cannot be used."""
    fragments = content.get("fragments", {}) if isinstance(content, dict) else {}

    def compile_own(kind: type, value: Any) -> Any:
        if kind is Template:
            return Template(value, fragments)
        if kind in (Line, Condition, IdForm) and isinstance(value, str):
            return kind(value)
        raise ValueError(f"expected a string, got {value!r}")

    try:
        return msgspec.convert(content, Shapes, strict=True, dec_hook=compile_own)
    except msgspec.ValidationError as error:
        raise BadConfig(f"{name}: {error}; see the comments in the files that come with Faregate") from None
