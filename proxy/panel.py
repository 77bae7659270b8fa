"""Connects the dials of `proxy/metrics.py` to what they show. Each is read when Prometheus scrapes, on a thread."""

import platform
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Protocol

from proxy import __version__
from proxy.clock import MICROS_PER_SECOND, Clock
from proxy.doors import Running
from proxy.jobs.vitals import Vitals
from proxy.metrics import Metrics, usd
from proxy.pricing.card import RateCard
from proxy.providers.integration import Integration
from proxy.tally import Labels
from proxy.turns import Session
from proxy.waiting import Waiting
from proxy.web.ops import Readiness, Stage


class Upstream(Protocol):
    """The way to the providers."""

    @property
    def connections(self) -> Mapping[str, int]:
        """How many connections each integration has open."""
        ...


class Queue(Protocol):
    """What waits for the ledger."""

    @property
    def waiting(self) -> int:
        """How many operations wait."""
        ...


class Endings(Protocol):
    """The journal."""

    def __len__(self) -> int:
        """How many endings are pending."""
        ...


class Commits:
    """Is told of each batch of the ledger, and knows when one was last committed."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._last_at: int | None = None

    def observe(self, verbs: int, seconds: float, failed: bool) -> None:
        """Note one batch."""
        self._metrics.observe_commit(verbs, seconds, failed)
        if not failed:
            self._last_at = self._clock.now()

    def last(self) -> Mapping[Labels, float]:
        """Return when a batch was last committed, Unix time in seconds; nothing before the first."""
        return {} if self._last_at is None else {(): self._last_at / MICROS_PER_SECOND}


def connect_process(metrics: Metrics, readiness: Readiness, upstream: Callable[[], Upstream]) -> None:
    """Show what runs, and whether it takes traffic. `upstream` returns the way to the providers of this moment."""
    versions = (__version__, platform.python_version(), sqlite3.sqlite_version)
    metrics.build.reads(lambda: {versions: 1})
    metrics.ready.reads(lambda: readiness.stage is Stage.READY)
    metrics.draining.reads(lambda: readiness.stage is Stage.DRAINING)
    metrics.providers.reads(lambda: {(name,): open_ for name, open_ in upstream().connections.items()})


def connect_rates(metrics: Metrics, card: Callable[[], RateCard], checked: Callable[[], date], clock: Clock) -> None:
    """Show which rates are in force, and since when the oldest of them were not held against their source."""

    def age_s() -> float:
        return clock.now() / MICROS_PER_SECOND - datetime.combine(checked(), time.min, UTC).timestamp()

    metrics.rate_card.reads(lambda: {(card().version,): 1})
    metrics.rates_age.reads(age_s)


def begin_at_zero(metrics: Metrics, integrations: Iterable[Integration]) -> None:
    """Show the counters that alerts watch before they count: Prometheus sees no increase in a series that is new."""
    for integration in integrations:
        metrics.expect(integration.name, [endpoint.name for endpoint in integration.endpoints if not endpoint.free])


def connect_calls(metrics: Metrics, running: Running, clock: Clock) -> None:
    """Show what runs, and what it holds."""

    def oldest() -> float:
        began = [call.began for call in running]
        return clock.monotonic() - min(began) if began else 0.0

    metrics.running.reads(lambda: len(running))
    metrics.open_sessions.reads(lambda: sum(isinstance(one, Session) for one in running))
    metrics.oldest.reads(oldest)
    metrics.open_holds.reads(lambda: sum(call.held is not None for call in running))
    metrics.held.reads(lambda: usd(sum(call.held.wallet_nanos for call in running if call.held is not None)))


def connect_later(metrics: Metrics, waiting: Waiting, clock: Clock) -> None:
    """Show what work is waited for."""

    def open_work() -> Mapping[Labels, float]:
        return {(name,): many for name, many in Counter(each.open.work.integration for each in waiting).items()}

    def oldest() -> float:
        made = [each.open.work.created_at for each in waiting]
        return max(0.0, (clock.now() - min(made)) / MICROS_PER_SECOND) if made else 0.0

    metrics.later_open.reads(open_work)
    metrics.later_oldest.reads(oldest)
    metrics.later_overdue.reads(lambda: sum(each.open.work.deadline_at < clock.now() for each in waiting))


def connect_ledger(metrics: Metrics, store: Queue, journal: Endings, commits: Commits, vitals: Vitals) -> None:
    """Show how the ledger is, and what it takes of the disk. What was not measured yet is not shown."""

    def files() -> Mapping[Labels, float]:
        measured = vitals.footprint
        if measured is None:
            return {}
        sizes = {"database": measured.database, "wal": measured.wal, "journal": measured.journal}
        return {(name,): size for name, size in sizes.items()}

    metrics.committed_at.reads(commits.last)
    metrics.waiting.reads(lambda: store.waiting)
    metrics.journal.reads(lambda: len(journal))
    metrics.ledger_holds.reads(lambda: {} if vitals.held is None else {(): vitals.held.holds})
    metrics.ledger_held.reads(lambda: {} if vitals.held is None else {(): usd(vitals.held.nanos)})
    metrics.disk_free.reads(lambda: {} if vitals.footprint is None else {(): vitals.footprint.free})
    metrics.disk_used.reads(files)
