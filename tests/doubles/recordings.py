"""Recorded answers of real providers, and what `tests/corpus/*.yaml` says of them, one file a provider.

The recordings are not part of the repository: they are read from the folder that FAREGATE_CORPUS names, or from
`../shared/corpus` beside the checkout. A provider takes part as soon as it has a file in `tests/corpus`.
"""

import base64
import json
import os
import re
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from msgspec import Struct, convert

from proxy.bounds.measures import measured
from proxy.bounds.spec import BoundSpec
from proxy.loading.providers import load_providers
from proxy.loading.rates import load_rates
from proxy.loading.shipped import shipped
from proxy.providers.endpoint import Endpoint, fill
from proxy.providers.json_path import look
from proxy.providers.request import read_request
from proxy.usage.reader import Reader
from proxy.usage.reading import Reading
from proxy.usage.spec import ReaderSpec
from proxy.wire.framing import Framing, framing_of, textual

CORPUS = Path(os.environ.get("FAREGATE_CORPUS") or Path(__file__).resolve().parents[3] / "shared" / "corpus")
TABLES = Path(__file__).resolve().parents[1] / "corpus"

needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason=f"no recorded exchanges at {CORPUS}: set FAREGATE_CORPUS to the folder that has them"
)


class NotRead(Struct, frozen=True, forbid_unknown_fields=True):
    """How many recordings of an endpoint no reader of answers can read, and why."""

    count: int
    why: str


class Differs(Struct, frozen=True, forbid_unknown_fields=True):
    """What a reading is meant to say instead of what the corpus expects, and why."""

    usage: dict[str, int | float]
    why: str


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """One provider's part of the corpus, by its names of endpoints.

    `read` is how many recordings are read. `readers` and `bounds` name those of the provider's file (or of another's,
    `other/name`). `free` are endpoints that cost nothing and have no reader, with how many recordings there are.
    `no_route` are endpoints that Faregate refuses although they have a reader here, each with its reason.
    `unnamed` are files in which what the corpus takes for the model's name is none, each with its reason.
    `differs` names files that are read otherwise than expected; `above` those whose charge is above their bound, and
    `unpriced` models that answered in the corpus and have no rate any more: each with its reason. `apart` counts the
    billable recordings that are not judged by their holds, by the reason (`doubles.holds`).
    """

    read: int
    readers: dict[str, str]
    bounds: dict[str, str] = {}
    free: dict[str, int] = {}
    not_read: dict[str, NotRead] = {}
    no_route: dict[str, str] = {}
    unnamed: dict[str, str] = {}
    differs: dict[str, Differs] = {}
    above: dict[str, str] = {}
    unpriced: dict[str, str] = {}
    apart: dict[str, int] = {}


Recording = dict[str, Any]


def _tables() -> dict[str, Table]:
    read = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(TABLES.glob("*.yaml"))}
    return {name: convert(content, Table) for name, content in read.items()}


TABLE = _tables()
PROVIDERS = load_providers(shipped("config") / "providers")
CARD = load_rates(shipped("rates"))


def _files() -> dict[str, Any]:
    paths = {path.stem: path for path in (shipped("config") / "providers").glob("*.yaml")}
    return {name: yaml.load(path.read_bytes(), yaml.CSafeLoader) for name, path in sorted(paths.items())}


_FILES = _files()
SPECS = {name: convert(content.get("readers", {}), dict[str, ReaderSpec]) for name, content in _FILES.items()}
"""Every reader by the provider's file that defines it, and its name there."""


def reader_named(provider: str, name: str) -> ReaderSpec:
    """Return a reader by the name that a provider's file gives it: its own, or another's as `other/name`."""
    other, slash, own = name.rpartition("/")
    return SPECS[other if slash else provider][own]


@cache
def bound_named(provider: str, name: str) -> BoundSpec:
    """Return a bound by the name that a provider's file gives it: its own, or another's as `other/name`."""
    other, slash, own = name.rpartition("/")
    return convert(_FILES[other if slash else provider]["bounds"][own], BoundSpec)


REDACTED = re.compile(r"<[A-Z_]+>")
"""What the recorder put in the place of an account's own names."""


def recordings() -> list[tuple[str, Recording]]:
    """Return (name, recording) of every exchange with a provider that has a table; none where there is no corpus."""
    if not CORPUS.is_dir():
        return []
    paths = sorted({path for provider in TABLE for path in CORPUS.glob(f"{provider}-*.json")})
    read = ((path.stem, json.loads(path.read_bytes())) for path in paths)
    return [(name, recording) for name, recording in read if recording["provider"] in TABLE]


def others() -> set[str]:
    """Return the providers of the corpus that have no table."""
    rows = (CORPUS / "INDEX.csv").read_text(encoding="utf-8").splitlines()[1:]
    return {row.split(",")[1] for row in rows} - set(TABLE)


def is_read(recording: Recording) -> bool:
    """Tell whether the recording's endpoint has a reader."""
    return recording["endpoint"] in TABLE[recording["provider"]].readers


