"""Finds the configuration file for a command."""

import os
from pathlib import Path

from proxy.cli.command import Misuse, config_option


def config_file(otherwise: str = "") -> Path:
    """Return the file of `--config`, FAREGATE_CONFIG or the working directory; none is a usage error, exit 2.

    `otherwise` ends the message where a file is not the only way.
    """
    from proxy.loading.settings import NoConfig, find_config

    try:
        return find_config(config_option(), os.environ, Path.cwd())
    except NoConfig as error:
        raise Misuse(f"{error}{otherwise}", code="no_config") from None
