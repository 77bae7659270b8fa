"""What the rates that ship promise: limits, tiers, names, prices that anyone can look up, and where they come from."""

import re
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
import pytest

from proxy.loading.rates import load_rates
from proxy.loading.shipped import shipped
from proxy.loading.yaml import read_yaml
from proxy.pricing.card import Conditions, ModelRates, RateCard, is_glob


def found(card: RateCard, name: str, integration: str = "p") -> ModelRates:
    model = card.find(integration, name)
    assert model is not None
    return model


class TestBuiltIn:
    """What the files in `rates/` promise. Their prices are compared in test_rates_against_genai_prices.py."""

    CARD = load_rates(shipped("rates"))
    NOW = date(2026, 11, 21).isoformat()

    def usd(self, integration: str, name: str, unit: str, conditions: Conditions) -> str:
        rate = self.CARD.rate(found(self.CARD, name, integration), unit, conditions)
        assert rate is not None
        return f"{rate.usd}/{rate.per}"

    def test_the_first_three_providers_are_there(self) -> None:
        assert set(self.CARD.integrations) >= {"openai", "anthropic", "gemini"}

    def test_survives_json(self) -> None:
        assert msgspec.json.decode(msgspec.json.encode(self.CARD), type=RateCard) == self.CARD

    @pytest.mark.parametrize("integration", ["openai", "anthropic", "gemini"])
    def test_no_glob_catches_another_models_name(self, integration: str) -> None:
        """An exact name would win, but a glob that covers it would also cover its unlisted siblings."""
        models = self.CARD.integrations[integration]
        names = {name: model for model in models for name in model.match if not is_glob(name)}
        for model in models:
            for pattern in filter(is_glob, model.match):
                caught = [name for name, owner in names.items() if fnmatchcase(name, pattern) and owner is not model]
                assert not caught, pattern

    @pytest.mark.parametrize("integration", ["openai", "anthropic", "gemini"])
    def test_token_priced_text_models_state_their_limits(self, integration: str) -> None:
        """They bound the holds. Media models have none that is published."""
        media = ("image", "tts", "transcribe", "live", "embedding", "moderation", "realtime-translate")
        for model in self.CARD.integrations[integration]:
            if {"input_tokens", "output_tokens"} <= model.units and not any(word in model.match[0] for word in media):
                assert model.window, model.match
                assert model.output_max, model.match
                assert model.output_max <= model.window, model.match

    def test_a_tier_prices_every_kind_of_a_unit(self) -> None:
        """A unit with a standard rate of its own hides the tier's rate of the unit that it would fall back to."""
        hidden = set()
        for models in self.CARD.integrations.values():
            for model in models:
                tiers = {unit: {rate.tier for rate in model.rates if rate.unit == unit} for unit in model.units}
                for unit in model.units & self.CARD.fallbacks.keys():
                    kin = self.CARD.fallbacks[unit]
                    hidden |= {(unit, tier, model.match[0]) for tier in tiers.get(kin, set()) - tiers[unit]}
        published_so = {entry for entry in hidden if entry[:2] == ("cache_read_tokens", "batch")}
        assert hidden - published_so == {
            ("output_image_tokens", tier, model)
            for tier in ("flex", "priority")
            for model in ("gemini-2.5-flash-image", "gemini-3-pro-image")
        }

    @pytest.mark.parametrize(
        ("integration", "name", "same_as"),
        [
            ("openai", "gpt-5-2025-08-07", "gpt-5"),
            ("openai", "gpt-5.6", "gpt-5.6-sol"),
            ("openai", "gpt-6.1-sol-2027-01-01", "gpt-6.1-sol"),
            ("openai", "gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
            ("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc123", "ft:gpt-4o-mini-2024-07-18"),
            ("openai", "gpt-realtime-2025-08-28", "gpt-realtime"),
            ("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
            ("anthropic", "claude-sonnet-4-20250514", "claude-sonnet-4-0"),
            ("anthropic", "claude-opus-4-20250514", "claude-opus-4-0"),
            ("anthropic", "claude-3-5-haiku-20241022", "claude-3-5-haiku-latest"),
            ("gemini", "models/gemini-2.5-flash", "gemini-2.5-flash"),
            ("gemini", "gemini-2.5-pro-preview-05-06", "gemini-2.5-pro"),
            ("gemini", "gemini-2.5-flash-native-audio-preview-09-2025", "gemini-2.5-flash-native-audio-latest"),
        ],
    )
    def test_dated_names_and_aliases(self, integration: str, name: str, same_as: str) -> None:
        assert found(self.CARD, name, integration) is found(self.CARD, same_as, integration)

    @pytest.mark.parametrize(
        ("integration", "name"),
        [
            ("openai", "gpt-5-2025-08-07-pro"),
            ("openai", "gpt-7"),
            ("openai", "ft:gpt-9:acme"),
            ("anthropic", "claude-opus-6"),
            ("anthropic", "claude-opus-4-9-20270101"),
            ("gemini", "gemini-3.8-flash-preview-tts"),
            ("gemini", "gemini-3.8-flash-ultra"),
            ("gemini", "gemma-3-900b-it"),
        ],
    )
    def test_a_model_that_nobody_knows_has_no_price(self, integration: str, name: str) -> None:
        assert self.CARD.find(integration, name) is None

    @pytest.mark.parametrize(
        ("call", "price"),
        [
            (("openai", "gpt-5.6-luna", "input_tokens", Conditions(date="2026-07-29")), "1/1000000"),
            (("openai", "gpt-5.6-luna", "input_tokens", Conditions(date="2026-07-30")), "0.2/1000000"),
            (("openai", "gpt-6-astra", "cache_write_12h_tokens", Conditions("fast", 272_001, NOW)), "100/1000000"),
            (("openai", "gpt-6-astra", "output_tokens", Conditions("ultrafast", 272_000, NOW)), "300/1000000"),
            (("openai", "gpt-4.1", "cache_read_tokens", Conditions("batch", 1, NOW)), "0.5/1000000"),
            (("openai", "gpt-5", "web_searches", Conditions("flex", 1, NOW)), "10/1000"),
            (("openai", "gpt-5", "code_interpreter_sessions", Conditions(None, 1, NOW)), "0.03/1"),
            (("openai", "whisper-1", "audio_seconds", Conditions(None, 0, NOW)), "0.006/60"),
            (("openai", "tts-1-hd", "characters", Conditions(None, 0, NOW)), "30/1000000"),
            (("anthropic", "claude-opus-4-8", "cache_write_1h_tokens", Conditions("fast", 1, NOW)), "20/1000000"),
            (("anthropic", "claude-opus-4-8", "output_tokens", Conditions("fast", 1, NOW, "us")), "55/1000000"),
            (("anthropic", "claude-haiku-5-5", "input_tokens", Conditions(None, 100_001, NOW)), "0.5/1000000"),
            (("anthropic", "claude-sonnet-4-5", "input_tokens", Conditions(None, 1, NOW, "us")), "3/1000000"),
            (("anthropic", "claude-opus-5-5", "web_searches", Conditions("fast", 1, NOW, "us")), "10/1000"),
            (("gemini", "gemini-4-argon", "output_tokens", Conditions("priority", 1, "2026-11-30")), "18/1000000"),
            (("gemini", "gemini-4-argon", "output_tokens", Conditions("priority", 1, "2026-12-01")), "36/1000000"),
            (("gemini", "gemini-2.5-flash", "cache_read_audio_tokens", Conditions(None, 1, NOW)), "0.1/1000000"),
            (("gemini", "gemini-2.5-flash", "cache_read_video_tokens", Conditions(None, 1, NOW)), "0.03/1000000"),
            (("gemini", "gemini-2.5-flash", "grounded_requests", Conditions(None, 1, NOW)), "35/1000"),
            (("gemini", "gemini-3-flash-preview", "web_searches", Conditions(None, 1, NOW)), "14/1000"),
            (("gemini", "gemini-2.5-pro", "cache_storage_token_hours", Conditions(None, 1, NOW)), "4.5/1000000"),
        ],
    )
    def test_prices_that_anyone_can_look_up(self, call: tuple[str, str, str, Conditions], price: str) -> None:
        assert self.usd(*call) == price

    @pytest.mark.parametrize("path", sorted(shipped("rates").glob("*.yaml")), ids=lambda path: path.name)
    def test_every_file_says_where_it_comes_from(self, path: Path) -> None:
        content = read_yaml(path)
        if path.name == "units.yaml":
            assert all(unit["meaning"] for unit in content["units"].values())
        else:
            assert re.search(r"https://\S|\d+\.\d+\.\d+", content["source"]), "a page, or a package and its version"
            assert content["checked"] >= date(2026, 11, 21)
            assert path.stem == content["integration"]
