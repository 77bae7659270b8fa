"""What a file of `config/providers` may say: the types of the file, and what is checked without any other file."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from proxy.bounds.spec import BoundSpec
from proxy.calls.head import WEBSOCKET
from proxy.errors import Refusal
from proxy.loading.faults import Faults
from proxy.loading.mismatch import suggestion
from proxy.loading.signers import SIGNERS
from proxy.providers.endpoint import ModelAt, ObjectRule, RefuseRule, UsageSplice
from proxy.providers.envelope import Envelope
from proxy.providers.integration import RESERVED_NAMES, KeyOut, Regions, UpstreamError
from proxy.providers.match import Match
from proxy.providers.request import Takes
from proxy.providers.session import SessionSpec
from proxy.providers.signing import SignRule
from proxy.usage.spec import ReaderSpec
from proxy.wire.framing import Framing

_LABEL = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9.-]|\{region\})+(:[0-9]+)?")
_PLACE = re.compile(r"bearer|token|bare|sigv4|header:[a-z0-9-]+|query:[A-Za-z0-9_.-]+")
_ACCOUNT = (Refusal.UPSTREAM_AUTH.code, Refusal.UPSTREAM_FUNDS.code)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", WEBSOCKET)


class KeyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the provider's SDKs put a key, and where ours goes.

    A place is `bearer`, `token`, `bare`, `header:NAME`, `query:NAME`, or `sigv4`: the access key id of a signature.
    `protocols` begin WebSocket subprotocols that hold one; see `providers/integration.py`.
    """

    places: tuple[str, ...] = field(name="in")
    out: KeyOut
    protocols: tuple[str, ...] = ()


