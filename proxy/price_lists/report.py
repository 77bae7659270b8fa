"""What a sync found and did, as a document: for a person at a terminal, a script, the operator API and the doctor."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from msgspec import DecodeError, Struct, json

from proxy.price_lists.compare import Comparison, Finding, NewModel
from proxy.price_lists.listing import PriceList, written
from proxy.price_lists.merge import value_of
from proxy.pricing.card import Rate

REPORT_FILE = "synced.json"


class FoundPrice(Struct, frozen=True, kw_only=True):
    """One price of models that are found alike. All prices are USD for `per` units.

    `ours_usd` is what a call pays today, null if it has no price; `lists` what each list asks, as it writes it;
    `change_pct` how far the first of them is from ours. `verdict`: `accepted`, or why it is in quarantine.
    """

    integration: str
    models: tuple[str, ...]
    unit: str
    tier: str | None
    context_above: int | None
    per: int
    ours_usd: str | None
    lists: Mapping[str, str]
    change_pct: str | None
    verdict: str


class FoundModel(Struct, frozen=True, kw_only=True):
    """Models without rates of ours, with those that both lists give."""

    integration: str
    models: tuple[str, ...]
    window: int | None
    output_max: int | None
    rates: tuple[Rate, ...]


class Report(Struct, frozen=True, kw_only=True):
    """One sync. `at` is when (RFC 3339); `lists` are what our rates were held against.

    `prices` counts them by verdict. `accepted` and `new_models` are written where `written` is true, into `files`;
    `quarantined` never is. `not_compared` are integrations that a list does not know.
    """

    at: str
    lists: tuple[str, ...]
    integrations: tuple[str, ...]
    not_compared: tuple[str, ...]
    prices: Mapping[str, int]
    accepted: tuple[FoundPrice, ...]
    new_models: tuple[FoundModel, ...]
    quarantined: tuple[FoundPrice, ...]
    written: bool
    files: tuple[str, ...] = ()


def report(
    at: str,
    lists: Sequence[PriceList],
    integrations: tuple[Sequence[str], Sequence[str]],
    found: Comparison,
    files: Sequence[str] | None,
) -> Report:
    """Tell a comparison of (these integrations, and not those). `files` is None for one that was only looked at."""
    counts: dict[str, int] = {}
    for each in found.findings:
        counts[each.verdict] = counts.get(each.verdict, 0) + 1
    return Report(
        at=at,
        lists=tuple(each.title for each in lists),
        integrations=tuple(integrations[0]),
        not_compared=tuple(integrations[1]),
        prices=counts,
        accepted=tuple(map(_price, found.accepted)),
        new_models=tuple(map(_model, found.new)),
        quarantined=tuple(map(_price, found.quarantined)),
        written=files is not None,
        files=tuple(files or ()),
    )


def _price(found: Finding) -> FoundPrice:
    unit, tier, above = found.key
    per = found.rate.per
    return FoundPrice(
        integration=found.integration,
        models=found.models,
        unit=unit,
        tier=tier or None,
        context_above=above or None,
        per=per,
        ours_usd=None if found.ours is None else written(Decimal(found.ours.usd), per, found.ours.per),
        lists={title: _for(rate, per) for title, rate in found.quotes.items()},
        change_pct=_change(found),
        verdict=found.verdict,
    )


def _for(rate: Rate, per: int) -> str:
    """Write a list's price for `per` units; what is none stays as it is."""
    return rate.usd if value_of(rate) is None else written(Decimal(rate.usd), per, rate.per)


def _change(found: Finding) -> str | None:
    old = None if found.ours is None else value_of(found.ours)
    new = value_of(found.rate)
    if not old or new is None:
        return None
    return f"{float(new / old - 1) * 100:+.1f}"


def _model(found: NewModel) -> FoundModel:
    return FoundModel(
        integration=found.integration,
        models=found.models,
        window=found.window,
        output_max=found.output_max,
        rates=found.rates,
    )


def last_report(rates_dir: Path | None) -> Report | None:
    """Return the report of the last sync that wrote into a folder; None if there is none that can be read."""
    if rates_dir is None:
        return None
    try:
        return json.decode((rates_dir / REPORT_FILE).read_bytes(), type=Report)
    except (OSError, DecodeError):
        return None
