"""Holds a rate card against price lists: a finding for each price of each model, and models that are new. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct, structs

from proxy.price_lists.judge import QUARANTINED, Limits, Verdict, judge
from proxy.price_lists.listing import PriceList
from proxy.price_lists.merge import Key, key_of, value_of
from proxy.pricing.card import Conditions, ModelRates, Rate, RateCard, is_glob


class Finding(Struct, frozen=True):
    """What was found of one price of models that it is found of alike.

    `ours` is the rate that holds today, of this very price or, where `own` is false, what we use in its place; `quotes`
    is what each list says, by its title. Without `ours` the models are new.
    """

    integration: str
    models: tuple[str, ...]
    key: Key
    verdict: Verdict
    ours: Rate | None
    own: bool
    quotes: Mapping[str, Rate]

    @property
    def rate(self) -> Rate:
        """What becomes ours if it is accepted: the price of the first list that has one."""
        return next(iter(self.quotes.values()))


class NewModel(Struct, frozen=True):
    """Models that we have no rates for, and that every list prices alike."""

    integration: str
    models: tuple[str, ...]
    rates: tuple[Rate, ...]
    window: int | None
    output_max: int | None


class Comparison(Struct, frozen=True):
    """All that was found: `findings` of models that have rates, `new` models, `doubtful` prices of new ones."""

    findings: tuple[Finding, ...]
    new: tuple[NewModel, ...]
    doubtful: tuple[Finding, ...] = ()

    @property
    def accepted(self) -> tuple[Finding, ...]:
        """Prices that become ours."""
        return tuple(each for each in self.findings if each.verdict is Verdict.ACCEPTED)

    @property
    def quarantined(self) -> tuple[Finding, ...]:
        """Prices that a person should look at."""
        return tuple(each for each in (*self.findings, *self.doubtful) if each.verdict in QUARANTINED)


def compare(
    card: RateCard, integrations: Sequence[str], lists: Sequence[PriceList], limits: Limits, today: str
) -> Comparison:
    """Hold the rates of these integrations that are in force on a UTC date against all lists."""
    desk = _Desk(card, lists, limits, today)
    findings = [each for name in integrations for model in card.integrations[name] for each in desk.model(name, model)]
    new: list[NewModel] = []
    doubtful: list[Finding] = []
    for name in integrations:
        for model in desk.strangers(name):
            found = list(desk.new(name, model))
            doubtful.extend(each for each in found if each.verdict in QUARANTINED)
            rates = tuple(each.rate for each in found if each.verdict is Verdict.ACCEPTED)
            if rates and not any(each.verdict in QUARANTINED for each in found):
                new.append(NewModel(name, (model,), rates, *desk.limits_of(name, model)))
    return Comparison(tuple(findings), tuple(_joined(new)), tuple(doubtful))


class _Desk(Struct, frozen=True):
    """What everything is held against."""

    card: RateCard
    lists: Sequence[PriceList]
    limits: Limits
    today: str

    def model(self, integration: str, model: ModelRates) -> Iterator[Finding]:
        """Yield what is found of an entry, for the names that it is found of.

        Names that no list knows, and patterns, go where all others go; if those part, they stay as they are.
        """
        mine = _in_force(model, self.today)
        if not mine:
            return
        judged: dict[str, list[Finding]] = {}
        for name in model.match:
            tables = [] if is_glob(name) else self.tables(integration, name, model.units)
            if any(tables):
                judged[name] = list(self.prices(integration, model, mine, tables))
        alike: dict[str, list[str]] = {}
        for name, findings in judged.items():
            alike.setdefault(repr(findings), []).append(name)
        for names in alike.values():
            models = model.match if len(alike) == 1 else tuple(names)
            yield from (structs.replace(each, models=models) for each in judged[names[0]])

    def tables(self, integration: str, name: str, units: Collection[str]) -> list[dict[Key, Rate]]:
        """Return each list's prices of a model by our units; none of a model that it does not know."""
        found = [(each, each.find(integration, name)) for each in self.lists]
        return [_translated(model, each.alike, units) if model else {} for each, model in found]

    def prices(
        self, integration: str, model: ModelRates, mine: Mapping[Key, Rate], tables: Sequence[Mapping[Key, Rate]]
    ) -> Iterator[Finding]:
        """Yield a finding for each price that we have or that a list has; which models it is of comes later."""
        for key in dict.fromkeys((*mine, *(key for table in tables for key in table))):
            unit, tier, above = key
            ours = mine.get(key) or self.card.rate(model, unit, Conditions(tier or None, above + 1, self.today))
            yield self.finding(integration, key, ours, tables, own=key in mine)

    def finding(
        self, integration: str, key: Key, ours: Rate | None, tables: Sequence[Mapping[Key, Rate]], *, own: bool
    ) -> Finding:
        """Judge one price."""
        quotes = [table.get(key) for table in tables]
        verdict = judge(None if ours is None else value_of(ours), quotes, self.limits, own=own)
        said = {each.title: quote for each, quote in zip(self.lists, quotes, strict=True) if quote is not None}
        return Finding(integration, (), key, verdict, ours, own, said)

    def strangers(self, integration: str) -> list[str]:
        """Return the models that every list names and we have no rates for."""
        named = [set(each.names(integration)) for each in self.lists]
        return sorted(name for name in set.intersection(*named) if self.card.find(integration, name) is None)

    def new(self, integration: str, name: str) -> Iterator[Finding]:
        """Yield a finding for each price of a model that we do not have."""
        tables = self.tables(integration, name, ())
        for key in dict.fromkeys(key for table in tables for key in table):
            each = self.finding(integration, key, None, tables, own=False)
            yield structs.replace(each, models=(name,))

    def limits_of(self, integration: str, name: str) -> tuple[int | None, int | None]:
        """Return the larger of what the lists say of a model's window, and of its longest output."""
        found = [model for each in self.lists if (model := each.find(integration, name)) is not None]
        window = max((model.window or 0 for model in found), default=0)
        output_max = max((model.output_max or 0 for model in found), default=0)
        return window or None, output_max or None


def _in_force(model: ModelRates, today: str) -> dict[Key, Rate]:
    """Return the rates of a day, of no region and no hour: no list knows hours, and what regions ask follows."""
    rates = [rate for rate in model.rates if rate.region is None and not rate.hours and rate.since <= today]
    return {key_of(rate): rate for rate in sorted(rates, key=lambda rate: rate.since)}


def _translated(model: ModelRates, alike: Mapping[str, str], units: Collection[str]) -> dict[Key, Rate]:
    """Return a list's prices by our units: what we tell apart has the price under which the list has both."""
    table = {key_of(rate): rate for rate in model.rates}
    split = {unit: alike[unit] for unit in units if unit in alike}
    whole = set(split.values()) - set(units)
    finer = {
        (unit, tier, above): rate for unit, as_ in split.items() for (u, tier, above), rate in table.items() if u == as_
    }
    return finer | {key: rate for key, rate in table.items() if key[0] not in whole}


def _joined(new: Sequence[NewModel]) -> Iterator[NewModel]:
    """Join new models that cost the same."""
    alike: dict[str, list[NewModel]] = {}
    for each in new:
        alike.setdefault(repr(structs.replace(each, models=())), []).append(each)
    for same in alike.values():
        yield structs.replace(same[0], models=tuple(name for each in same for name in each.models))
