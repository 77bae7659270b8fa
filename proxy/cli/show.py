"""Prints: the answered document with `--json`, otherwise something for people, through rich.

Text that came from outside (names, models) is printed without control characters: it must not steer a terminal.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from proxy.cli.client import Answer
from proxy.cli.command import wants_json

Document = dict[str, Any]
_PIPE_WIDTH = 10_000


def show(answer: Answer, people: Callable[[Document], None]) -> None:
    """Print an answer as JSON if that was asked for, else let `people` print it."""
    if wants_json():
        click.echo(answer.text)
    else:
        people(answer.document)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print a table; long cells fold and are never cut. Columns named in `right` hold numbers."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold", justify="right" if column in right else "left")
    for row in rows:
        made.add_row(*(Text(plain(cell)) for cell in row))
    console.print(made)


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line."""
    shown = [(name, plain(value)) for name, value in pairs]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(f"{name:<{width}}  {value}".rstrip())


def more(document: Document, option: str, name: str = "id") -> None:
    """Say that a list goes on, and how to see the rest; `name` is the field of its rows that `option` takes."""
    if document.get("has_more"):
        click.echo(f"... more: add {option} {document['data'][-1][name]}", err=True)


def heading(text: str) -> None:
    """Print a line that names what comes below it, after an empty one."""
    click.echo(f"\n{text}")


def usd(nanos: int) -> str:
    """Write nano-USD in USD, exactly."""
    from proxy.money import format_usd

    return format_usd(nanos)


def plain(value: object) -> str:
    """Write a value for people: lists with commas, nothing as a dash, no control characters."""
    if value is None or value == "" or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(plain(each) for each in value)
    return "".join(character if character.isprintable() else "?" for character in str(value))


def moment(text: str | None) -> str:
    """Write a time to the second."""
    return f"{text[:19]}Z".replace("T", " ") if text else "-"
