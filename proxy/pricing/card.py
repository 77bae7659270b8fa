"""The rate card: what each provider asks for one unit, by model, tier, region, size of context and date.

A card is the whole table as one value, named by the hash of its content. Finding a rate never guesses:
a unit without a rate of its own falls back along the chain that the unit registry declares, or has no price.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from fnmatch import translate
from fractions import Fraction
from functools import cached_property

from msgspec import Struct, field

from proxy.money import NANOS_PER_USD
from proxy.pricing.hours import Span, parse_hours

USD_PER_UNIT_MAX = Decimal(100_000)
"""No unit of anything costs more than this; a larger rate is a mistake in a file."""


UNTIMED = -1
"""The minute of a call whose rates do not depend on the hour."""


class Conditions(Struct, frozen=True):
    """What selects among a unit's rates: the tier and region that served, the prompt tokens, the UTC date.

    `minute` is that of the week at which the call began (`hours.py`), where a rate of its model depends on it.
    """

    tier: str | None = None
    context: int = 0
    date: str = ""
    region: str | None = None
    minute: int = UNTIMED


class Rate(Struct, frozen=True, dict=True, omit_defaults=True):
    """The price of `per` units in USD, under its qualifiers. `since` is a UTC date; an empty one is ever.

    `hours` are when it holds (`hours.py`); none is always.
    """

    unit: str
    usd: str
    per: int = 1
    since: str = ""
    tier: str | None = None
    context_above: int | None = None
    source: str = ""
    region: str | None = None
    hours: tuple[str, ...] = ()

    @cached_property
    def ratio(self) -> tuple[int, int]:
        """The price of one unit as an exact (numerator, denominator) of nano-USD."""
        nanos = Fraction(self.usd) * NANOS_PER_USD / self.per
        return nanos.numerator, nanos.denominator

    @property
    def rank(self) -> tuple[bool, bool, bool, int, str]:
        """How closely the qualifiers describe a call: of the rates that apply, the highest rank decides."""
        return self.tier is not None, self.region is not None, bool(self.hours), self.context_above or 0, self.since

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """The minutes of the week at which the rate holds, where it does not always. Raises ValueError."""
        return tuple(span for each in self.hours for span in parse_hours(each))

    def applies(self, conditions: Conditions) -> bool:
        """Tell whether every qualifier of this rate holds for a call."""
        return (
            (self.tier is None or self.tier == conditions.tier)
            and (self.context_above is None or conditions.context > self.context_above)
            and self.since <= conditions.date
            and (self.region is None or self.region == conditions.region)
            and (not self.hours or self._holds(conditions.minute))
        )

    def _holds(self, minute: int) -> bool:
        return any(begin <= minute < end for begin, end in self.spans)


class ModelRates(Struct, frozen=True, dict=True, omit_defaults=True):
    """One model's limits and rates. `match` lists exact names and globs such as `gpt-5-20??-??-??`.

    `stand_in` tells that they are of no model in particular: they bound one that has no rates of its own.
    """

    match: tuple[str, ...]
    rates: tuple[Rate, ...]
    window: int | None = None
    output_max: int | None = None
    stand_in: bool = False

    @cached_property
    def units(self) -> frozenset[str]:
        """The units that this model has a rate of its own for."""
        return frozenset(self._ranked)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of context above which some rate of the model applies, ascending."""
        return tuple(sorted({rate.context_above for rate in self.rates if rate.context_above is not None}))

    @cached_property
    def minutes(self) -> tuple[int, ...]:
        """Minutes of the week that stand for all at which some rate of the model differs; the first is any other."""
        return (UNTIMED, *sorted({begin for rate in self.rates for begin, _ in rate.spans}))

    @cached_property
    def timed(self) -> bool:
        """Whether some rate of the model depends on the hour."""
        return any(rate.hours for rate in self.rates)

    def choose(self, unit: str, conditions: Conditions) -> Rate | None:
        """Return the own rate of a unit: a tier's before the standard one, larger context, later date."""
        for rate in self._ranked.get(unit, ()):
            if rate.applies(conditions):
                return rate
        return None

    @cached_property
    def _ranked(self) -> dict[str, list[Rate]]:
        """Every unit's rates, highest rank first, so that the first that applies is the one."""
        ranked: dict[str, list[Rate]] = {}
        for rate in sorted(self.rates, key=lambda rate: rate.rank, reverse=True):
            ranked.setdefault(rate.unit, []).append(rate)
        return ranked


