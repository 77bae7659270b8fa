"""The settings: one YAML file and the environment in, frozen types out. Nothing else reads either.

The types are the table: one row a setting, with its name (unit last), its default and its help.
Validation, `rows()`, the example file's test and the documentation read that table.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

from proxy.errors import BadConfig
from proxy.loading.build import Builder, help_of, written
from proxy.loading.environment import PREFIX, is_reference, mapping_of, merge, names_in, references, variables
from proxy.loading.faults import Faults
from proxy.loading.mismatch import suggestion
from proxy.loading.places import check_database, check_folder, check_pair
from proxy.loading.shipped import shipped
from proxy.loading.tracing import traces_to
from proxy.loading.values import (
    SANDBOX,
    Address,
    Collector,
    Database,
    Domain,
    Label,
    Names,
    Networks,
    Origin,
    Secret,
    Source,
    Upstream,
)
from proxy.loading.yaml import read_yaml

CONFIG_FILE = "faregate.yaml"
MIB = 1024 * 1024

Bytes = Annotated[int, Meta(ge=1, le=2**40)]
Seconds = Annotated[float, Meta(gt=0, le=7 * 86_400)]


def row(text: str) -> Meta:
    """Attach a setting's help to its type."""
    return Meta(description=text)


class ProviderSettings(Struct, frozen=True, kw_only=True):
    """What an operator sets for one integration."""

    api_key: Annotated[Secret, row("the operator's key at the provider; empty switches the integration off")] = Secret()
    upstream: Annotated[Upstream, row("an origin that replaces every host of the integration, or `sandbox`")] = (
        Upstream()
    )
    admission: Annotated[
        Literal["fair", "strict"], row("fair or strict: how much to hold for a call without a maximum")
    ] = "fair"
    on_disconnect: Annotated[
        Literal["drain", "abort", "estimate"],
        row("drain, abort or estimate: what to do when a caller hangs up"),
    ] = "drain"
    unowned_objects: Annotated[
        Literal["refuse", "allow"], row("refuse or allow: objects that no tenant made through Faregate")
    ] = "refuse"
    region: Annotated[Label, row("the region whose host is called, and prices hold; only some providers have any")] = (
        Label()
    )
    project: Annotated[Label, row("the only project that paths may name, at a provider whose paths name one")] = Label()
    credentials: Annotated[
        Source, row("instead of api_key: a file of credentials, or `default`, what this machine has")
    ] = Source()
    access_key_id: Annotated[Secret, row("instead of api_key: the id of the key that requests are signed with")] = (
        Secret()
    )
    secret_access_key: Annotated[Secret, row("the secret of access_key_id")] = Secret()
    session_token: Annotated[Secret, row("the token of access_key_id, if it is a temporary one")] = Secret()
    models: Annotated[
        Names, row("names that callers use for models, such as an Azure deployment's: which model each stands for")
    ] = Names()

    @property
    def sandboxed(self) -> bool:
        """Whether the built-in sandbox answers for the provider; it needs no key."""
        return self.upstream == SANDBOX

    @property
    def enabled(self) -> bool:
        """Whether the integration is on."""
        return bool(self.api_key or self.signs) or self.sandboxed

    @property
    def signs(self) -> bool:
        """Whether requests are signed, or carry a token that is fetched, instead of a key."""
        return bool(self.credentials or self.access_key_id)


class Limits(Struct, frozen=True, kw_only=True):
    """Everything has a limit. Bytes are whole numbers, seconds may have decimals."""

    header_bytes_max: Annotated[Bytes, row("the longest header field of a request")] = 16_384
    head_timeout_s: Annotated[Seconds, row("how long the head of a request may take")] = 30
    body_timeout_s: Annotated[
        Seconds, row("how long a caller may pause while sending a body; all of it, beyond 256 bytes a second")
    ] = 30
    body_bytes_max: Annotated[Bytes, row("the largest body of a request")] = 32 * MIB
    body_total_bytes_max: Annotated[
        Bytes, row("the most that the bodies of all requests under way may take together")
    ] = 512 * MIB
    json_held_bytes_max: Annotated[Bytes, row("the largest JSON answer that is held until its charge is known")] = (
        4 * MIB
    )
    json_held_total_bytes_max: Annotated[Bytes, row("the most that all held JSON answers may take together")] = (
        256 * MIB
    )
    json_held_s_max: Annotated[Seconds, row("how long a JSON answer is held after its first byte")] = 5
    connect_timeout_s: Annotated[Seconds, row("how long a connection to a provider may take")] = 10
    answer_timeout_s: Annotated[Seconds, row("how long a provider may take to begin its answer")] = 600
    stall_timeout_s: Annotated[Seconds, row("how long a provider may pause within an answer")] = 300
    caller_stall_s: Annotated[Seconds, row("how long a caller may stop reading before it counts as gone")] = 30
    call_age_s_max: Annotated[Seconds, row("the longest life of a call")] = 7200
    later_first_look_s: Annotated[
        Seconds, row("how soon work that finishes later is looked at; later on after a tenth of its age")
    ] = 2
    shutdown_grace_s: Annotated[Seconds, row("how long running calls may go on after a stop was asked for")] = 30


