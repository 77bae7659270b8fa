"""Puts the house together: the only file that knows which database, which HTTP client, which clock.

`serve` runs until it is told to stop; `demo` is `serve` with a tenant, a key, credit and the sandbox ready to use.
"""

import asyncio
import contextlib
import errno
import gc
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import partial
from pathlib import Path
from ssl import SSLContext

import uvloop
from aiohttp import web
from msgspec import Struct, structs

from proxy.call import serve as serve_call
from proxy.calls.head import WEBSOCKET, Head
from proxy.calls.sink import Sink
from proxy.demo import welcome
from proxy.doors import Doors, Running
from proxy.errors import BadConfig
from proxy.ids import Ulids
from proxy.jobs.certificate import keep_certificate
from proxy.jobs.last_used import keep_last_used
from proxy.jobs.later import keep_looking
from proxy.jobs.rates_sync import keep_syncing
from proxy.jobs.recovery import recover
from proxy.jobs.vitals import Vitals, keep_measuring
from proxy.jobs.watch import keep_watch
from proxy.later import resume
from proxy.ledger.call import Outcome
from proxy.loading.catalogue import Catalogue, check_upstreams, load_catalogue
from proxy.loading.certificate import Certificate
from proxy.loading.credentials import own_of
from proxy.loading.providers import Provider
from proxy.loading.settings import ProviderSettings, SandboxPace, Settings, Tls
from proxy.loading.shipped import shipped
from proxy.loading.values import SANDBOX, Address, Database, Upstream
from proxy.loading.yaml import read_yaml
from proxy.logs import form_of, set_level, start_logging
from proxy.metrics import Metrics
from proxy.observers import tracers, warn_of_cap, watchers
from proxy.panel import (
    Commits,
    begin_at_zero,
    connect_calls,
    connect_later,
    connect_ledger,
    connect_process,
    connect_rates,
)
from proxy.price_lists.report import last_report
from proxy.providers.integration import Integration, Policy
from proxy.providers.route import House
from proxy.reload import Facts, Read, Reloader
from proxy.sandbox.pace import Pace
from proxy.sandbox.server import Sandbox
from proxy.sandbox.shapes import Shapes, shapes_from
from proxy.session import serve_session
from proxy.steps.invoke import Refusing
from proxy.steps.meter import HeldBytes
from proxy.store.journal import Journal, journal_path
from proxy.store.sqlite.books import SqliteBooks
from proxy.store.sqlite.footprint import footprint
from proxy.store.sqlite.store import SqliteStore
from proxy.syncing import Syncer
from proxy.tasks import Tasks
from proxy.tenants.actor import Actor
from proxy.tenants.key import SECRET_BYTES, SECRET_PREFIX
from proxy.upstream.client import HttpUpstream, Patience
from proxy.upstream.signers.shelf import Signers
from proxy.waiting import Waiting
from proxy.web.edge import edge_runner
from proxy.web.limits import EdgeLimits
from proxy.web.operator.app import operator_app
from proxy.web.operator.doors import Names, OperatorDoors
from proxy.web.ops import Readiness

PORTS = 65_536
PORTS_TRIED = 50
TASKS_GRACE_S = 5.0
GC_THRESHOLDS = (20_000, 20, 50)
"""A call makes few cycles, so collections may be rarer than Python's own (700, 10, 10)."""

SANDBOX_KEY = "sandbox-key"
SANDBOXED = ProviderSettings(upstream=Upstream(SANDBOX))

_log = logging.getLogger("faregate")


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Return wall time in microseconds since the epoch."""
        return time.time_ns() // 1000

    monotonic = staticmethod(time.monotonic)  # a call asks seven times


class SystemIds:
    """Ids from the machine's clock and randomness."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._ulids = Ulids(secrets.randbits)

    def new(self, prefix: str) -> str:
        """Return a fresh id."""
        return f"{prefix}_{self._ulids.next(self._clock.now() // 1000)}"


class InForce(Struct, frozen=True):
    """What a reload changes, as one value: a call is handed the doors of its moment, and keeps them."""

    doors: Doors
    upstream: HttpUpstream
    catalogue: Catalogue


