"""Who is told of which calls and caps, and what is not even imported where nobody asked for it."""

import subprocess
import sys
from contextlib import AsyncExitStack
from typing import Any

import pytest
from blockbuster import BlockBuster

from proxy.errors import BadConfig
from proxy.ledger.cap import Cap, CapPlace, Span, Standing, Window
from proxy.loading.settings import Log, Settings, Tracing
from proxy.loading.values import Collector
from proxy.metrics import Metrics
from proxy.observers import tracers, warn_of_cap, watchers


@pytest.mark.parametrize(("calls", "every", "problems"), [("all", 1, 0), ("problems", 0, 1), ("none", 0, 0)])
def test_the_log_hears_of_the_calls_that_were_asked_for(calls: Any, every: int, problems: int) -> None:
    watching = watchers(Settings(log=Log(calls=calls)))
    assert (len(watching.every), len(watching.problems)) == (every, problems)


def test_traces_are_not_even_imported_where_nobody_wants_them() -> None:
    script = "import sys, proxy.app; print(*(name for name in sys.modules if name.startswith('opentelemetry')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


async def test_no_traces_are_made_if_they_go_nowhere() -> None:
    async with AsyncExitStack() as stack:
        assert tracers(stack, Settings()) == ()


async def test_traces_are_made_of_every_call(blockbuster: BlockBuster) -> None:
    blockbuster.deactivate()  # its file is read at the start, before anything is served
    async with AsyncExitStack() as stack:
        settings = Settings(traces_to="http://127.0.0.1:9/v1/traces")
        watching = watchers(settings, *tracers(stack, settings))
        assert [type(each).__name__ for each in watching.every] == ["CallTraces"]
        assert len(watching.problems) == 1


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without the extra."""
    monkeypatch.delitem(sys.modules, "proxy.watching.traces", raising=False)
    for name in [name for name in sys.modules if name.split(".")[0] == "opentelemetry"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)


@pytest.mark.usefixtures("bare")
async def test_a_missing_extra_is_refused_if_the_setting_asks_for_it(caplog: pytest.LogCaptureFixture) -> None:
    url = "http://127.0.0.1:9/v1/traces"
    async with AsyncExitStack() as stack:
        with pytest.raises(
            BadConfig, match=r"tracing\.endpoint is set, but .* run: pip install 'faregate-proxy\[otel\]'"
        ):
            tracers(stack, Settings(traces_to=url, tracing=Tracing(endpoint=Collector(url))))
        assert tracers(stack, Settings(traces_to=url)) == ()
    assert "OTEL_ variables ask for traces" in caplog.text, "they may be meant for others in the same container"


def test_a_cap_that_is_near_is_counted_and_told_without_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    cap = Cap("cap_1", CapPlace("tnt_1", Span.MONTHLY, app="bot"), 10_000_000_000, "2026-11-01", 0)
    warn_of_cap(metrics, Standing(cap, Window("cap_1", "2026-11", "tnt_1", 8_500_000_000, 7)))
    [said] = caplog.messages
    assert said.startswith("80 % or more of the monthly cap of tnt_1, app bot is spent in 2026-11: 8.5 of 10 USD; ")
    told = {span: metrics.registry.get_sample_value("faregate_cap_warnings_total", {"window": span}) for span in Span}
    assert told == {Span.DAILY: 0, Span.MONTHLY: 1}
