"""Who is told of calls: the log, and the maker of traces if traces go anywhere."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable

from proxy import __version__
from proxy.errors import BadConfig
from proxy.loading.gen_ai import load_names
from proxy.loading.settings import Settings
from proxy.loading.shipped import shipped
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