class Opened(Struct):
    """A house that is open. `now` is what is in force; only a reload sets it."""

    now: InForce
    store: SqliteStore
    books: SqliteBooks
    journal: Journal
    sandboxes: "Sandboxes"
    clock: SystemClock
    ids: SystemIds
    readiness: Readiness
    admin_token: str

    @property
    def doors(self) -> Doors:
        """The doors of this moment."""
        return self.now.doors


def serve(settings: Settings, read: Read) -> int:
    """Serve until SIGTERM or SIGINT; at SIGHUP, `read` the settings anew. Raises BadConfig if it cannot begin."""
    return _run(settings, read, greet=False)


def demo(settings: Settings, read: Read) -> int:
    """Serve with everything ready to try: a tenant, a key, credit, and the sandbox wherever no real key is set."""
    known = tuple(path.stem for path in sorted((shipped("config") / "sandbox").glob("*.yaml")))
    return _run(demo_settings(settings, known), lambda: demo_settings(read(), known), greet=True)


def _run(settings: Settings, read: Read, *, greet: bool) -> int:
    start_logging(settings.log.level, form_of(settings.log.format, sys.stderr))
    for warning in settings.warnings:
        _log.warning("%s", warning)
    return uvloop.run(_main(settings, read, greet=greet))


async def _main(settings: Settings, read: Read, *, greet: bool) -> int:
    stop, hung_up = Stop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.ask)
    # A demo belongs to its terminal, and ends with it.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, stop.ask if greet else hung_up.set)
    certificate = await asyncio.to_thread(edge_certificate, settings.tls)
    async with open_house(settings, stop.broke) as house, contextlib.AsyncExitStack() as listeners:
        count = partial(house.doors.metrics.reloads.add, 1)
        reloader = Reloader(
            settings, house.now.catalogue, read, partial(renew, house, certificate), count, partial(note_reload, house)
        )
        syncer = Syncer(settings.file, reloader.reload, partial(house.doors.metrics.rates_syncs.add, 1))
        desk = operator_doors(house, reloader, syncer)
        operator = web.AppRunner(operator_app(desk), access_log=None, shutdown_timeout=TASKS_GRACE_S)
        at = settings.operator_listen
        operator_at = await listen(listeners, operator, at, "FAREGATE_OPERATOR_LISTEN", next_free=greet)
        await recover_all(house)
        edge = edge_runner(
            lambda head, sink: carry(head, sink, house.doors),
            edge_limits(settings),
            lambda code: house.doors.metrics.refusals.add(1, code.code),
            shutdown_timeout=TASKS_GRACE_S,
        )
        house.doors.metrics.callers.reads(lambda: len(edge.server.connections) if edge.server is not None else 0)
        tls = certificate.context if certificate else None
        edge_at = await listen(listeners, edge, settings.listen, "FAREGATE_LISTEN", next_free=greet, tls=tls)
        settle_memory()
        jobs = Tasks()
        listeners.push_async_callback(jobs.drain, 0)
        _ = jobs.start(reloader.keep_reloading(hung_up), name="reload")
        _ = jobs.start(rates_sync_job(house, reloader, syncer), name="rates sync")
        _ = jobs.start(keep_looking(lambda: house.doors), name="later")
        if certificate:
            _ = jobs.start(keep_certificate(certificate), name="certificate")
        house.readiness.ready()
        _log.info(
            "serving %s on %s; operator API and metrics on %s",
            ", ".join(house.doors.house.integrations) or "nothing",
            edge_at,
            operator_at,
        )
        if greet:
            operator_access = (operator_at, house.admin_token)
            known = house.now.catalogue.providers
            on = {name: known[name] for name in house.doors.house.integrations}
            sys.stdout.write(
                await welcome(
                    house.store,
                    house.clock,
                    house.ids,
                    make_secret,
                    on,
                    edge_at,
                    operator_access,
                )
            )
            sys.stdout.flush()
        await stop.asked.wait()
        await drain(house, 0 if stop.broken else settings.limits.shutdown_grace_s)
    return 1 if stop.broken else 0


