"""Reads `config/providers/*.yaml`: each file is one provider, and needs no Python.

A file may use another's readers, bounds and envelope by `other/name`, so that a provider which speaks a known dialect
lists only its host, its key and its routes.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from proxy.bounds.spec import BoundSpec
from proxy.errors import BadConfig, Refusal
from proxy.loading.yaml import convert, read_yaml
from proxy.providers.endpoint import Endpoint, ModelAt, ObjectRule, RefuseRule, UsageSplice
from proxy.providers.envelope import Envelope
from proxy.providers.integration import RESERVED_NAMES, Integration, KeyOut, Policy, UpstreamError
from proxy.providers.template import Template, compile_template
from proxy.usage.spec import ReaderSpec

_LABEL = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?")
_PLACE = re.compile(r"bearer|token|bare|header:[a-z0-9-]+|query:[A-Za-z0-9_.-]+")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class KeyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the provider's SDKs put a key (bearer, token, bare, `header:NAME`, `query:NAME`), and where ours goes."""

    places: tuple[str, ...] = field(name="in")
    out: KeyOut


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
    reader: str = ""
    bound: str = ""
    usage_splice: UsageSplice | None = None
    output_splice: bool = False
    refuse: tuple[RefuseRule, ...] = ()
    objects: ObjectRule = ObjectRule()
    json_body: bool = True


class Example(Struct, frozen=True, forbid_unknown_fields=True):
    """How a newcomer calls this provider through Faregate: `{base}` and `{key}` are filled in when it is printed."""

    curl: str
    python: str


class ProviderFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of `config/providers`. `hosts` are origins; one alone is the default upstream."""

    integration: str
    source: str
    hosts: tuple[str, ...]
    key: KeyFile
    endpoints: tuple[EndpointFile, ...]
    envelope: Envelope | str
    strip_headers: tuple[str, ...] = ()
    upstream_errors: tuple[UpstreamError, ...] = ()
    readers: dict[str, ReaderSpec] = field(default_factory=dict)
    bounds: dict[str, BoundSpec] = field(default_factory=dict)
    example: Example | None = None


class Provider(Struct, frozen=True):
    """A provider that could be switched on: everything but the operator's key and choices."""

    name: str
    hosts: tuple[str, ...]
    key_in: tuple[str, ...]
    key_out: KeyOut
    strip: frozenset[str]
    envelope: Envelope
    endpoints: tuple[Endpoint, ...]
    upstream_errors: tuple[UpstreamError, ...]
    example: Example | None

    def switch_on(self, api_key: str, origin: str, policy: Policy) -> Integration:
        """Return the integration that calls go through. `origin` has no path and no trailing slash."""
        return Integration(
            name=self.name,
            origin=origin,
            api_key=api_key,
            key_in=self.key_in,
            key_out=self.key_out,
            strip=self.strip,
            envelope=self.envelope,
            endpoints=self.endpoints,
            upstream_errors=self.upstream_errors,
            policy=policy,
        )


def load_providers(folder: Path, extra: Path | None = None) -> dict[str, Provider]:
    """Return every provider by name; files of `extra` replace built-in ones of the same name. Raises BadConfig."""
    files: dict[str, tuple[Path, ProviderFile]] = {}
    for place in (folder, extra):
        for path in sorted(place.glob("*.yaml")) if place is not None else ():
            content = convert(read_yaml(path), ProviderFile, path)
            _check_file(content, path)
            other = files.get(content.integration)
            if other is not None and other[0].parent == path.parent:
                raise BadConfig(f"{path}: at integration: {content.integration!r} is also in {other[0].name}; keep one")
            files[content.integration] = (path, content)
    return {name: _provider(path, content, files) for name, (path, content) in files.items()}


Files = Mapping[str, tuple[Path, ProviderFile]]


def _check_file(content: ProviderFile, path: Path) -> None:
    name = content.integration
    if not _LABEL.fullmatch(name) or name in RESERVED_NAMES or name.endswith("-proxy"):
        raise BadConfig(
            f"{path}: at integration: {name!r} cannot be a subdomain's label; use a-z, 0-9 and single hyphens"
        )
    if not content.source.strip():
        raise BadConfig(f"{path}: at source: it is empty; name the page or package, its version and the date")
    for host in content.hosts:
        if not _ORIGIN.fullmatch(host):
            raise BadConfig(f"{path}: at hosts: {host!r} is no origin; write https://HOST, without path or slash")
    for place in content.key.places:
        if not _PLACE.fullmatch(place):
            raise BadConfig(
                f"{path}: at key.in: {place!r} is no place for a key; "
                "use bearer, token, bare, header:NAME (lower case) or query:NAME"
            )
    if "{key}" not in content.key.out.value:
        raise BadConfig(f"{path}: at key.out.value: {content.key.out.value!r} has no {{key}}; say where the key goes")


