"""`faregate serve`, `faregate demo` and `faregate config check`: what reads the whole configuration."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.cli.client import Answer
from proxy.cli.command import Command, Group, config_option
from proxy.cli.files import config_file
from proxy.cli.show import Document, facts, show

if TYPE_CHECKING:
    from proxy.loading.settings import Settings


@click.command(cls=Command)
def serve() -> int:
    """Start the proxy and the operator API."""
    settings = _settings(config_file())
    from proxy.app import serve as run

    return run(settings)


@click.command(cls=Command)
def demo() -> int:
    """Start with a demo tenant, key and credit, on the built-in sandbox unless real keys are set.

    A configuration file is read only if --config or FAREGATE_CONFIG names one.
    """
    named = config_option() or os.environ.get("FAREGATE_CONFIG")
    settings = _settings(config_file() if named else None)
    from proxy.app import demo as run

    return run(settings)


@click.group(cls=Group)
def config() -> None:
    """The configuration file."""


@config.command()
def check() -> None:
    """Read every file that a server would read, and start nothing."""
    from msgspec import json

    from proxy.loading.providers import load_providers
    from proxy.loading.rates import load_rates
    from proxy.loading.settings import load_settings
    from proxy.loading.shipped import shipped

    settings = load_settings(config_file(), os.environ)
    known = load_providers(shipped("config") / "providers", settings.providers_dir)
    card = load_rates(shipped("rates"), settings.rates_dir)
    on = {name for name, provider in settings.providers.items() if provider.enabled}
    document = {
        "ok": True,
        "file": str(settings.file),
        "warnings": list(settings.warnings),
        "integrations": {name: name in on for name in sorted(known)},
        "rate_card": card.version,
    }
    show(Answer(json.encode(document).decode(), document), _checked)


def _settings(path: Path | None) -> "Settings":
    from proxy.loading.settings import load_settings

    return load_settings(path, os.environ)


def _checked(document: Document) -> None:
    on = [name for name, state in document["integrations"].items() if state]
    facts(
        [
            ("file", document["file"]),
            ("integrations on", on),
            ("rate card", document["rate_card"]),
            *(("warning", warning) for warning in document["warnings"]),
        ]
    )
    click.echo("the configuration is good")