class ResultsFile(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the answers of work stand that finishes later; see `providers/later.py`."""

    path: str
    reader: str
    framing: Framing = Framing.JSON
    pages: str = ""


class LaterFile(Struct, frozen=True, forbid_unknown_fields=True):
    """Work that finishes later as the file writes it; see `providers/later.py` for what each part means."""

    kind: str
    look: str
    done: tuple[str, ...]
    deadline_s: Annotated[int, Meta(ge=1)]
    failed: tuple[str, ...] = ()
    reader: str = ""
    when: Match | None = None
    results: ResultsFile | None = None
    headers: dict[str, str] = field(default_factory=dict)
    tier: str | None = None
    look_s_most: Annotated[int, Meta(ge=1)] = 300
    asked: bool = False
    at: str = ""


class ManyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """Many requests as one; see `providers/many.py`."""

    list: str = ""
    request: str = ""
    model: str = ""
    bound: str = ""
    file: str = ""
    upload: str = ""
    where: dict[str, str] = field(default_factory=dict)
    url: str = ""
    urls: dict[str, str] = field(default_factory=dict)
    shared_model: str = ""
    tiers: tuple[str, ...] = ("batch",)


class EndpointFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One route as the file writes it; see `providers/endpoint.py` for what each part means."""

    name: str
    method: str
    path: str
    allow: dict[str, tuple[str, ...]] = field(default_factory=dict)
    free: bool = False
    model: ModelAt = ModelAt()
    stream: str = ""
    streams_always: bool = False
    framing: Framing | None = None
    reader: str = ""
    bound: str = ""
    usage_splice: UsageSplice | None = None
    output_splice: bool = False
    refuse: tuple[RefuseRule, ...] = ()
    objects: ObjectRule = ObjectRule()
    json_body: bool = True
    charge_by: Literal["rates", "reported"] = "rates"
    takes: Takes | None = None
    service: str = ""
    envelope: str = ""
    session: str = ""
    later: LaterFile | None = None
    many: ManyFile | None = None
    unpriced: str = ""


class Service(Struct, frozen=True, forbid_unknown_fields=True):
    """A host of the provider beside its usual one, and what it is called in signatures if not as the provider."""

    host: str
    sign_as: str = ""


class Example(Struct, frozen=True, forbid_unknown_fields=True):
    """How a newcomer calls this provider through Faregate: `{base}` and `{key}` are filled in when it is printed."""

    curl: str
    python: str


class Probe(Struct, frozen=True, forbid_unknown_fields=True):
    """The cheapest request that tells whether the provider takes our key: a GET of a free route, with these headers."""

    path: str
    headers: dict[str, str] = field(default_factory=dict)


class ProviderFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of `config/providers`. `hosts` are origins; one alone is the default upstream.

    `services` are further hosts, which endpoints name. `{region}` in a host is the operator's region, or the path's.
    `fixed` maps a parameter of paths to the setting whose value it must have, if the operator sets that.
    """

    integration: str
    source: str
    hosts: tuple[str, ...]
    key: KeyFile
    endpoints: tuple[EndpointFile, ...]
    envelope: Envelope | str
    services: dict[str, Service] = field(default_factory=dict)
    regions: Regions = Regions()
    fixed: dict[str, Literal["project", "region"]] = field(default_factory=dict)
    signer: SignRule | None = None
    strip_headers: tuple[str, ...] = ()
    upstream_errors: tuple[UpstreamError, ...] = ()
    readers: dict[str, ReaderSpec] = field(default_factory=dict)
    bounds: dict[str, BoundSpec] = field(default_factory=dict)
    sessions: dict[str, SessionSpec] = field(default_factory=dict)
    example: Example | None = None
    probe: Probe | None = None


def check_file(content: ProviderFile) -> None:
    """Refuse what a file says that cannot be, wherever its readers and bounds come from. Raises BadConfig."""
    name, faults = content.integration, Faults()
    if not _LABEL.fullmatch(name) or name in RESERVED_NAMES:
        faults.add(f"at integration: {name!r} cannot be a subdomain's label; use a-z, 0-9 and single hyphens")
    if not content.source.strip():
        faults.add("at source: it is empty; name the page or package, its version and the date")
    for host in (*content.hosts, *content.regions.hosts.values(), *(each.host for each in content.services.values())):
        if not _ORIGIN.fullmatch(host):
            faults.add(f"at hosts: {host!r} is no origin; write https://HOST, without path or slash")
    for place in content.key.places:
        if not _PLACE.fullmatch(place):
            faults.add(
                f"at key.in: {place!r} is no place for a key; "
                "use bearer, token, bare, sigv4, header:NAME (lower case) or query:NAME"
            )
    if "{key}" not in content.key.out.value:
        faults.add(f"at key.out.value: {content.key.out.value!r} has no {{key}}; say where the key goes")
    for error in content.upstream_errors:
        if error.refusal not in _ACCOUNT:
            faults.add(
                f"at upstream_errors: {error.refusal!r} is not a refusal about the operator's account; "
                f"use {' or '.join(_ACCOUNT)}"
            )
    for fault in _misplaced(content):
        faults.add(fault)
    faults.settle()


def _misplaced(content: ProviderFile) -> Iterator[str]:
    """Look at services, regions and signers: what must be declared to be named."""
    for endpoint in content.endpoints:
        if endpoint.service and endpoint.service not in content.services:
            remedy = suggestion(endpoint.service, content.services)
            yield f"at endpoints, {endpoint.name}: {endpoint.service!r} is no service; {remedy}"
    named = content.regions.names
    if content.services and content.regions.at:
        yield "at services: a provider whose paths name a region has one host for each; list them under regions"
    if content.regions.at and not named:
        yield "at regions.names: it is empty; list the regions that a path may name"
    if "{region}" in "".join(content.hosts) and not content.regions.default:
        yield "at regions.default: it is empty; name the region of an operator who sets none"
    if content.signer is not None and content.signer.name not in SIGNERS:
        yield f"at signer.name: {content.signer.name!r} is no signer; {suggestion(content.signer.name, SIGNERS)}"


def stripped_headers(content: ProviderFile) -> frozenset[str]:
    """Return the headers that never go up: the file's own, and every one that carries a key, theirs or ours."""
    places = (place.removeprefix("header:") for place in content.key.places if place.startswith("header:"))
    return frozenset(name.lower() for name in (*content.strip_headers, *places, content.key.out.header))
