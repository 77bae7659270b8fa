"""`faregate serve`, `faregate demo` and `faregate reload`: what starts a server, and has it read its files anew."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.cli.client import operator
from proxy.cli.command import Command, config_option
from proxy.cli.files import config_file
from proxy.cli.show import Document, facts, show

if TYPE_CHECKING:
    from proxy.loading.settings import Settings


@click.command(cls=Command)
def serve() -> int:
    """Start the proxy and the operator API."""
    file = config_file()
    settings = _settings(file)
    from proxy.app import serve as run

    return run(settings, lambda: _settings(file))


@click.command(cls=Command)
def demo() -> int:
    """Start with a demo tenant, key and credit, on the built-in sandbox unless real keys are set.

    A configuration file is read only if --config or FAREGATE_CONFIG names one.
    """
    named = config_option() or os.environ.get("FAREGATE_CONFIG")
    file = config_file() if named else None
    settings = _settings(file)
    from proxy.app import demo as run

    return run(settings, lambda: _settings(file))


@click.command(cls=Command)
def reload() -> None:
    """Have the running server read its files anew, for calls that begin from now on."""
    show(operator().post("/reload"), _reloaded)


def _reloaded(document: Document) -> None:
    before, now = document["previous_rate_card"], document["rate_card"]
    facts(
        [
            ("rate card", now if now == before else f"{now} (was {before})"),
            ("new rates of", document["rates_changed"]),
            ("new provider files", document["providers_changed"]),
            ("changed settings", document["settings_changed"]),
            ("integrations on", document["integrations"]),
            *(("warning", warning) for warning in document["warnings"]),
        ]
    )
    if document["needs_restart"]:
        click.echo(f"in force only after a restart: {', '.join(document['needs_restart'])}")


def _settings(path: Path | None) -> "Settings":
    from proxy.loading.settings import load_settings

    return load_settings(path, os.environ)
