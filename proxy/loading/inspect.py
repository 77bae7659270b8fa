"""Reads everything that a server would read, starts nothing, and tells all that is wrong."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from proxy.errors import BadConfig
from proxy.loading.catalogue import Catalogue, check_upstreams, load_catalogue
from proxy.loading.faults import Faults
from proxy.loading.settings import Settings, load_folder_settings, load_settings


class Inspected(Struct, frozen=True):
    """What was read: `settings` and `catalogue` are None where they could not be. `problems` are whole lines."""

    settings: Settings | None
    catalogue: Catalogue | None
    problems: tuple[str, ...]


def inspect(path: Path | None, environ: Mapping[str, str]) -> Inspected:
    """Read a configuration file (None: only the environment) and all files that it leads to."""
    settings: Settings | None = None
    catalogue: Catalogue | None = None
    faults = Faults()
    with faults.gather():
        settings = load_settings(path, environ)
    with faults.gather():
        folders = load_folder_settings(path, environ) if settings is None else settings
        providers_dir, rates_dir = (
            folder if folder and folder.is_dir() else None for folder in (folders.providers_dir, folders.rates_dir)
        )  # a folder that is not there was told of by the settings
        catalogue = load_catalogue(providers_dir, rates_dir)
    if settings is not None and catalogue is not None:
        with faults.gather():
            check_upstreams(settings, catalogue.providers)
    try:
        faults.settle()
    except BadConfig as bad:
        return Inspected(settings, catalogue, bad.problems)
    return Inspected(settings, catalogue, ())
