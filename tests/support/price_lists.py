"""Price lists made up for tests: what each says of each model, and LiteLLM's map as a file or a wheel."""

import json
import zipfile
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from proxy.pricing.card import ModelRates, Rate

MAP_FILE = "litellm/model_prices_and_context_window_backup.json"


class Said:
    """A price list that says what a test tells it: integration to model to its rates."""

    def __init__(
        self,
        title: str,
        models: Mapping[str, Mapping[str, ModelRates]],
        alike: Mapping[str, str] | None = None,
        day: date = date(2026, 11, 21),
    ) -> None:
        self.title = title
        self.day = day
        self.alike = alike or {}
        self._models = models

    def names(self, integration: str) -> Iterable[str]:
        return self._models.get(integration, {})

    def find(self, integration: str, model: str) -> ModelRates | None:
        return self._models.get(integration, {}).get(model)


def per_million(tier: str | None = None, above: int | None = None, /, **prices: str) -> tuple[Rate, ...]:
    """Return one row of prices per million."""
    return tuple(Rate(unit, usd, 1_000_000, "", tier, above) for unit, usd in prices.items())


def wheel(folder: Path, entries: Mapping[str, object], version: str = "1.2.3") -> Path:
    """Write a wheel with nothing but the price map in it."""
    path = folder / f"litellm-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(MAP_FILE, json.dumps(entries))
    return path


def map_file(folder: Path, entries: Mapping[str, object]) -> Path:
    """Write the price map alone."""
    path = folder / "prices.json"
    path.write_text(json.dumps(entries))
    return path