class SandboxPace(Struct, frozen=True, kw_only=True):
    """How fast `upstream: sandbox` answers."""

    first_token_ms: Annotated[float, Meta(ge=0, le=60_000), row("the wait before the first token")] = 30
    tokens_per_second: Annotated[
        float, Meta(ge=0), row("the pace after it; 0 is as fast as possible: for load tests")
    ] = 120


class Log(Struct, frozen=True, kw_only=True):
    """What is written to standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], row("debug, info, warning or error")] = "info"
    format: Annotated[
        Literal["auto", "human", "json"], row("human, json, or auto: human on a terminal and json elsewhere")
    ] = "auto"
    calls: Annotated[
        Literal["problems", "all", "none"],
        row("which calls have a line: problems (refused, failed, unusual), all or none"),
    ] = "problems"


class Tracing(Struct, frozen=True, kw_only=True):
    """Where traces go. The standard OTEL_ variables hold too; this wins."""

    endpoint: Annotated[Collector, row("an OpenTelemetry collector, http://HOST:4318; empty: no traces")] = Collector()


class RatesSync(Struct, frozen=True, kw_only=True):
    """How rates are held against the price lists of genai-prices and LiteLLM."""

    every_hours: Annotated[
        float, Meta(ge=0, le=30 * 24), row("how often to do it and to write what is accepted; 0: only when asked")
    ] = 0
    litellm: Annotated[
        Path | None,
        row("LiteLLM's price map: a wheel, a folder of wheels, the JSON file; else the installed package"),
    ] = None
    agree_pct: Annotated[float, Meta(ge=0, le=10), row("up to how much apart two prices are the same")] = 1
    jump_pct: Annotated[float, Meta(gt=0, le=10_000), row("a price that changes by more is not written")] = 50


class Tls(Struct, frozen=True, kw_only=True):
    """A certificate for the edge listener. Both files or neither."""

    cert: Annotated[Path | None, row("the certificate chain, a PEM file")] = None
    key: Annotated[Path | None, row("the certificate's private key, a PEM file")] = None


class Options(Struct, frozen=True, kw_only=True):
    """The keys of the file."""

    base_domain: Annotated[Domain, row("the domain of all integrations: {integration}-proxy.{base_domain}")] = Domain(
        "localhost"
    )
    listen: Annotated[Address, row("HOST:PORT of the edge: the providers' traffic")] = Address("127.0.0.1", 8080)
    operator_listen: Annotated[Address, row("HOST:PORT of the operator API, metrics and health")] = Address(
        "127.0.0.1", 8081
    )
    public_url: Annotated[Origin, row("where callers reach the edge; links are built from it")] = Origin()
    tls: Tls = Tls()
    database: Annotated[Database, row("sqlite:///FILE, from the working directory, or sqlite:////FILE, absolute")] = (
        Database(Path("var/faregate.db"))
    )
    admin_token: Annotated[
        Secret, row("the operator API's token; empty: made on first start, kept beside the database")
    ] = Secret()
    trusted_proxies: Annotated[
        Networks, row("proxies in front of the edge whose X-Forwarded-For is believed: addresses or CIDR blocks")
    ] = Networks()
    workers: Annotated[int, Meta(ge=1, le=1024), row("the number of processes; more than one needs PostgreSQL")] = 1
    providers: Mapping[str, ProviderSettings] = {}
    providers_dir: Annotated[Path | None, row("a folder of your own provider files, read after the built-in ones")] = (
        None
    )
    rates_dir: Annotated[Path | None, row("a folder of your own rates files, read after the built-in ones")] = None
    rates_sync: RatesSync = RatesSync()
    limits: Limits = Limits()
    sandbox: SandboxPace = SandboxPace()
    log: Log = Log()
    tracing: Tracing = Tracing()


class Settings(Options, frozen=True, kw_only=True):
    """Options that were checked, with the file they came from and what an operator should be told."""

    file: Path | None = None
    traces_to: str = ""
    warnings: tuple[str, ...] = ()


class Row(Struct, frozen=True):
    """One row of the table of settings. `name` is the path in the file; `default` as it would be written."""

    name: str
    default: str
    help: str


class NoConfig(BadConfig):
    """No configuration file was named or found, or the named one is not there."""


def find_config(named: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """Return the file that `--config` or FAREGATE_CONFIG names, else `./faregate.yaml`. Raises NoConfig."""
    told = named or (Path(environ["FAREGATE_CONFIG"]) if environ.get("FAREGATE_CONFIG") else None)
    path = cwd / (told or CONFIG_FILE)
    if path.is_file():
        return path
    if told:
        raise NoConfig(f"{told}: there is no such file; check --config or FAREGATE_CONFIG")
    raise NoConfig(
        f"no configuration: there is no ./{CONFIG_FILE}; name a file with --config or FAREGATE_CONFIG, "
        f"or begin with a copy of {shipped('config') / 'faregate.example.yaml'}"
    )


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read a file (None: no file, only defaults and the environment). Raises BadConfig with all that is wrong."""
    content = read_yaml(path) if path else None
    tree, unknown = variables(environ, Options)
    builder, merged = Builder(str(path) if path else "environment", environ), merge(content, tree)
    faults = Faults()
    with faults.gather():
        options = builder.build(Options, merged)
        _check_together(builder.file, options, tree)
        providers, strangers = _known(builder.file, options, content)
        values = {name: getattr(options, name) for name in Options.__struct_fields__}
        values |= {"public_url": options.public_url or public_url(options), "providers": providers}
        used = set(_referenced(content))
        warnings = [_ignored(name) for name in unknown if name not in used]
        traces, told = traces_to(options.tracing.endpoint, environ)
        return Settings(**values, file=path, traces_to=traces, warnings=(*warnings, *strangers, *told))
    with faults.gather():
        _check_rest(builder, merged, content, tree)
    faults.settle()
    raise BadConfig(f"{builder.file}: cannot be used")  # not reached: whatever ended the block was gathered


