"""Reads `config/gen_ai.yaml`: what our integrations and endpoints are called in OpenTelemetry's conventions."""

from pathlib import Path

from msgspec import ValidationError, convert

from proxy.errors import BadConfig
from proxy.loading.yaml import read_yaml
from proxy.watching.names import Names


def load_names(path: Path) -> Names:
    """Return the names. Raises BadConfig."""
    try:
        return convert(read_yaml(path), Names)
    except ValidationError as error:
        raise BadConfig(f"{path}: {error}") from None