class Source(Struct, frozen=True):
    """Where a file says that its prices come from, and when they were last held against it (a UTC date).

    `own` tells the operator's file from one that came with Faregate; `names` are the models it prices.
    """

    integration: str
    file: str
    own: bool
    source: str
    checked: str
    names: frozenset[str] = frozenset()


GLOBBED_MAX = 1_000


class _Names(Struct, frozen=True):
    """The names of one integration's models: exact ones, and globs by their literal head, longest heads first."""

    exact: Mapping[str, ModelRates]
    globs: Mapping[str, tuple[tuple[re.Pattern[str], ModelRates], ...]]
    head_lengths: tuple[int, ...]


class RateCard(Struct, frozen=True, dict=True):
    """Every rate of every integration. `version` is the hash of what prices: all but `sources`."""

    version: str
    integrations: Mapping[str, tuple[ModelRates, ...]]
    fallbacks: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()

    def prepare(self) -> None:
        """Make ready what the first look for a model would have to wait for: thousands of names, most of a second."""
        _ = self._names

    def find(self, integration: str, model: str) -> ModelRates | None:
        """Return the rates of a model: by exact name, else by the glob with the longest literal head."""
        names = self._names.get(integration)
        if names is None:
            return None
        found = names.exact.get(model)
        if found is not None:
            return found
        found = self._globbed.get((integration, model))
        return found if found is not None else self._search(names, integration, model)

    def _search(self, names: _Names, integration: str, model: str) -> ModelRates | None:
        for length in names.head_lengths:
            for pattern, candidate in names.globs.get(model[:length], ()):
                if pattern.match(model):
                    if len(self._globbed) < GLOBBED_MAX:
                        self._globbed[integration, model] = candidate
                    return candidate
        return None

    @cached_property
    def _globbed(self) -> dict[tuple[str, str], ModelRates]:
        """Names that a glob was found for; names without rates are never kept."""
        return {}

    def source_of(self, integration: str, model: ModelRates) -> Source | None:
        """Return the source of the file that a model's entry stands in; None for a card that kept none."""
        for source in self.sources:
            if source.integration == integration and source.names.issuperset(model.match):
                return source
        return None

    def prices_as(self, other: "RateCard") -> bool:
        """Tell whether another card prices everything as this one does; where prices come from is no price."""
        return (self.version, self.integrations, self.fallbacks) == (
            other.version,
            other.integrations,
            other.fallbacks,
        )

    def rate(self, model: ModelRates, unit: str, conditions: Conditions) -> Rate | None:
        """Return the rate of one unit under these conditions, along the fallback chain; None if unpriced."""
        current: str | None = unit
        while current is not None:
            chosen = model.choose(current, conditions)
            if chosen is not None:
                return chosen
            current = self.fallbacks.get(current)
        return None

    @cached_property
    def _names(self) -> dict[str, _Names]:
        return {integration: _index(models) for integration, models in self.integrations.items()}


def is_glob(pattern: str) -> bool:
    """Tell a pattern from an exact model name."""
    return any(c in pattern for c in "*?[")


def _head(pattern: str) -> str:
    """Return the part of a glob before its first wildcard."""
    return re.split(r"[*?\[]", pattern, maxsplit=1)[0]


def _index(models: tuple[ModelRates, ...]) -> _Names:
    exact: dict[str, ModelRates] = {}
    globs: dict[str, ModelRates] = {}
    for model in models:
        for pattern in model.match:
            (globs if is_glob(pattern) else exact).setdefault(pattern, model)
    heads: dict[str, list[tuple[re.Pattern[str], ModelRates]]] = {}
    # Of equal heads the longer pattern says more; then the alphabet, so that order in a file is moot.
    for pattern in sorted(globs, key=lambda pattern: (-len(pattern), pattern)):
        heads.setdefault(_head(pattern), []).append((re.compile(translate(pattern)), globs[pattern]))
    lengths = sorted({len(head) for head in heads}, reverse=True)
    return _Names(exact, {head: tuple(found) for head, found in heads.items()}, tuple(lengths))
