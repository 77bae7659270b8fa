"""`faregate doctor`: what is wrong with this machine, its files and its surroundings, and what to do about it."""

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.cli.client import Answer
from proxy.cli.command import Command, Misuse, wants_json
from proxy.cli.files import config_file
from proxy.cli.show import Document, plain, show

if TYPE_CHECKING:
    from proxy.doctor.finding import Finding
    from proxy.doctor.rounds import Told

COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "bright_black"}


@click.command(cls=Command)
def doctor() -> int:
    """Look for what keeps a server, or calls, from working; exit 1 if anything does."""
    from msgspec import json

    findings = _findings()
    counts = Counter(finding.state.value for finding in findings)
    document = {
        "ok": not counts["failed"],
        "findings": findings,
        "counts": {state: counts[state] for state in COLOURS},
    }
    text = json.encode(document).decode()
    show(Answer(text, json.decode(text)), _people)
    return 0 if document["ok"] else 1


def _findings() -> "list[Finding]":
    import asyncio

    from proxy.app import SystemClock
    from proxy.doctor.finding import failed
    from proxy.doctor.rounds import diagnose
    from proxy.loading.inspect import Inspected, inspect

    missing = []
    try:
        file: Path | None = config_file()
    except Misuse as error:  # a machine can be looked at before it has a configuration
        text, _, remedy = error.message.partition("; ")
        missing, file = [failed("configuration", text, remedy)], None
    found = inspect(file, os.environ) if not missing else Inspected(None, None, ())
    with _progress() as told:
        return [*missing, *asyncio.run(diagnose(found, SystemClock(), told))]


@contextlib.contextmanager
def _progress() -> "Iterator[Told]":
    """Show on a terminal what is still being looked at; the line is gone afterwards."""
    if wants_json() or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("looking") as status:

        def told(waiting: Sequence[str]) -> None:
            status.update(f"looking at {', '.join(waiting[:3])}{' ...' if len(waiting) > 3 else ''}")

        yield told


def _people(document: Document) -> None:
    width = max(len(finding["check"]) for finding in document["findings"])
    for finding in document["findings"]:
        state = click.style(f"{finding['state']:<7}", fg=COLOURS[finding["state"]])
        click.echo(f"{state}  {finding['check']:<{width}}  {plain(finding['text'])}")
        if finding["remedy"]:
            click.echo(f"{'':<{width + 9}}  -> {plain(finding['remedy'])}")
    counts = document["counts"]
    click.echo(", ".join(f"{counts[state]} {state}" for state in COLOURS))
