"""Finds the data folders that come with Faregate: inside the wheel, or beside the package in a checkout."""

from pathlib import Path

from proxy.errors import BadConfig

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(folder: str) -> Path:
    """Return the installed `rates` or `config` folder. Raises BadConfig if the installation is broken."""
    for root in (_PACKAGE / "_shipped", _PACKAGE.parent):
        if (root / folder).is_dir():
            return root / folder
    raise BadConfig(f"{_PACKAGE}: the folder {folder!r} is missing from this installation; install Faregate again")
