"""The settings in force, each with the place that it comes from, fit to be shown: secrets are masked."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, structs

from proxy.loading.build import written
from proxy.loading.environment import Variable, interpolate, is_reference, mapping_of, merge, references, variables
from proxy.loading.settings import Options, Settings
from proxy.loading.values import Secret
from proxy.loading.yaml import read_yaml

SHOWN_OF_SECRET = 4
SECRET_LENGTH_MIN = 16
"""A secret shorter than this would be told by its last characters."""


class Effective(Struct, frozen=True):
    """One setting. `source` is `default`, `file`, or `environment`; `names` are the variables that took part."""

    name: str
    value: str
    source: str
    names: tuple[str, ...] = ()


def effective(settings: Settings, environ: Mapping[str, str]) -> list[Effective]:
    """Return every setting in the order of the table, those of each provider that is named under its name."""
    content = read_yaml(settings.file) if settings.file else None
    tree, _ = variables(environ, Options)
    return list(_walk(Options, settings, merge(content, tree), "", environ))


def leaves(settings: Options) -> Iterator[tuple[str, object]]:
    """Yield every setting by its name in the file, each provider's under its own name. Secrets are as they are."""
    yield from _leaves(Options, settings, "")


def _leaves(kind: type[Struct], values: Any, place: str) -> Iterator[tuple[str, object]]:
    for field in structs.fields(kind):
        name, value = f"{place}{field.name}", getattr(values, field.name)
        inner = mapping_of(field.type)
        if inner is not None:
            for key, each in value.items():
                yield from _leaves(inner, each, f"{name}.{key}.")
        elif isinstance(field.type, type):
            yield from _leaves(field.type, value, f"{name}.")
        else:
            yield name, value


def masked(secret: str) -> str:
    """Return what may be shown of a secret: enough to tell one from another, too little to use it."""
    if not secret:
        return ""
    return f"...{secret[-SHOWN_OF_SECRET:]}" if len(secret) >= SECRET_LENGTH_MIN else "(hidden)"


def _walk(kind: type[Struct], values: Any, content: Any, place: str, environ: Mapping[str, str]) -> Iterator[Effective]:
    for field in structs.fields(kind):
        name, value = f"{place}{field.name}", getattr(values, field.name)
        given = content.get(field.name) if isinstance(content, dict) else None
        inner = mapping_of(field.type)
        if inner is not None:
            below = {str(key): each for key, each in given.items()} if isinstance(given, dict) else {}
            for key, each in value.items():
                yield from _walk(inner, each, below.get(key), f"{name}.{key}.", environ)
        elif isinstance(field.type, type):
            yield from _walk(field.type, value, given, f"{name}.", environ)
        else:
            shown = masked(value) if isinstance(value, Secret) else written(value)
            yield Effective(name, shown, *_source(given, environ))


def _source(given: object, environ: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Tell where a setting comes from: what is empty counts as not set, as it does when settings are read."""
    if isinstance(given, Variable):
        return "environment", (given.name,)
    if isinstance(given, str) and is_reference(given):
        return ("file" if interpolate(given, environ) else "default"), tuple(references(given))
    return ("default" if given is None or given == "" else "file"), ()