def _check_rest(builder: Builder, merged: object, content: object, tree: Mapping[str, Any]) -> None:
    """Look through what can be read where something cannot, so that all is told at once. Raises BadConfig."""
    if not isinstance(merged, dict):
        return
    sound = {name: value for name, value in merged.items() if _builds(builder, {name: value})}
    if "providers" not in sound and isinstance(named := merged.get("providers"), dict):
        sound["providers"] = {
            name: each for name, each in named.items() if _builds(builder, {"providers": {name: each}})
        }
    faults = Faults()
    options = builder.build(Options, sound)
    with faults.gather():
        _check_together(builder.file, options, tree, set(map(str, merged)) - set(sound))
    with faults.gather():
        _ = _known(builder.file, options, content)
    faults.settle()


def load_operator_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read only what a client of the operator API needs: the server's other variables may be missing."""
    return _load_some(path, environ, ("operator_listen", "admin_token", "database"))


def load_folder_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read only what is said of the operator's own provider and rates files: all else may be wrong."""
    return _load_some(path, environ, ("providers_dir", "rates_dir", "rates_sync"))


def _load_some(path: Path | None, environ: Mapping[str, str], needed: Sequence[str]) -> Settings:
    content = read_yaml(path) if path else None
    if isinstance(content, dict):
        content = {name: content[name] for name in needed if name in content}
    tree, _ = variables(environ, Options)
    tree = {name: value for name, value in tree.items() if name in needed}
    options = Builder(str(path) if path else "environment", environ).build(Options, merge(content, tree))
    return Settings(**{name: getattr(options, name) for name in needed}, file=path)


def public_url(options: Options) -> Origin:
    """Return where callers reach the edge when nothing else is said."""
    scheme = "https" if options.tls.cert else "http"
    return Origin(f"{scheme}://{options.base_domain}:{options.listen.port}")


def rows() -> tuple[Row, ...]:
    """Return the table of settings in the order of the file."""
    return tuple(_rows(Options, ""))


def _rows(kind: type[Struct], place: str) -> Iterator[Row]:
    for field in structs.fields(kind):
        name = f"{place}{field.name}"
        inner = mapping_of(field.type)
        if inner is not None:
            yield from _rows(inner, f"{name}.NAME.")
        elif isinstance(field.type, type):
            yield from _rows(field.type, f"{name}.")
        else:
            yield Row(name, written(field.default), help_of(field))


