"""`--since` and `--until`: the span of time that lists and reports are about."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def span(command: F) -> F:
    """Give a command `since` and `until`. The server reads them, so that both sides mean the same."""
    until = click.option("--until", metavar="D", help="Before then.")
    since = click.option("--since", metavar="D", help="From then on: a date, a time, today, yesterday, 36h, 7d.")
    return since(until(command))