def carry(head: Head, sink: Sink, doors: Doors) -> Awaitable[None]:
    """Serve one request of the edge: a call, or the opening of a session."""
    return (serve_session if head.method == WEBSOCKET else serve_call)(head, sink, doors)


class Stop:
    """Why the process ends: it was asked to, or its disk has failed and it must recover at its next start."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.broken = False

    def ask(self) -> None:
        """End in good order."""
        self.asked.set()

    def broke(self, why: str) -> None:
        """End at once: after a failed fsync nothing that was written can be trusted, and none may be tried again."""
        _log.critical("the ledger's disk has failed, so this process ends: %s", why)
        self.broken = True
        self.asked.set()


@contextlib.asynccontextmanager
async def open_house(settings: Settings, broke: Callable[[str], None]) -> AsyncIterator[Opened]:
    """Open everything in order, and close it in the reverse one. Raises BadConfig."""
    clock = SystemClock()
    ids = SystemIds(clock)
    catalogue = load_catalogue(settings.providers_dir, settings.rates_dir)
    check_upstreams(settings, catalogue.providers)
    await asyncio.to_thread(catalogue.card.prepare)
    metrics, readiness = Metrics(), Readiness()
    commits = Commits(metrics, clock)
    async with contextlib.AsyncExitStack() as stack:
        sandboxes = Sandboxes(stack, settings.sandbox)
        integrations = await switch_on(settings, catalogue.providers, sandboxes)
        near = partial(warn_of_cap, metrics)
        store = SqliteStore(settings.database.path, clock, observe=commits.observe, broke=broke, near=near)
        await store.open(catalogue.card)
        stack.push_async_callback(store.close)
        books = await SqliteBooks.open(settings.database.path)
        stack.push_async_callback(books.close)
        limits = settings.limits
        patience = Patience(limits.connect_timeout_s, limits.answer_timeout_s, limits.stall_timeout_s)
        upstream = await stack.enter_async_context(HttpUpstream(integrations, patience, signers=Signers(clock)))
        journal = Journal(journal_path(settings.database.path))
        tasks = Tasks()
        stack.push_async_callback(tasks.drain, TASKS_GRACE_S)
        doors = Doors(
            house=House(settings.base_domain, integrations, settings.trusted_proxies.networks),
            directory=store,
            ledger=store,
            journal=journal,
            upstream=upstream,
            clock=clock,
            ids=ids,
            tasks=tasks,
            running=Running(),
            metrics=metrics,
            refusing=Refusing(set()),
            shared=HeldBytes(limits.json_held_total_bytes_max, limits.json_held_bytes_max, limits.json_held_s_max),
            call_age_s_max=limits.call_age_s_max,
            top_up_url=f"{settings.public_url}/billing",
            watchers=watchers(settings, *tracers(stack, settings)),
            waiting=Waiting(limits.later_first_look_s),
        )
        now, token = InForce(doors, upstream, catalogue), admin_token(settings)
        house = Opened(now, store, books, journal, sandboxes, clock, ids, readiness, token)
        vitals = Vitals()
        begin_at_zero(metrics, integrations.values())
        connect_process(metrics, readiness, lambda: house.now.upstream)
        connect_rates(metrics, store.rate_card, lambda: house.now.catalogue.oldest_check, clock)
        connect_calls(metrics, doors.running, clock)
        connect_later(metrics, doors.waiting, clock)
        connect_ledger(metrics, store, journal, commits, vitals)
        jobs = Tasks()
        stack.push_async_callback(jobs.drain, 0)
        _ = jobs.start(keep_watch(doors), name="watch")
        _ = jobs.start(keep_last_used(store), name="last used")
        looks = keep_measuring(vitals, metrics.loop_lag, store.held, partial(footprint, settings.database.path))
        _ = jobs.start(looks, name="vitals")
        yield house


async def renew(house: Opened, certificate: Certificate | None, settings: Settings, catalogue: Catalogue) -> None:
    """Put providers and rates in force for calls that begin from now on; the edge's certificate is read anew.

    Raises BadConfig or LedgerUnavailable, and then what was in force still is.
    """
    await asyncio.to_thread(catalogue.card.prepare)
    integrations = await switch_on(settings, catalogue.providers, house.sandboxes)
    upstream = await house.now.upstream.renewed(integrations)
    if certificate is not None and settings.tls.cert is not None and settings.tls.key is not None:
        await asyncio.to_thread(certificate.load, settings.tls.cert, settings.tls.key)
    await house.store.use_rates(catalogue.card, house.clock.now())
    rooms = House(settings.base_domain, integrations, settings.trusted_proxies.networks)
    doors = structs.replace(house.doors, house=rooms, upstream=upstream)
    house.now = InForce(doors, upstream, catalogue)
    upstream.succeed()
    begin_at_zero(house.doors.metrics, integrations.values())
    set_level(settings.log.level)


async def switch_on(
    settings: Settings, providers: Mapping[str, Provider], sandboxes: "Sandboxes"
) -> dict[str, Integration]:
    """Return the integrations that are on, each with where its calls go: its host, the operator's, or a sandbox."""
    integrations = {}
    for name, chosen in settings.providers.items():
        if chosen.enabled:
            origin = str(chosen.upstream)
            if chosen.sandboxed:
                origin = await sandboxes.origin(name)
            policy = Policy(chosen.on_disconnect, chosen.admission, chosen.unowned_objects, chosen.models.stands_for)
            integrations[name] = providers[name].switch_on(
                chosen.api_key or SANDBOX_KEY, origin, policy, own_of(chosen)
            )
    return integrations