def _builds(builder: Builder, content: object) -> bool:
    try:
        _ = builder.build(Options, content)
    except BadConfig:
        return False
    return True


Check = Callable[[Options], None]


def _check_workers(options: Options) -> None:
    if options.workers > 1:
        raise BadConfig(f"workers is {options.workers}: SQLite serves one process; set workers to 1")


def _check_limits(options: Options) -> None:
    one, all_ = options.limits.json_held_bytes_max, options.limits.json_held_total_bytes_max
    if one > all_:
        raise BadConfig(
            f"limits.json_held_bytes_max is {one}: above json_held_total_bytes_max, {all_}; "
            "lower the one or raise the other"
        )
    one, all_ = options.limits.body_bytes_max, options.limits.body_total_bytes_max
    if one > all_:
        raise BadConfig(
            f"limits.body_bytes_max is {one}: above body_total_bytes_max, {all_}; lower the one or raise the other"
        )


def _check_tls(options: Options) -> None:
    cert, key = options.tls.cert, options.tls.key
    if cert is not None and key is not None:
        check_pair(cert, key)
    elif cert is not None or key is not None:
        missing, there = ("key", "cert") if key is None else ("cert", "key")
        raise BadConfig(f"tls.{there} is {str(cert or key)!r}: tls.{missing} is missing; set both, or neither")


def _check_listeners(options: Options) -> None:
    if options.listen == options.operator_listen and options.listen.port:
        raise BadConfig(f"operator_listen is '{options.listen}': listen has the same; give them two ports")


def _check_providers_dir(options: Options) -> None:
    if options.providers_dir:
        check_folder("providers_dir", options.providers_dir)


def _check_rates_dir(options: Options) -> None:
    if options.rates_dir:
        check_folder("rates_dir", options.rates_dir)


_CHECKS: tuple[tuple[set[str], Check], ...] = (
    ({"workers"}, _check_workers),
    ({"limits"}, _check_limits),
    ({"tls"}, _check_tls),
    ({"listen", "operator_listen"}, _check_listeners),
    ({"database"}, lambda options: check_database(options.database.path)),
    ({"providers_dir"}, _check_providers_dir),
    ({"rates_dir"}, _check_rates_dir),
)
"""What each setting allows by itself but not together, and files that must be what they should be."""


def _check_together(file: str, options: Options, tree: Mapping[str, Any], unread: Collection[str] = ()) -> None:
    """Make every check but those of settings that could not be read. Raises BadConfig.

    `tree` are the variables that took part, which a message names beside the file.
    """
    faults = Faults()
    for names, check in _CHECKS:
        if not names.intersection(unread):
            told = sorted(each for name in names for each in names_in(tree.get(name)))
            with faults.gather(f"{file}, with {', '.join(told)}: " if told else f"{file}: "):
                check(options)
    faults.settle()


def _known(file: str, options: Options, content: Any) -> tuple[dict[str, ProviderSettings], list[str]]:
    """Refuse an integration without a provider file; one that only variables name is left out, warned of."""
    if not options.providers:
        return {}, []
    known = set(_integrations(shipped("config") / "providers")) | set(_integrations(options.providers_dir))
    in_file = (content or {}).get("providers") or {}
    warnings, faults = [], Faults()
    for name in options.providers:
        if name in known:
            continue
        remedy = f"{suggestion(name, known)} (or put {name}.yaml into providers_dir)"
        if name in in_file:
            faults.add(f"{file}: providers.{name} is no integration; {remedy}")
            continue
        warnings.append(
            f"FAREGATE_PROVIDERS__{name.upper().replace('-', '_')}__... is ignored: no integration; {remedy}"
        )
    faults.settle()
    return {name: options.providers[name] for name in options.providers if name in known}, warnings


def _integrations(folder: Path | None) -> Iterator[str]:
    """Yield the names that a folder's provider files give themselves; the rest of them is checked elsewhere."""
    for path in folder.glob("*.yaml") if folder else ():
        content = read_yaml(path)
        if isinstance(content, dict):
            yield str(content.get("integration"))


def _referenced(content: Any) -> Iterator[str]:
    if isinstance(content, str) and is_reference(content):
        yield from references(content)
    elif isinstance(content, dict):
        for below in content.values():
            yield from _referenced(below)


def _ignored(name: str) -> str:
    known = [row.name.replace(".", "__").upper() for row in rows()]
    close = get_close_matches(name.removeprefix(PREFIX), known, 1)
    remedy = f"did you mean {PREFIX}{close[0]}?" if close else "unset it, or correct its name"
    return f"{name} names no setting and is ignored; {remedy}"
