"""Our rates against an independent calculator: every model that genai-prices knows must cost the same there.

What differs is listed below with its reason; an entry that no longer differs fails, so the list cannot rot.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from genai_prices.data import providers
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices, Usage

from proxy.loading.rates import load_rates
from proxy.loading.shipped import shipped
from proxy.money import NANOS_PER_USD
from proxy.pricing.card import Conditions, ModelRates, is_glob
from proxy.pricing.cascade import MarginTable
from proxy.pricing.formula import Prices, Used, price

CARD = load_rates(shipped("rates"))
THEIRS = {
    ours: next(provider for provider in providers if provider.id == theirs)
    for ours, theirs in {"openai": "openai", "anthropic": "anthropic", "gemini": "google"}.items()
}
TIMES = (datetime(2026, 11, 21, 12, tzinfo=UTC), datetime(2027, 1, 2, 12, tzinfo=UTC))
PROMPT_TOKENS = (10_000, 150_000, 250_000, 400_000)
"""Below and above every context tier: 100k, 200k and 272k."""

TIERS: Mapping[str, Mapping[str, str]] = {
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast", "speed": "fast"},
}
THEIR_KEYS = {
    "cache_write_tokens": "cache_write_mtok",
    "cache_write_5m_tokens": "cache_write_mtok",
    "cache_write_1h_tokens": "cache_write_1h_mtok",
    "cache_read_tokens": "cache_read_mtok",
    "cache_read_audio_tokens": "cache_audio_read_mtok",
    "cache_read_image_tokens": "cache_image_read_mtok",
    "input_audio_tokens": "input_audio_mtok",
    "input_image_tokens": "input_image_mtok",
    "input_video_tokens": "input_video_mtok",
    "output_tokens": "output_mtok",
    "output_audio_tokens": "output_audio_mtok",
    "output_image_tokens": "output_image_mtok",
    "output_video_tokens": "output_video_mtok",
    "characters": "input_mchars",
    "audio_seconds": "audio_hours",
    "web_searches": "web_searches_kcount",
    "grounded_requests": "web_searches_kcount",
    "file_searches": "storage_searches_kcount",
}
ALONE = {"characters", "audio_seconds", "cache_read_audio_tokens", "cache_read_image_tokens"}
"""Units that are sampled only where both sides price them: one that they cannot count says nothing."""

DIFFERENCES: Mapping[tuple[str, str], str] = {
    (
        "anthropic",
        "claude-sonnet-4-5",
    ): "they keep the price above 200k, which ended with the 1M window on 2026-04-30",
    (
        "gemini",
        "gemini-1.5-flash-8b",
    ): "they match it with gemini-1.5-flash; their own 8b entry has our price",
    ("gemini", "gemini-1.5-flash-8b-latest"): "as gemini-1.5-flash-8b",
    ("gemini", "gemini-1.5-pro"): "they have its cache price under the name gemini-pro-1.5 only",
    ("gemini", "gemini-1.5-pro-latest"): "as gemini-1.5-pro",
    (
        "openai",
        "gpt-5.5-pro",
    ): "they have no batch and flex price above 272k, where the standard tier doubles",
    (
        "openai",
        "gpt-4o-search-preview",
    ): "each request is a search at 0.025, and cached input is half price (LiteLLM)",
    (
        "openai",
        "gpt-4o-mini-search-preview",
    ): "each request is a search at 0.025, and it has no tiers (LiteLLM)",
    ("openai", "ft:gpt-4o-2024-08-06"): "they have no cache price for it; LiteLLM has half of input",
    ("openai", "ft:gpt-4o-2024-11-20"): "as ft:gpt-4o-2024-08-06",
    ("openai", "ft:gpt-4o-mini-2024-07-18"): "they have no cache price for it; LiteLLM has half of input",
    ("openai", "gpt-4o-audio-preview"): "they price its audio tokens as text",
    ("openai", "gpt-4o-mini-audio-preview"): "they price its audio tokens as text",
}


def names() -> Iterator[tuple[str, str]]:
    """Every exact name of our files that genai-prices knows."""
    for integration in THEIRS:
        for model in CARD.integrations[integration]:
            for name in model.match:
                if not is_glob(name) and not name.startswith("models/") and THEIRS[integration].find_model(name):
                    yield integration, name


def sample(ours: ModelRates, theirs: ModelPrice, prompt: int) -> dict[str, int]:
    """A call in our disjoint units that uses whatever either side has a price for."""
    used = {}
    for unit, key in THEIR_KEYS.items():
        here, there = unit in ours.units, getattr(theirs, key) is not None
        if unit in {"web_searches", "grounded_requests", "file_searches"}:
            if here and there:
                used[unit] = 3
        elif unit == "audio_seconds":
            if here and there:
                used[unit] = 3_600  # they divide by 3,600, which is inexact for less
        elif (here and there) or ((here or there) and unit not in ALONE):
            used[unit] = 1_000
    if theirs.cache_write_mtok is not None:
        other = "cache_write_tokens" if "cache_write_5m_tokens" in ours.units else "cache_write_5m_tokens"
        used.pop(other, None)
    if theirs.input_mtok is not None:
        inputs = sum(count for unit, count in used.items() if unit.startswith(("input_", "cache_")))
        used["input_tokens"] = prompt - inputs
    return used


def their_usage(used: Mapping[str, int]) -> Usage:
    """The same call in their units, where a total contains its parts."""

    def total(*units: str) -> int:
        return sum(used.get(unit, 0) for unit in units)

    writes = total("cache_write_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
    reads = total("cache_read_tokens", "cache_read_audio_tokens", "cache_read_image_tokens")
    inputs = total("input_tokens", "input_audio_tokens", "input_image_tokens", "input_video_tokens")
    return Usage(
        input_tokens=inputs + writes + reads,
        cache_write_tokens=writes,
        cache_write_1h_tokens=total("cache_write_1h_tokens"),
        cache_read_tokens=reads,
        cache_audio_read_tokens=total("cache_read_audio_tokens"),
        cache_image_read_tokens=total("cache_read_image_tokens"),
        input_audio_tokens=total("input_audio_tokens", "cache_read_audio_tokens"),
        input_image_tokens=total("input_image_tokens", "cache_read_image_tokens"),
        input_video_tokens=total("input_video_tokens"),
        output_tokens=total("output_tokens", "output_audio_tokens", "output_image_tokens", "output_video_tokens"),
        output_audio_tokens=total("output_audio_tokens"),
        output_image_tokens=total("output_image_tokens"),
        output_video_tokens=total("output_video_tokens"),
        input_characters=total("characters"),
        audio_seconds=total("audio_seconds"),
        input_audio_seconds=total("audio_seconds"),
        web_searches=total("web_searches", "grounded_requests"),
        storage_searches=total("file_searches"),
    )


def has_tier(model: ModelInfo, context: Mapping[str, str]) -> bool:
    """Tell whether they price a tier of this model; silence is no price."""
    return any(
        all(context.get(key) == value for key, value in variant.when.items()) for variant in model.price_variants or ()
    )


def compare(integration: str, name: str) -> Iterator[str]:
    """Yield what costs something else there."""
    ours = CARD.find(integration, name)
    provider = THEIRS[integration]
    theirs = provider.find_model(name)
    assert ours is not None
    assert theirs is not None
    tiers: dict[str, Mapping[str, str]] = {"": {}} | {
        tier: context for tier, context in TIERS.items() if has_tier(theirs, context)
    }
    for time in TIMES:
        for tier, context in tiers.items():
            their_prices = theirs.get_prices(time, context)
            tiered = any(isinstance(value, TieredPrices) for value in their_prices.__dict__.values())
            tiered = tiered or any(rate.context_above for rate in ours.rates)
            for prompt in PROMPT_TOKENS if tiered else PROMPT_TOKENS[:1]:
                used = sample(ours, their_prices, prompt)
                conditions = Conditions(tier or None, prompt, time.date().isoformat())
                prices = Prices(CARD, MarginTable(), "tnt_x", integration)
                here = price(prices, [Used(name, ours, used, conditions)])
                there = theirs.calc_price(
                    their_usage(used), provider, genai_request_timestamp=time, price_context=context
                ).total_price
                if here.unpriced or here.cost_nanos != round(Fraction(there) * NANOS_PER_USD):
                    yield f"{time:%F} {tier or 'standard'} {used}: {here.cost_nanos} nanos, there {there} USD"


@pytest.mark.parametrize(("integration", "name"), list(names()))
def test_costs_the_same_there(integration: str, name: str) -> None:
    differences = list(compare(integration, name))
    if (integration, name) in DIFFERENCES:
        assert differences, "it does not differ any more; take it off the list"
    else:
        assert not differences


def test_most_models_are_compared() -> None:
    assert len(list(names())) > 200


def test_the_list_of_differences_names_models_that_are_compared() -> None:
    assert not DIFFERENCES.keys() - set(names())