def route_of(recording: Recording) -> tuple[Endpoint, dict[str, str]] | None:
    """Return the route of the provider's file that a recorded request takes, and its parameters; None if none does."""
    request = recording["request"]
    path = REDACTED.sub("global", request["path"].partition("?")[0])
    for endpoint in PROVIDERS[recording["provider"]].endpoints:
        parameters = endpoint.template.match(path)
        if endpoint.method == request["method"] and parameters is not None:
            return endpoint, {name: unquote(value) for name, value in parameters.items()}
    return None


def body(recording: Recording) -> bytes:
    """Return the answer's bytes."""
    response = recording["response"]
    text = response.get("body_text")
    return text.encode() if text is not None else base64.b64decode(response["body_b64"])


def spec_of(recording: Recording) -> ReaderSpec:
    """Return the reader that the recording's endpoint has."""
    provider = recording["provider"]
    return reader_named(provider, TABLE[provider].readers[recording["endpoint"]])


def reader_of(recording: Recording, encoding: str | None = None) -> Reader:
    """Return a reader with the framing that the route or the content type says."""
    declared = {"ndjson": Framing.NDJSON, "aws-eventstream": Framing.FRAMES}.get(recording["framing"])
    headers, spec = recording["response"]["headers"], spec_of(recording)
    content_type = headers.get("content-type")
    framing = framing_of(content_type, bool(recording["streaming"]), declared, binary=spec.binary)
    reader = Reader(spec, framing, encoding, textual=textual(content_type))
    reader.see_headers(headers.items())
    return reader


def read(recording: Recording) -> Reading:
    """Read the answer in one piece. All of it was recorded."""
    reader = reader_of(recording)
    reader.feed(body(recording))
    return reader.finish(whole=True)


def asked(recording: Recording) -> tuple[dict[str, Any], bytes]:
    """Return a recorded request as its route reads it, and its text; the end of a long upload is made up as silence.

    The corpus has requests parsed. They are written as SDKs do, without any space or escape that is not needed: the
    shortest text, of which a bound is the lowest.
    """
    request, route = recording["request"], route_of(recording)
    takes = route[0].takes if route is not None else None
    raw = json.dumps(request.get("body"), separators=(",", ":"), ensure_ascii=False).encode()
    if "body_head_b64" in request:
        head = base64.b64decode(request["body_head_b64"])
        boundary = head.partition(b"\r\n")[0]
        tail = b"\r\n" + boundary + b"--\r\n"
        raw = head + bytes(request["body_length"] - len(head) - len(tail)) + tail
    if takes is None:
        body = request["body"]
        return body if isinstance(body, dict) else {}, raw
    headers = {name.lower(): value for name, value in request["headers"].items()}
    return read_request(takes, raw, headers.get("content-type", ""), request["path"].partition("?")[2], headers)


def model_of(recording: Recording, asking: dict[str, Any]) -> str:
    """Return the model that a recorded request names: in its body, its path, its query, or nowhere."""
    route = route_of(recording)
    if route is None:
        return str(asking.get("model", ""))
    where = route[0].model
    named = fill(where.path, route[1]) if where.path else look(asking, where.body) if where.body else None
    if named is None and where.other:
        named = look(asking, where.other)
    name = str(named or where.fixed or "")
    return name.rpartition(where.after)[2] if where.after else name


def told(recording: Recording) -> dict[str, Any]:
    """Return what the recorded request tells of its cost by itself, where the answer reports nothing."""
    provider = recording["provider"]
    bound = TABLE[provider].bounds.get(recording["endpoint"])
    if bound is None or not recording["request"] or recording["response"]["status"] >= 400:
        return {}
    asking, _ = asked(recording)
    model = model_of(recording, asking)
    rates = CARD.find(provider, model)
    if rates is None:
        return {}
    found = measured(asking, bound_named(provider, bound).measures, rates, model)
    quantities = Counter[str]()
    for each in found:
        quantities[each.unit] += each.quantity
    return {unit: quantity for unit, quantity in quantities.items() if quantity}


def names_its_model(name: str, recording: Recording) -> bool:
    """Whether the answer says which model made it; else only the request does."""
    if name in TABLE[recording["provider"]].unnamed:
        return False
    return f'"{recording["expected"].get("model")}"' in body(recording).decode(errors="replace")


def units_of(name: str, recording: Recording) -> dict[str, Any]:
    """Return what was used: as the corpus says, or as the provider's table does, with its reason."""
    differs = TABLE[recording["provider"]].differs.get(name)
    if differs is not None:
        return {unit: exact(amount) for unit, amount in differs.usage.items()}
    return {unit: exact(amount) for unit, amount in recording["expected"].items() if unit != "model"}


def exact(amount: Any) -> Any:
    """Return a quantity of a recording as one of ours: a decimal, not a float."""
    return Decimal(repr(amount)) if isinstance(amount, float) else amount
