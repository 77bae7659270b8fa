"""Our prices against two independent calculators, over ten thousand calls made up: what differs is explained, or fails.

The explanations are `config/price_lists/differences.yaml`, which `faregate rates sync` reads too. One that explains
nothing any more fails as well, so that the list cannot rot.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeVar

import pytest
from support.calculators import (
    GENAI_PRICES,
    LITELLM,
    NOON,
    Pair,
    agrees,
    genai_tiers,
    genai_usd,
    generate,
    litellm_map,
    litellm_name,
    litellm_usd,
    nanos,
    our_nanos,
    provider_of,
)

from proxy.loading.rates import load_rates
from proxy.loading.shipped import shipped
from proxy.price_lists.differences import Difference, load_differences
from proxy.price_lists.genai_prices import load_genai_prices
from proxy.price_lists.litellm import LiteLLMPrices
from proxy.price_lists.mapping import Lexicon
from proxy.price_lists.sources import FOLDER
from proxy.pricing.card import ModelRates, is_glob

CARD = load_rates(shipped("rates"))
DIFFERENCES = load_differences(shipped("config") / FOLDER / "differences.yaml")
PAIRS = 5_000
"""Of each calculator at least, so ten thousand of both."""

Slot = TypeVar("Slot")

ALONE = ("audio_seconds", "characters")
"""Units that LiteLLM prices only by themselves."""

NOT_COUNTED = frozenset(
    {
        "cache_read_audio_tokens",
        "cache_read_image_tokens",
        "cache_write_12h_tokens",
        "citation_tokens",
        "image_gen_input_tokens",
        "image_gen_output_tokens",
        "input_video_tokens",
        "output_video_tokens",
    }
)
"""What LiteLLM's map has a price for and its calculator, asked for the cost of tokens, no way to be told."""


def names() -> Iterator[tuple[str, str, ModelRates]]:
    """Yield every model that we price by an exact name; `models/NAME` is another way to write NAME."""
    for integration, entries in CARD.integrations.items():
        for model in entries:
            for name in model.match:
                if not is_glob(name) and not name.startswith("models/"):
                    yield integration, name, model


def shared(ours: Collection[str], theirs: ModelRates | None, tier: str, lexicon: Lexicon) -> set[str]:
    """Return our units that a list has a price for in a tier, under that name or one that it is alike to."""
    there = {rate.unit for rate in theirs.rates if (rate.tier or "") in ("", tier)} if theirs else set()
    return {unit for unit in ours if unit in there or lexicon.alike.get(unit) in there}


def spread(slots: Sequence[Slot]) -> Iterator[tuple[Slot, int]]:
    """Yield each model and tier, numbered, again and again until it comes to enough pairs."""
    for number in range(max(PAIRS, len(slots))):
        yield slots[number % len(slots)], number // len(slots)


class Verdict:
    """What was compared, what differs without a reason, and which reasons were needed."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.pairs = 0
        self.unexplained: dict[tuple[str, str, str], str] = {}
        self.needed: set[Difference] = set()

    def note(self, pair: Pair, here: int | None, there: object) -> None:
        """Note one comparison: what we ask in nano-USD, and what they do, or say."""
        self.pairs += 1
        if agrees(pair, here, there):
            return
        where = (pair.integration, pair.model, pair.tier)
        known = [each for each in DIFFERENCES if each.explains(self.package, *where)]
        self.needed.update(known)
        if not known:
            self.unexplained.setdefault(where, f"{dict(pair.used)}: {here} nanos, there {there}")

    def settle(self) -> None:
        """Fail for what is not explained, or explained for nothing."""
        told = "\n".join(f"{' '.join(where)} {said}" for where, said in sorted(self.unexplained.items()))
        assert not told, f"correct the rate, or explain it in differences.yaml:\n{told}"
        idle = [
            each
            for each in DIFFERENCES
            if each.list == self.package
            and each not in self.needed
            and not each.fixed_in
            and each.integration in CARD.integrations
        ]
        assert not idle, f"it does not differ any more; take it out of differences.yaml: {idle}"
        assert self.pairs >= PAIRS


def test_genai_prices_asks_the_same() -> None:
    prices = load_genai_prices(GENAI_PRICES, NOON.date())
    slots: list[tuple[str, str, ModelRates, str, set[str], Callable[[Pair], object]]] = []
    for integration, name, model in names():
        provider = provider_of(integration)
        theirs = provider.find_model(name) if provider else None
        for tier in genai_tiers(theirs) if theirs else ():
            units = shared(model.units, prices.find(integration, name), tier, GENAI_PRICES)
            if provider and theirs and units:
                asks = lambda pair, m=theirs, p=provider: nanos(genai_usd(pair, m, p))  # noqa: E731  # bound here
                slots.append((integration, name, model, tier, units, asks))
    verdict = Verdict("genai-prices")
    for (integration, name, model, tier, units, asks), index in spread(slots):
        pair = generate(integration, name, tier, units, index)
        verdict.note(pair, our_nanos(CARD, pair, model), asks(pair))
    verdict.settle()


@pytest.mark.sdk
def test_litellm_asks_the_same() -> None:
    entries = litellm_map()
    prices = LiteLLMPrices("litellm", NOON.date(), entries, LITELLM)
    slots: list[tuple[str, str, str, ModelRates, str, set[str]]] = []
    for integration, name, model in names():
        there = litellm_name(integration, name, entries)
        if there and "off_peak_pricing" in entries[there]:
            continue  # its calculator reads the clock on the wall
        theirs = prices.find(integration, name)
        tiers = {rate.tier or "" for rate in theirs.rates} & {"", "flex", "priority"} if there and theirs else set()
        for tier in sorted(tiers):
            units = shared(model.units, theirs, tier, LITELLM)
            tokens = {unit for unit in units if unit.endswith("tokens")} - NOT_COUNTED
            used = tokens or {unit for unit in ALONE if unit in units}
            if there and used:
                slots.append((integration, name, there, model, tier, used))
    asked = [
        (there, generate(integration, name, tier, used, index), model)
        for (integration, name, there, model, tier, used), index in spread(slots)
    ]
    verdict = Verdict("litellm")
    answers = litellm_usd([(there, pair) for there, pair, _ in asked])
    for (_, pair, model), answer in zip(asked, answers, strict=True):
        verdict.note(pair, our_nanos(CARD, pair, model), answer if isinstance(answer, str) else nanos(answer))
    verdict.settle()
