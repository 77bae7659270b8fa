"""Reads the price list of the package genai-prices, an optional extra (`pip install "faregate-proxy[rates]"`).

Its models say by rules which names are theirs, and its prices may begin on a day or hold at some hours. Here they are
those of one day; where the hours differ, the dearest.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.errors import BadConfig
from proxy.price_lists.listing import day_of, written
from proxy.price_lists.mapping import ContextLexicon
from proxy.pricing.card import ModelRates, Rate

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

_HOURS = range(24)


class GenaiPrices:
    """The list on one day, with what its names mean."""

    def __init__(
        self, title: str, day: date, providers: "Sequence[Provider]", lexicon: ContextLexicon, on: date
    ) -> None:
        self.title = title
        self.day = day
        self.alike = lexicon.alike
        self._providers = {provider.id: provider for provider in providers}
        self._lexicon = lexicon
        self._times = [datetime.combine(on, time(hour), UTC) for hour in _HOURS]

    def names(self, integration: str) -> Iterator[str]:
        """Yield each model's id, and the names that its rules spell out."""
        for provider in self._at(integration):
            for model in provider.models:
                yield from dict.fromkeys(
                    name for name in (model.id, *_spelled(model.match)) if provider.find_model(name) is model
                )

    def find(self, integration: str, model: str) -> ModelRates | None:
        """Return the prices of the model whose rules this name fits."""
        for provider in self._at(integration):
            found = provider.find_model(model)
            if found is not None:
                return ModelRates((model,), tuple(self._rates(found)), found.context_window)
        return None

    def _at(self, integration: str) -> "Iterator[Provider]":
        place = self._lexicon.integrations.get(integration)
        yield from (self._providers[name] for name in (place.providers if place else ()) if name in self._providers)

    def _rates(self, model: "ModelInfo") -> Iterator[Rate]:
        yield from self._tier(model, None, {})
        for context in self._lexicon.tiers:
            if any(_holds(variant.when, context.when) for variant in model.price_variants or ()):
                yield from self._tier(model, context.tier, context.when)

    def _tier(self, model: "ModelInfo", tier: str | None, when: Mapping[str, str]) -> Iterator[Rate]:
        """Yield a tier's prices: of all hours the dearest."""
        times = self._times if _by_hours(model) else self._times[:1]
        rates: dict[tuple[str, int | None], Rate] = {}
        for moment in times:
            for rate in self._prices(model.get_prices(moment, when), tier):
                key = (rate.unit, rate.context_above)
                if key not in rates or _dearer(rate, rates[key]):
                    rates[key] = rate
        yield from rates.values()

    def _prices(self, prices: "ModelPrice", tier: str | None) -> Iterator[Rate]:
        for meaning in self._lexicon.prices:
            price = prices.__dict__.get(meaning.key)
            if price is None:
                continue
            per, of = self._lexicon.scale(meaning)
            for above, each in _steps(price):
                yield Rate(meaning.unit, written(each, per, of), per, "", tier, above)


def load_genai_prices(lexicon: ContextLexicon, on: date) -> GenaiPrices:
    """Return the installed package's list on a UTC day. Raises BadConfig if it is not installed."""
    try:
        from genai_prices import data
    except ImportError:
        remedy = f"pip install {lexicon.package}, or faregate-proxy[rates]"
        raise BadConfig(f"{lexicon.package}: the package is not installed; {remedy}") from None
    title = f"{lexicon.package} {metadata.version(lexicon.package)}"
    return GenaiPrices(title, day_of(Path(data.__file__)), data.providers, lexicon, on)


def _spelled(match: object) -> Iterator[str]:
    """Yield the names that a rule spells out in full."""
    from genai_prices.types import ClauseEquals, ClauseOr

    if isinstance(match, ClauseEquals):
        yield match.equals
    elif isinstance(match, ClauseOr):
        for clause in match.or_:
            yield from _spelled(clause)


def _holds(when: Mapping[str, str], told: Mapping[str, str]) -> bool:
    return all(told.get(key) == value for key, value in when.items())


def _by_hours(model: "ModelInfo") -> bool:
    from genai_prices.types import TimeOfDateConstraint

    conditional = model.prices if isinstance(model.prices, list) else ()
    return any(isinstance(each.constraint, TimeOfDateConstraint) for each in conditional)


def _steps(price: "Decimal | TieredPrices") -> "Iterator[tuple[int | None, Decimal]]":
    """Yield each size of context above which a price is another, None for the smallest, with that price."""
    from genai_prices.types import TieredPrices

    if not isinstance(price, TieredPrices):
        yield None, price
        return
    yield None, price.base
    for tier in price.tiers:
        yield tier.start, tier.price


def _dearer(one: Rate, other: Rate) -> bool:
    return Decimal(one.usd) > Decimal(other.usd)  # both are written for the same `per`
