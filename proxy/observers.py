"""Who is told of calls and of spend caps: the log, the metrics, and the maker of traces if traces go anywhere."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable

from proxy import __version__
from proxy.errors import BadConfig
from proxy.ledger.cap import WARN_PERCENT, Standing
from proxy.loading.gen_ai import load_names
from proxy.loading.settings import Settings
from proxy.loading.shipped import shipped
from proxy.metrics import Metrics
from proxy.money import format_usd
from proxy.watching.lines import LINES_A_SECOND, CallLines
from proxy.watching.report import Watcher, Watchers

_log = logging.getLogger("faregate")


def watchers(settings: Settings, *others: Watcher) -> Watchers:
    """Return who is told of calls: the log as it was asked for, and others of every call."""
    if settings.log.calls == "all":
        return Watchers(every=(CallLines(most=None), *others))
    return Watchers(others, (CallLines(most=LINES_A_SECOND),) if settings.log.calls == "problems" else ())


def tracers(stack: contextlib.AsyncExitStack, settings: Settings) -> Iterable[Watcher]:
    """Return what makes traces, if they go anywhere. Raises BadConfig if they should and OpenTelemetry is missing."""
    if not settings.traces_to:
        return ()
    try:
        from proxy.watching.traces import open_traces
    except ModuleNotFoundError as error:
        lacks = f"OpenTelemetry is not installed ({error.name}); run: pip install 'faregate-proxy[otel]'"
        if settings.tracing.endpoint:
            raise BadConfig(f"tracing.endpoint is set, but {lacks}") from None
        _log.warning("OTEL_ variables ask for traces, but %s", lacks)
        return ()
    traces, close = open_traces(settings.traces_to, load_names(shipped("config") / "gen_ai.yaml"), __version__)
    stack.push_async_callback(asyncio.to_thread, close)
    return (traces,)


def warn_of_cap(metrics: Metrics, standing: Standing) -> None:
    """Tell of a spend cap of which most is spent: its tenant's calls may be refused before its window is over."""
    cap, window = standing.cap, standing.window
    metrics.caps_near.add(1, cap.place.span.value)
    _log.warning(
        "%d %% or more of the %s is spent in %s: %s of %s USD; `faregate cap set` changes it",
        WARN_PERCENT,
        cap.place,
        window.window,
        format_usd(window.spent),
        format_usd(cap.limit),
    )