def shapes_of(integration: str) -> Shapes:
    """Read what the sandbox answers for an integration."""
    return shapes_from(read_yaml(shipped("config") / "sandbox" / f"{integration}.yaml"), integration)


class Sandboxes:
    """The built-in imitations of providers: each is started when it is first asked for, and runs until the end."""

    def __init__(self, stack: contextlib.AsyncExitStack, pace: SandboxPace) -> None:
        self._stack = stack
        self._pace = Pace(pace.first_token_ms, pace.tokens_per_second)
        self._origins: dict[str, str] = {}

    async def origin(self, integration: str) -> str:
        """Return where the sandbox of an integration listens."""
        if integration not in self._origins:
            sandbox = Sandbox(await asyncio.to_thread(shapes_of, integration), self._pace)
            self._origins[integration] = await sandbox.start()
            self._stack.push_async_callback(sandbox.stop)
        return self._origins[integration]


async def recover_all(house: Opened) -> None:
    """End what an earlier start left behind, before anything new is let in."""
    found = await recover(house.doors.ledger, house.journal, house.clock, house.ids, house.doors.metrics)
    if found.journalled or found.by_checkpoint or found.unseen:
        _log.warning(
            "ended calls of an earlier start: %d from the journal, %d by checkpoint, %d of which nothing was seen",
            found.journalled,
            found.by_checkpoint,
            found.unseen,
        )
    if waited_for := await resume(house.doors):
        _log.info("%d pieces of work that finish later are waited for", waited_for)


async def drain(house: Opened, grace_s: float) -> None:
    """Take no new calls, let running ones end, and after the grace stop those that are left; all are settled."""
    house.readiness.draining()
    running = house.doors.running
    running.drain()
    _log.info("stopping: %d calls are running", len(running))
    await none_left(house, grace_s)
    for call in running:
        running.interrupt(call, Outcome.STOPPED)
    await none_left(house, TASKS_GRACE_S)
    await house.doors.tasks.drain(TASKS_GRACE_S)


async def none_left(house: Opened, patience_s: float) -> None:
    """Wait until no call runs any more, at most so long."""
    deadline = house.clock.monotonic() + patience_s
    while len(house.doors.running) and (left := deadline - house.clock.monotonic()) > 0:
        await house.doors.running.one_less(left)


