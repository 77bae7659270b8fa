"""The rate card in force."""

from collections.abc import Iterable

from msgspec import Struct

from proxy.pricing.card import ModelRates, Rate


class ModelRatesDocument(Struct, frozen=True, kw_only=True):
    """One model's limits and rates, in the order of the rates file."""

    integration: str
    match: tuple[str, ...]
    window: int | None
    output_max: int | None
    rates: tuple[Rate, ...]


class RateCardDocument(Struct, frozen=True):
    """The rate card in force, or the part of it that was asked for."""

    version: str
    data: list[ModelRatesDocument]


def rates_documents(integration: str, models: Iterable[ModelRates]) -> list[ModelRatesDocument]:
    """Show an integration's models."""
    return [
        ModelRatesDocument(
            integration=integration,
            match=model.match,
            window=model.window,
            output_max=model.output_max,
            rates=model.rates,
        )
        for model in models
    ]
