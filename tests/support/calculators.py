"""Two independent calculators, asked what our generated calls cost: genai-prices in this process, LiteLLM in its own.

A `Pair` is a model and what was used of it, in our disjoint units; both calculators count totals that contain parts.
"""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider, Usage

from proxy.loading.shipped import shipped
from proxy.money import NANOS_PER_USD
from proxy.price_lists.mapping import ContextLexicon, SuffixLexicon, load_lexicon
from proxy.price_lists.sources import FOLDER
from proxy.pricing.card import Conditions, ModelRates, RateCard
from proxy.pricing.cascade import MarginTable
from proxy.pricing.formula import Prices, Used, price
from support.sdk import interpreter

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
GENAI_PRICES = load_lexicon(shipped("config") / FOLDER / "genai-prices.yaml", ContextLexicon)
LITELLM = load_lexicon(shipped("config") / FOLDER / "litellm.yaml", SuffixLexicon)
LITELLM_SCRIPT = Path(__file__).parents[1] / "sdk" / "scripts" / "litellm_costs.py"
PROMPTS = (900, 30_000, 150_000, 250_000, 400_000)
"""Below and above every context tier that there is: 100k, 128k, 200k, 256k and 272k."""


@dataclass(frozen=True)
class Pair:
    """A model and what a call used of it, in one tier (empty: standard)."""

    integration: str
    model: str
    tier: str
    used: Mapping[str, int]

    @property
    def prompt(self) -> int:
        """All tokens that were read."""
        return sum(count for unit, count in self.used.items() if unit.startswith(("input_", "cache_")))

    def total(self, *units: str) -> int:
        """Return how many there were of all these units."""
        return sum(self.used.get(unit, 0) for unit in units)


def our_nanos(card: RateCard, pair: Pair, rates: ModelRates) -> int | None:
    """Return what a pair costs with us, upstream; None if something has no price."""
    told = Conditions(pair.tier or None, pair.prompt, f"{NOON:%F}")
    found = price(Prices(card, MarginTable(), "tnt_x", pair.integration), [Used(pair.model, rates, pair.used, told)])
    return None if found.unpriced else found.cost_nanos


def draw(*seed: object, of: Sequence[int] | range) -> int:
    """Draw one of several numbers: the same one from the same seed."""
    digest = sha256(repr(seed).encode()).digest()
    return of[int.from_bytes(digest[:8]) % len(of)]


def generate(integration: str, model: str, tier: str, units: Iterable[str], index: int) -> Pair:
    """Make one call up that uses these units: a prompt of some size with parts of it cached, heard or seen."""
    seed = (integration, model, tier, index)
    used = {}
    for unit in sorted(units):
        if unit != "input_tokens":
            used[unit] = 1 if unit == "requests" else draw(*seed, unit, of=range(1, 1_000))
    if "input_tokens" in units:
        parts = sum(count for unit, count in used.items() if unit.startswith(("input_", "cache_")))
        used["input_tokens"] = max(1, draw(*seed, "prompt", of=PROMPTS) + draw(*seed, "more", of=range(500)) - parts)
    return Pair(integration, model, tier, used)


def provider_of(integration: str) -> Provider | None:
    """Return genai-prices' provider of an integration."""
    place = GENAI_PRICES.integrations.get(integration)
    return next((each for each in providers if place and each.id in place.providers), None)


def genai_tiers(model: ModelInfo) -> dict[str, Mapping[str, str]]:
    """Return the tiers that they price for a model, with what they are told of a call; silence is no price."""
    variants = [variant.when for variant in model.price_variants or ()]
    told = {context.tier: context.when for context in GENAI_PRICES.tiers}
    return {"": {}} | {
        tier: when
        for tier, when in told.items()
        if any(all(when.get(key) == value for key, value in variant.items()) for variant in variants)
    }


def genai_usd(pair: Pair, model: ModelInfo, provider: Provider) -> Fraction:
    """Return what genai-prices asks for a pair."""
    when = genai_tiers(model)[pair.tier]
    usage = _genai_usage(pair)
    return Fraction(model.calc_price(usage, provider, genai_request_timestamp=NOON, price_context=when).total_price)


def _genai_usage(pair: Pair) -> Usage:
    """Return a pair in their units, where a total contains its parts."""
    total = pair.total
    writes = total("cache_write_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
    reads = total("cache_read_tokens", "cache_read_audio_tokens", "cache_read_image_tokens")
    inputs = total("input_tokens", "input_audio_tokens", "input_image_tokens", "input_video_tokens")
    outputs = ("output_tokens", "output_audio_tokens", "output_image_tokens", "output_video_tokens", "reasoning_tokens")
    seconds = total("audio_seconds", "input_audio_seconds")
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
        output_tokens=total(*outputs, "citation_tokens"),
        output_audio_tokens=total("output_audio_tokens"),
        output_image_tokens=total("output_image_tokens"),
        output_video_tokens=total("output_video_tokens"),
        output_reasoning_tokens=total("reasoning_tokens"),
        output_citation_tokens=total("citation_tokens"),
        input_characters=total("characters"),
        audio_seconds=seconds,
        input_audio_seconds=seconds,
        input_document_pages=total("pages"),
        web_searches=total("web_searches", "grounded_requests"),
        storage_searches=total("file_searches"),
    )


def litellm_name(integration: str, model: str, entries: Mapping[str, Any]) -> str | None:
    """Return what a model is called in LiteLLM's map."""
    place = LITELLM.integrations.get(integration)
    for prefix in place.prefixes if place else ():
        entry = entries.get(prefix + model)
        if place and entry is not None and entry.get("litellm_provider") in place.providers:
            return prefix + model
    return None


def litellm_map() -> dict[str, Any]:
    """Return the price map of LiteLLM's environment; the test is skipped if there is none."""
    environment = interpreter("litellm").parent.parent
    (path,) = environment.glob(f"lib/python*/site-packages/{LITELLM.file}")
    found: dict[str, Any] = json.loads(path.read_bytes(), parse_float=Decimal)
    return found


def litellm_usd(asked: Sequence[tuple[str, Pair]]) -> list[float | str]:
    """Return what LiteLLM's own calculator asks for each (name there, pair); what it says where it cannot."""
    questions = [{"model": name, "tier": pair.tier, "used": dict(pair.used)} for name, pair in asked]
    done = subprocess.run(
        [str(interpreter("litellm")), "-W", "ignore", str(LITELLM_SCRIPT)],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        timeout=110,
        env={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers: list[float | str] = json.loads(done.stdout.splitlines()[-1])
    return answers


def nanos(usd: Fraction | float) -> int:
    """Return an amount in nano-USD."""
    return round(Fraction(usd) * NANOS_PER_USD)


def agrees(pair: Pair, here: int | None, there: object) -> bool:
    """Tell whether both ask the same.

    A float's last digits, and those of a price that LiteLLM writes for a second with four digits, are no difference.
    """
    if here is None or not isinstance(there, int):
        return False
    return abs(here - there) <= max(2, here // (3_000 if pair.total("audio_seconds") else 1_000_000))
