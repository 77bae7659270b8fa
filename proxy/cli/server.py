"""`faregate serve` and `faregate demo`: what starts a server."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.cli.command import Command, config_option
from proxy.cli.files import config_file

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


def _settings(path: Path | None) -> "Settings":
    from proxy.loading.settings import load_settings

    return load_settings(path, os.environ)
