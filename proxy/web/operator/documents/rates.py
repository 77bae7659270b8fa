"""The rate card in force: its models, and one model with what a tenant pays."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction

from msgspec import Struct

from proxy.price_lists.report import Report
from proxy.pricing.card import ModelRates, Rate, RateCard, Source
from proxy.pricing.cascade import Margin
from proxy.pricing.formula import Prices
from proxy.web.operator.documents.exact import exact
from proxy.web.operator.documents.reload import ReloadDocument


class SourceDocument(Struct, frozen=True, kw_only=True):
    """Where prices come from. `owner` is `faregate` for a file that came with it, `operator` for one of yours.

    `checked` is the date on which the file was last held against its source.
    """

    file: str
    owner: str
    source: str
    checked: str


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


class PriceDocument(Struct, frozen=True, kw_only=True):
    """One rate: `usd` is the provider's price of `per` units, `charge_usd` what the tenant pays for them.

    `hours` are those of the week, in UTC, at which it holds; none are all. Qualifiers that are null hold always.
    `state` is `in force`, `superseded` by a later row, or `from DATE`.
    """

    unit: str
    usd: str
    per: int
    tier: str | None
    region: str | None
    context_above: int | None
    hours: tuple[str, ...]
    since: str | None
    state: str
    source: str | None
    charge_usd: str
    margin_level: str
    margin_pct: str


class ModelPricesDocument(Struct, frozen=True, kw_only=True):
    """One model's rates, and what they come to with a tenant's margins (without `tenant`: one that has none).

    `fallbacks` names units without a rate of their own, and the unit whose rate holds for them.
    """

    version: str
    integration: str
    model: str
    tenant: str | None
    match: tuple[str, ...]
    window: int | None
    output_max: int | None
    source: SourceDocument | None
    rates: list[PriceDocument]
    fallbacks: dict[str, str]


class RatesSync(Struct, frozen=True):
    """What a sync found, and the reload that put in force what it has written; null if it wrote nothing."""

    report: Report
    reload: ReloadDocument | None


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


def source_document(source: Source | None) -> SourceDocument | None:
    """Show a source."""
    if source is None:
        return None
    owner = "operator" if source.own else "faregate"
    return SourceDocument(file=source.file, owner=owner, source=source.source, checked=source.checked)


def model_document(prices: Prices, name: str, model: ModelRates, today: str, tenant: str | None) -> ModelPricesDocument:
    """Show one model with its prices on a UTC date."""
    rows = [
        _price(rate, _state(model, rate, today), prices.margin(rate.unit))
        for rate in sorted(model.rates, key=lambda rate: _order(model, rate))
    ]
    return ModelPricesDocument(
        version=prices.card.version,
        integration=prices.integration,
        model=name,
        tenant=tenant,
        match=model.match,
        window=model.window,
        output_max=model.output_max,
        source=source_document(prices.card.source_of(prices.integration, model)),
        rates=rows,
        fallbacks=dict(_fallbacks(prices.card, model)),
    )


def _price(rate: Rate, state: str, margin: Margin) -> PriceDocument:
    return PriceDocument(
        unit=rate.unit,
        usd=rate.usd,
        per=rate.per,
        tier=rate.tier,
        region=rate.region,
        context_above=rate.context_above,
        hours=rate.hours,
        since=rate.since or None,
        state=state,
        source=rate.source or None,
        charge_usd=exact(Fraction(Decimal(rate.usd)) * Fraction(*margin.multiplier)),
        margin_level=margin.level,
        margin_pct=margin.text,
    )


def _state(model: ModelRates, rate: Rate, today: str) -> str:
    if rate.since > today:
        return f"from {rate.since}"
    later = any(_alike(other, rate) and rate.since < other.since <= today for other in model.rates)
    return "superseded" if later else "in force"


def _alike(one: Rate, other: Rate) -> bool:
    """Tell whether two rates are of the same unit under the same qualifiers, whatever their dates."""
    mine, theirs = ((each.unit, each.tier, each.region, each.context_above, each.hours) for each in (one, other))
    return mine == theirs


def _order(model: ModelRates, rate: Rate) -> tuple[str, str, int, int, str]:
    """Standard first, then tiers and regions; in each the units as the file has them, smaller contexts first."""
    first = next(index for index, each in enumerate(model.rates) if each.unit == rate.unit)
    return rate.tier or "", rate.region or "", first, rate.context_above or 0, rate.since


def _fallbacks(card: RateCard, model: ModelRates) -> Iterator[tuple[str, str]]:
    for unit in card.fallbacks:
        current = unit
        while current not in model.units and current in card.fallbacks:
            current = card.fallbacks[current]
        if current in model.units and current != unit:
            yield unit, current