async def listen(
    stack: contextlib.AsyncExitStack,
    runner: web.BaseRunner,
    at: Address,
    variable: str,
    *,
    next_free: bool,
    tls: SSLContext | None = None,
) -> str:
    """Listen, and return the URL. A taken port is BadConfig naming it, or the next free one is taken."""
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    tried = PORTS_TRIED if next_free and at.port else 1
    for port in range(at.port, min(at.port + tried, PORTS)):
        site = web.TCPSite(runner, at.host, port, backlog=1024, ssl_context=tls)
        try:
            await site.start()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise BadConfig(f"cannot listen on {at.host}:{port} ({error.strerror}); set {variable}") from None
            continue
        bound = runner.addresses[-1][1]
        if port != at.port:
            _log.warning("port %d is taken, so %d is used", at.port, bound)
        return f"{'https' if tls else 'http'}://{Address(at.host, bound)}"
    raise BadConfig(f"port {at.port} of {at.host} is taken; stop what uses it, or set {variable}=HOST:PORT")


async def note_reload(house: Opened, before: Facts, after: Facts, by: Actor) -> None:
    """Write a reload into the audit log."""
    await house.store.note("server.reload", before, after, house.clock.now(), by)


def rates_sync_job(house: Opened, reloader: Reloader, syncer: Syncer) -> Coroutine[None, None, None]:
    """Return the job that syncs rates as often as the settings say; what it finds in quarantine is shown."""
    last = last_report(reloader.settings.rates_dir)
    if last is not None:
        syncer.quarantined = len(last.quarantined)
    house.doors.metrics.quarantined.reads(lambda: {} if syncer.quarantined is None else {(): syncer.quarantined})
    at = None if last is None else last.at
    return keep_syncing(syncer.on_schedule, lambda: reloader.settings.rates_sync.every_hours, house.clock, at)


def operator_doors(house: Opened, reloader: Reloader, syncer: Syncer) -> OperatorDoors:
    """Return what the operator API may reach."""
    return OperatorDoors(
        store=house.store,
        books=house.books,
        house=lambda: house.doors.house,
        clock=house.clock,
        ids=house.ids,
        make_secret=make_secret,
        admin_token=house.admin_token,
        readiness=house.readiness,
        registry=house.doors.metrics.registry,
        names=lambda: Names(frozenset(house.now.catalogue.providers), house.now.catalogue.units),
        reload=reloader.reload,
        sync=syncer.sync,
    )


def edge_limits(settings: Settings) -> EdgeLimits:
    """Return the edge's part of the limits."""
    limits = settings.limits
    return EdgeLimits(
        body_bytes_max=limits.body_bytes_max,
        body_total_bytes_max=limits.body_total_bytes_max,
        body_timeout_s=limits.body_timeout_s,
        caller_stall_s=limits.caller_stall_s,
        header_bytes_max=limits.header_bytes_max,
        head_timeout_s=limits.head_timeout_s,
    )


def settle_memory() -> None:
    """Tell the garbage collector that what start-up made stays: it need not look through rates and routes again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def edge_certificate(tls: Tls) -> Certificate | None:
    """Return the edge's certificate, if one is set. Raises BadConfig for files that are none."""
    return Certificate(tls.cert, tls.key) if tls.cert is not None and tls.key is not None else None


def make_secret() -> str:
    """Return a fresh key as its owner is shown it."""
    return SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def admin_token(settings: Settings) -> str:
    """Return the operator's token: the one that is set, else one made once and kept beside the database."""
    if settings.admin_token:
        return str(settings.admin_token)
    path = settings.database.token_file
    with contextlib.suppress(FileNotFoundError):
        if kept := path.read_text().strip():
            return kept  # an empty file is one that a crash has left before anybody could read a token in it
    token = secrets.token_urlsafe(32)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.write(token + "\n")
    return token


def demo_settings(settings: Settings, known: Iterable[str]) -> Settings:
    """Return settings with the sandbox wherever no real key is set, and a database of the demo's own."""
    real = {name: chosen for name, chosen in settings.providers.items() if chosen.enabled}
    providers = {**dict.fromkeys(known, SANDBOXED), **real}
    database = settings.database if settings.file else Database(Path("var/demo.db"))
    return structs.replace(settings, providers=providers, database=database)
