"""Reads `config/providers/*.yaml`: each file is one provider, and needs no Python.

A file may use another's readers, bounds and envelope by `other/name`, so that a provider which speaks a known dialect
lists only its host, its key and its routes.
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from proxy.bounds.spec import BoundSpec
from proxy.calls.head import WEBSOCKET
from proxy.errors import BadConfig
from proxy.loading.faults import Faults
from proxy.loading.later import Section, later_faults, make_later, make_many, many_faults
from proxy.loading.mismatch import suggestion
from proxy.loading.provider_file import (
    METHODS,
    EndpointFile,
    Example,
    Probe,
    ProviderFile,
    Service,
    check_file,
    stripped_headers,
)
from proxy.loading.yaml import convert, read_yaml
from proxy.providers.endpoint import Endpoint, parameters_of
from proxy.providers.envelope import Envelope
from proxy.providers.integration import Integration, KeyOut, Place, Policy, Regions, UpstreamError
from proxy.providers.session import SessionSpec
from proxy.providers.signing import Credentials, Signing, SignRule
from proxy.providers.template import compile_template, overlap
from proxy.usage.spec import ReaderSpec


class Own(Struct, frozen=True):
    """What an operator may say of an integration besides its key: where it is, and what it signs with."""

    region: str = ""
    project: str = ""
    credentials: Credentials = Credentials()


class Provider(Struct, frozen=True):
    """A provider that could be switched on: everything but the operator's key and choices."""

    name: str
    hosts: tuple[str, ...]
    key_in: tuple[str, ...]
    key_out: KeyOut
    key_protocols: tuple[str, ...]
    strip: frozenset[str]
    envelope: Envelope
    endpoints: tuple[Endpoint, ...]
    upstream_errors: tuple[UpstreamError, ...]
    example: Example | None
    probe: Probe | None
    services: Mapping[str, Service] = {}
    regions: Regions = Regions()
    fixed: Mapping[str, Literal["project", "region"]] = {}
    signer: SignRule | None = None

    def switch_on(self, api_key: str, origin: str, policy: Policy, own: Own | None = None) -> Integration:
        """Return the integration that calls go through. `origin` replaces every host; an empty one leaves them.

        An origin has no path and no trailing slash.
        """
        own = own or Own()
        region = own.region or self.regions.default
        set_ = {"project": own.project, "region": own.region}
        signing = None
        if self.signer is not None and own.credentials:
            signing = Signing(self.name, self.signer.name, region, own.credentials)
        return Integration(
            name=self.name,
            origin=origin or self.host_of(region),
            places=self._places(region, origin),
            region=region,
            regions=self.regions,
            fixed={parameter: set_[setting] for parameter, setting in self.fixed.items() if set_[setting]},
            sign_as=self.signer.service if self.signer is not None else "",
            signing=signing,
            api_key=api_key,
            key_in=self.key_in,
            key_out=self.key_out,
            strip=self.strip,
            envelope=self.envelope,
            endpoints=self.endpoints,
            upstream_errors=self.upstream_errors,
            policy=policy,
            key_protocols=self.key_protocols,
        )

    def host_of(self, region: str = "") -> str:
        """Return the provider's usual host: the one of a region, or the one of all."""
        own = self.regions.hosts
        host = (own.get(region) or own.get("*")) if region in self.regions.names else None
        return (host or self.hosts[0]).replace("{region}", region or self.regions.default)

    def _places(self, region: str, origin: str) -> dict[str, Place]:
        """Return the origins beside the usual one: those of services, and those of the regions that paths name."""
        places = {
            name: Place(origin or each.host.replace("{region}", region), each.sign_as)
            for name, each in self.services.items()
        }
        if self.regions.at and not origin:
            places |= {name: Place(self.host_of(name)) for name in self.regions.names}
        return places


def load_providers(
    folder: Path, extra: Path | None = None, units: Collection[str] | None = None
) -> dict[str, Provider]:
    """Return every provider by name; files of `extra` replace built-in ones of the same name.

    `units` are the units that there are; None leaves those of the files unchecked. Raises BadConfig with all faults.
    """
    files: dict[str, tuple[Path, ProviderFile]] = {}
    paths = [path for place in (folder, extra) if place is not None for path in sorted(place.glob("*.yaml"))]
    faults, read = Faults(), 0
    for path in paths:
        with faults.gather():
            content = convert(read_yaml(path), ProviderFile, path)
            read += 1
            with faults.gather(f"{path}: "):
                check_file(content)
            other = files.get(content.integration)
            if other is not None and other[0].parent == path.parent:
                raise BadConfig(f"{path}: at integration: {content.integration!r} is also in {other[0].name}; keep one")
            files[content.integration] = (path, content)
    if read < len(paths):
        faults.settle()  # a file that cannot be read may be what others borrow from
    providers = {}
    for name, (path, content) in files.items():
        with faults.gather(f"{path}: "):
            providers[name] = _provider(content, files, units)
    faults.settle()
    return providers