def _stripped(content: ProviderFile) -> frozenset[str]:
    """Return the headers that never go up: the file's own, and every one that carries a key, theirs or ours."""
    places = (place.removeprefix("header:") for place in content.key.places if place.startswith("header:"))
    return frozenset(name.lower() for name in (*content.strip_headers, *places, content.key.out.header))


def _provider(path: Path, content: ProviderFile, files: Files) -> Provider:
    for error in content.upstream_errors:
        if error.refusal not in (Refusal.UPSTREAM_AUTH.code, Refusal.UPSTREAM_FUNDS.code):
            raise BadConfig(
                f"{path}: at upstream_errors: {error.refusal!r} is not a refusal about the operator's account; "
                "use upstream_auth or upstream_funds"
            )
    return Provider(
        name=content.integration,
        hosts=content.hosts,
        key_in=content.key.places,
        key_out=content.key.out,
        strip=_stripped(content),
        envelope=_envelope(path, content, files),
        endpoints=tuple(_endpoint(path, content, endpoint, files) for endpoint in content.endpoints),
        upstream_errors=content.upstream_errors,
        example=content.example,
    )


def _envelope(path: Path, content: ProviderFile, files: Files) -> Envelope:
    if isinstance(content.envelope, Envelope):
        return content.envelope
    found = files.get(content.envelope)
    if found is None or not isinstance(found[1].envelope, Envelope):
        raise BadConfig(f"{path}: at envelope: no provider {content.envelope!r} has an envelope of its own to borrow")
    return found[1].envelope


def _endpoint(path: Path, content: ProviderFile, endpoint: EndpointFile, files: Files) -> Endpoint:
    where = f"{path}: at endpoints, {endpoint.name}"
    try:
        template = compile_template(endpoint.path, endpoint.allow)
    except ValueError as error:
        raise BadConfig(f"{where}: {error}") from None
    made = Endpoint(
        name=endpoint.name,
        method=endpoint.method,
        template=template,
        free=endpoint.free,
        model=endpoint.model,
        stream=endpoint.stream,
        streams_always=endpoint.streams_always,
        reader=_named(where, "reader", endpoint.reader, content, files),
        bound=_named(where, "bound", endpoint.bound, content, files),
        usage_splice=endpoint.usage_splice,
        output_splice=endpoint.output_splice,
        refuse=endpoint.refuse,
        objects=endpoint.objects,
        json_body=endpoint.json_body,
    )
    _check_endpoint(where, made, template)
    return made


def _check_endpoint(where: str, endpoint: Endpoint, template: Template) -> None:
    """A metered route that nothing reads or bounds would be a free one."""
    parameters = template.pattern.groupindex
    if endpoint.method not in METHODS:
        raise BadConfig(f"{where}: {endpoint.method!r} is no method; use one of {', '.join(METHODS)}")
    if not endpoint.free and (endpoint.reader is None or endpoint.bound is None):
        raise BadConfig(f"{where}: a metered route needs a reader and a bound; add them, or say free: true")
    if not endpoint.free and not (endpoint.model.body or endpoint.model.path or endpoint.model.fixed):
        raise BadConfig(f"{where}: a metered route needs model: {{body: ...}}, {{path: ...}} or {{fixed: ...}}")
    for name in filter(None, (endpoint.model.path, endpoint.objects.at)):
        if name not in parameters:
            raise BadConfig(f"{where}: {name!r} is not a parameter of its path; name one of {sorted(parameters)}")
    if endpoint.objects.creates and endpoint.reader is None:
        raise BadConfig(f"{where}: objects can only be recorded by a reader; name one")


def _named(where: str, section: str, name: str, content: ProviderFile, files: Files) -> Any:
    """Return the reader or bound of a name: this file's own, or another's as `other/name`."""
    if not name:
        return None
    other, slash, own = name.rpartition("/")
    source = content
    if slash:
        if other not in files:
            raise BadConfig(f"{where}: {section}: there is no provider {other!r} to borrow {own!r} from")
        source = files[other][1]
    table: Mapping[str, Any] = source.readers if section == "reader" else source.bounds
    if own not in table:
        known = ", ".join(sorted(table)) or "none"
        raise BadConfig(f"{where}: {section}: {name!r} is not defined; known: {known}")
    return table[own]
