"""Each dial shows what it is named for, at the moment of the scrape, and nothing before there is something to show."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from doubles.acme import HandClock, make_endpoint, make_hold, make_integration
from doubles.books import CARD

from proxy import __version__
from proxy.doors import Running
from proxy.jobs.vitals import Vitals
from proxy.ledger.hold import Hold
from proxy.metrics import Metrics
from proxy.panel import Commits, begin_at_zero, connect_calls, connect_ledger, connect_process, connect_rates
from proxy.store.doors import Held
from proxy.store.sqlite.footprint import Footprint
from proxy.web.ops import Readiness

DAY_S = 86_400


class Way:
    """To providers."""

    def __init__(self) -> None:
        self.connections: Mapping[str, int] = {}


class Waiting:
    """What waits for the ledger."""

    waiting = 3


class Carried:
    """A call, as the panel knows it."""

    interruptible = False

    def __init__(self, began: float, held: Hold | None) -> None:
        self.began, self.held = began, held


class Carrying:
    """The calls that run."""

    def __init__(self) -> None:
        self.calls: list[Carried] = []

    def __len__(self) -> int:
        return len(self.calls)

    def __iter__(self) -> Iterator[Carried]:
        return iter(self.calls)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"faregate_{name}", labels)


def test_the_process() -> None:
    metrics, readiness, way, clock = Metrics(), Readiness(), Way(), HandClock()
    checked = datetime.fromtimestamp(clock.now() / 1e6 - 3 * DAY_S, UTC).date()
    connect_process(metrics, readiness, lambda: way)
    connect_rates(metrics, lambda: CARD, lambda: checked, clock)
    (build,) = metrics.build.collect()
    assert (build.samples[0].labels["version"], build.samples[0].value) == (__version__, 1)
    assert value(metrics, "rate_card_info", version=CARD.version) == 1
    assert 3 * DAY_S <= (value(metrics, "rates_age_seconds") or 0) < 4 * DAY_S
    assert (value(metrics, "ready"), value(metrics, "draining")) == (0, 0)
    readiness.ready()
    assert (value(metrics, "ready"), value(metrics, "draining")) == (1, 0)
    readiness.draining()
    assert (value(metrics, "ready"), value(metrics, "draining")) == (0, 1)
    assert value(metrics, "upstream_connections", integration="acme") is None
    way.connections = {"acme": 4}
    assert value(metrics, "upstream_connections", integration="acme") == 4


def test_running_calls_and_what_they_hold() -> None:
    metrics, running, clock = Metrics(), Carrying(), HandClock()
    connect_calls(metrics, cast("Running", running), clock)
    names = ("running_calls", "open_holds", "held_usd", "oldest_call_seconds")
    assert [value(metrics, name) for name in names] == [0, 0, 0, 0]
    now = clock.monotonic()
    running.calls = [Carried(now - 5, make_hold(500_000_000)), Carried(now - 9, None)]
    assert [value(metrics, name) for name in names] == [2, 1, 0.5, pytest.approx(9)]
    running.calls.append(Carried(now, make_hold(1_000_000_000)))
    assert [value(metrics, name) for name in names] == [3, 2, 1.5, pytest.approx(9)]


def connected(vitals: Vitals, journal: Any = ()) -> tuple[Metrics, Commits, HandClock]:
    metrics, clock = Metrics(), HandClock()
    commits = Commits(metrics, clock)
    connect_ledger(metrics, Waiting(), journal, commits, vitals)
    return metrics, commits, clock


def test_the_ledger_shows_nothing_that_was_not_measured() -> None:
    metrics, _, _ = connected(Vitals())
    for name in ("ledger_open_holds", "ledger_held_usd", "database_free_bytes", "ledger_last_commit_timestamp_seconds"):
        assert value(metrics, name) is None
    assert value(metrics, "database_bytes", file="wal") is None


def test_the_ledger() -> None:
    vitals = Vitals()
    metrics, _, _ = connected(vitals, ["an ending", "another"])
    vitals.held, vitals.footprint = Held(2, 1_500_000_000), Footprint(free=9, database=1, wal=2, journal=3)
    assert (value(metrics, "ledger_queue_length"), value(metrics, "journal_endings")) == (3, 2)
    assert (value(metrics, "ledger_open_holds"), value(metrics, "ledger_held_usd")) == (2, 1.5)
    assert value(metrics, "database_free_bytes") == 9
    assert [value(metrics, "database_bytes", file=file) for file in ("database", "wal", "journal")] == [1, 2, 3]


def test_the_last_commit_is_the_last_that_succeeded() -> None:
    metrics, commits, clock = connected(Vitals())
    at = clock.now() / 1e6
    commits.observe(1, 0.1, False)
    clock.micros += 60_000_000
    commits.observe(1, 0.1, True)
    assert value(metrics, "ledger_last_commit_timestamp_seconds") == at
    assert value(metrics, "ledger_commit_failures_total") == 1


def test_counters_begin_at_zero_for_what_is_metered() -> None:
    metrics = Metrics()
    free = make_endpoint("/v1/models", name="models", method="GET", free=True, reader=None)
    begin_at_zero(metrics, [make_integration(make_endpoint(), free)])
    assert value(metrics, "charge_usd_total", integration="acme") == 0
    assert value(metrics, "hold_exceeded_total", integration="acme", endpoint="chat") == 0
    assert value(metrics, "hold_exceeded_total", integration="acme", endpoint="models") is None