Files = Mapping[str, tuple[Path, ProviderFile]]


def _provider(content: ProviderFile, files: Files, units: Collection[str] | None) -> Provider:
    """Return the provider of a file. Raises BadConfig, without the file's name, with all of its faults."""
    endpoints: list[Endpoint] = []
    envelopes: list[Envelope] = []
    faults = Faults()
    with faults.gather():
        envelopes.append(_envelope(content, files))
    for endpoint in content.endpoints:
        with faults.gather(f"at endpoints, {endpoint.name}: "):
            endpoints.append(_endpoint(endpoint, content, files))
    for problem in (*_overlaps(endpoints), *_strange_units(content, units), *_lost_probe(content.probe, endpoints)):
        faults.add(problem)
    faults.settle()
    return Provider(
        name=content.integration,
        hosts=content.hosts,
        key_in=content.key.places,
        key_out=content.key.out,
        key_protocols=content.key.protocols,
        strip=stripped_headers(content),
        envelope=envelopes[0],
        endpoints=tuple(endpoints),
        upstream_errors=content.upstream_errors,
        example=content.example,
        probe=content.probe,
        services=content.services,
        regions=content.regions,
        fixed=content.fixed,
        signer=content.signer,
    )


def _envelope(content: ProviderFile, files: Files) -> Envelope:
    if isinstance(content.envelope, Envelope):
        return content.envelope
    return _borrowed_envelope(content.envelope, files)


def _borrowed_envelope(name: str, files: Files) -> Envelope:
    """Return the envelope that another file has of its own."""
    own = {name: file.envelope for name, (_, file) in files.items() if isinstance(file.envelope, Envelope)}
    if name not in own:
        raise BadConfig(
            f"at envelope: no provider {name!r} has an envelope of its own to borrow; {suggestion(name, own)}"
        )
    return own[name]


def _endpoint(endpoint: EndpointFile, content: ProviderFile, files: Files) -> Endpoint:
    try:
        template = compile_template(endpoint.path, endpoint.allow)
    except ValueError as error:
        raise BadConfig(str(error)) from None

    def find(section: Section, name: str) -> Any:
        return _named(section, name, content, files)

    made = Endpoint(
        name=endpoint.name,
        method=endpoint.method,
        template=template,
        free=endpoint.free,
        model=endpoint.model,
        stream=endpoint.stream,
        streams_always=endpoint.streams_always,
        framing=endpoint.framing,
        reader=find("reader", endpoint.reader),
        bound=find("bound", endpoint.bound),
        usage_splice=endpoint.usage_splice,
        output_splice=endpoint.output_splice,
        refuse=endpoint.refuse,
        objects=endpoint.objects,
        json_body=endpoint.json_body,
        takes=endpoint.takes,
        service=endpoint.service,
        envelope=_borrowed_envelope(endpoint.envelope, files) if endpoint.envelope else None,
        session=_named("session", endpoint.session, content, files),
        later=make_later(endpoint, find),
        many=make_many(endpoint, find),
        charge_by=endpoint.charge_by,
        unpriced=endpoint.unpriced,
    )
    _check_endpoint(made)
    return made


def _check_endpoint(endpoint: Endpoint) -> None:
    """A metered route that nothing reads or bounds would be a free one."""
    parameters, faults = endpoint.template.pattern.groupindex, Faults()
    if endpoint.method not in METHODS:
        faults.add(f"{endpoint.method!r} is no method; use one of {', '.join(METHODS)}")
    model, session = endpoint.model, endpoint.session
    bounded = endpoint.bound is not None or endpoint.many is not None
    if (endpoint.method == WEBSOCKET) is not (session is not None):
        faults.add(f"a route is a session if its method is {WEBSOCKET}; add session: ..., or take the other away")
    if session is not None and not endpoint.free:
        for problem in _session_lacks(session, endpoint):
            faults.add(problem)
    elif not endpoint.free and (endpoint.reader is None or not bounded):
        faults.add("a metered route needs a reader and a bound; add them, or say free: true")
    named = model.body or model.path or model.query or model.fixed or endpoint.many is not None
    if not endpoint.free and not named:
        faults.add("a metered route names no model; add model: {body: ...}, {path: ...}, {query: ...} or {fixed: ...}")
    for name in (*parameters_of(endpoint.model.path), *parameters_of(endpoint.objects.at)):
        if name not in parameters:
            known = ", ".join(sorted(parameters)) or "it has none"
            faults.add(f"{name!r} is not a parameter of its path, {endpoint.template.text}; name one of: {known}")
    for problem in (*_unread(endpoint), *later_faults(endpoint), *many_faults(endpoint)):
        faults.add(problem)
    faults.settle()


