"""What the tests of bounds share: a small card, and the prices of one tenant."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from proxy.pricing.card import ModelRates, Rate, RateCard
from proxy.pricing.cascade import MarginTable, Slot
from proxy.pricing.formula import Prices

FALLBACKS = {
    "input_audio_tokens": "input_tokens",
    "cache_write": "input_tokens",
    "output_audio_tokens": "output_tokens",
}

MakePrices = Callable[..., Prices]


def per_million(
    unit: str, usd: str, tier: str | None = None, above: int | None = None, region: str | None = None
) -> Rate:
    return Rate(unit, usd, 1_000_000, tier=tier, context_above=above, region=region)


@pytest.fixture
def model() -> ModelRates:
    """1 USD per million of input, 4 of output; dearer above 1,000 tokens and in the tier `priority`."""
    rates = (
        per_million("input_tokens", "1"),
        per_million("input_tokens", "2", above=1000),
        per_million("input_tokens", "8", tier="priority"),
        per_million("cache_write", "1.25"),
        per_million("input_audio_tokens", "10"),
        per_million("output_tokens", "4"),
        per_million("output_tokens", "6", above=1000),
        per_million("output_audio_tokens", "40"),
        Rate("searches", "10", 1000),
    )
    return ModelRates(("small",), rates, window=10_000, output_max=500)


@pytest.fixture
def make_prices(model: ModelRates) -> MakePrices:
    """Make prices without a margin, or with these; `others` are further models of the integration."""

    def make(slots: dict[Slot, Decimal] | None = None, *others: ModelRates) -> Prices:
        card = RateCard("v1", {"maker": (model, *others)}, FALLBACKS)
        return Prices(card, MarginTable(1, slots or {(None, None, None): Decimal(0)}), "tenant", "maker")

    return make