def _unread(endpoint: Endpoint) -> Iterator[str]:
    """Yield what a route wants of its answers that no reader finds."""
    results = endpoint.later.results if endpoint.later is not None else None
    paid = results.reader if results is not None else endpoint.reader
    if endpoint.charge_by == "reported" and (paid is None or paid.cost is None):
        yield "charge_by is 'reported', but its reader finds no cost; add cost: {at: ...} to the reader"
    if endpoint.objects.creates and endpoint.reader is None:
        yield "objects can only be recorded by a reader; name one"
    if endpoint.objects.tells and (endpoint.reader is None or not endpoint.objects.at):
        yield "objects.tells: nothing reads how which object is; name a reader, and objects.at"


def _session_lacks(session: SessionSpec, endpoint: Endpoint) -> Iterator[str]:
    """Yield what a session needs besides: turns are read by a reader, whole requests have a bound."""
    if session.asks and endpoint.reader is None:
        yield "a session with turns needs a reader, which tells when one is over; name one"
    if session.requests and endpoint.bound is None:
        yield "a session of requests needs their bound; name one"


def _named(section: str, name: str, content: ProviderFile, files: Files) -> Any:
    """Return the reader, bound or session of a name: this file's own, or another's as `other/name`."""
    if not name:
        return None
    other, slash, own = name.rpartition("/")
    source = content
    if slash:
        if other not in files:
            raise BadConfig(
                f"{section}: there is no provider {other!r} to borrow {own!r} from; {suggestion(other, files)}"
            )
        source = files[other][1]
    tables: Mapping[str, Mapping[str, Any]] = {
        "reader": source.readers,
        "bound": source.bounds,
        "session": source.sessions,
    }
    table = tables[section]
    if own not in table:
        raise BadConfig(f"{section}: {name!r} is not defined; {suggestion(own, table)}")
    return table[own]


def _overlaps(endpoints: Collection[Endpoint]) -> Iterator[str]:
    """Two routes for one path would be one: the second is never reached, and may be the metered one."""
    for one, other in combinations(endpoints, 2):
        if one.name == other.name:
            yield f"at endpoints, {other.name}: the name is given twice; it labels records and metrics, so change one"
        if one.method == other.method and one.template.plain == other.template.plain:
            path = overlap(one.template, other.template)
            if path:
                yield (
                    f"at endpoints, {other.name}: {one.name} takes {one.method} {path} too; "
                    "make their paths differ, or remove one"
                )


def _strange_units(content: ProviderFile, units: Collection[str] | None) -> Iterator[str]:
    """A unit that is not in the registry has no price and no place on a bill."""
    if units is None:
        return
    for name, reader in content.readers.items():
        for unit in _reader_units(reader):
            if unit not in units:
                yield f"at readers.{name}: {unit!r} is no unit; {suggestion(unit, units)} (or add it to units.yaml)"
    for name, session in content.sessions.items():
        for unit in _session_units(session):
            if unit not in units:
                yield f"at sessions.{name}: {unit!r} is no unit; {suggestion(unit, units)} (or add it to units.yaml)"
    for name, bound in content.bounds.items():
        for unit in _bound_units(bound):
            if unit not in units:
                yield f"at bounds.{name}: {unit!r} is no unit; {suggestion(unit, units)} (or add it to units.yaml)"


def _reader_units(reader: ReaderSpec) -> Iterator[str]:
    yield from (*reader.units, *reader.counts, *(reader.another.units if reader.another is not None else ()))


def _session_units(session: SessionSpec) -> Iterator[str]:
    bound = session.bound
    if bound is None:
        return
    for part in (bound.text, bound.sound, bound.pictures, bound.output):
        yield from part.units if part is not None else ()
    if bound.characters is not None:
        yield bound.characters.unit
    if bound.sound is not None:
        yield from filter(None, (bound.sound.seconds, *bound.sound.reported, *bound.sound.added))


def _bound_units(bound: BoundSpec) -> Iterator[str]:
    yield from (each.unit for each in bound.input)
    yield from (each.unit for each in bound.fees)
    if bound.output is not None:
        yield from (each.unit for each in bound.output.units)
        yield from bound.output.flat
    yield from (kind.unit for media in bound.media for kind in media.kinds if kind.unit is not None)
    yield from (measure.unit for measure in bound.measures)
    yield from (unit for addon in bound.addons for unit in (addon.unit, addon.beside))
    for tool in bound.tools:
        yield from (*tool.per_use, *tool.per_call)


def _lost_probe(probe: Probe | None, endpoints: Collection[Endpoint]) -> Iterator[str]:
    """A probe is sent with our key and without a hold, so its route must be a free one."""
    if probe is not None and not any(
        each.free and each.method == "GET" and each.template.match(probe.path) is not None for each in endpoints
    ):
        yield f"at probe.path: {probe.path!r} is no free GET route of this file; name the path of one"
