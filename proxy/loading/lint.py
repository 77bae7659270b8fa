"""Looks over an operator's rates: all that is wrong with them, and what is right but hardly meant."""

from collections.abc import Iterator
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct

from proxy.errors import BadConfig
from proxy.loading.rates import load_rates
from proxy.pricing.card import ModelRates, RateCard, Source, is_glob

STALE_DAYS = 90
"""After so long prices may well have changed at their source."""


class Lint(Struct, frozen=True):
    """What was found: `problems` keep a server from starting, `warnings` do not. The card is None if it is refused."""

    card: RateCard | None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def lint(built_in: Path, own: Path | None, today: date) -> Lint:
    """Read the built-in rates and an operator's folder on top of them, and say what is to be said of the latter.

    Without a folder it is said of the built-in ones.
    """
    try:
        base = load_rates(built_in)
        card = base if own is None else load_rates(built_in, own)
    except BadConfig as error:
        return Lint(None, error.problems)
    warnings = [f"{source.file}: {warning}" for source, warning in _warnings(base, card, today, own=own is not None)]
    return Lint(card, (), tuple(dict.fromkeys(warnings)))


def _warnings(base: RateCard, card: RateCard, today: date, *, own: bool) -> Iterator[tuple[Source, str]]:
    for source in card.sources:
        if source.own is not own:
            continue
        age = (today - date.fromisoformat(source.checked)).days
        if age > STALE_DAYS:
            yield (
                source,
                f"checked {source.checked}, {age} days ago; hold it against its source, and write today's date",
            )
        for model in card.integrations[source.integration]:
            if card.source_of(source.integration, model) is source:
                yield from (
                    (source, f"{model.match[0]}: {said}") for said in _of_model(base, card, source, model, today)
                )


def _of_model(base: RateCard, card: RateCard, source: Source, model: ModelRates, today: date) -> Iterator[str]:
    for unit in sorted(model.units):
        dates = [rate.since for rate in model.rates if rate.unit == unit]
        if min(dates) > today.isoformat():
            yield f"{unit} has no price before {min(dates)}; add a rate without since for the time until then"
    if source.own:
        yield from _shadowed(base, source.integration, model)
        yield from _poorer(base, card, source.integration, model)


def _shadowed(base: RateCard, integration: str, model: ModelRates) -> Iterator[str]:
    """A built-in exact name beats any pattern: a pattern of one's own does not change its price."""
    exact = [name for each in base.integrations.get(integration, ()) for name in each.match if not is_glob(name)]
    for pattern in model.match:
        beaten = [name for name in exact if is_glob(pattern) and fnmatchcase(name, pattern) and name not in model.match]
        if beaten:
            more = f" and {len(beaten) - 3} more" if len(beaten) > 3 else ""
            yield f"the pattern does not reach {', '.join(beaten[:3])}{more}, which are built in; name those you mean"


def _poorer(base: RateCard, card: RateCard, integration: str, model: ModelRates) -> Iterator[str]:
    """An entry replaces the built-in one whole: a unit that it leaves out loses its price."""
    replaced = base.find(integration, model.match[0]) if not is_glob(model.match[0]) else None
    if replaced is None:
        return
    for unit in sorted(replaced.units - model.units):
        instead = card.fallbacks.get(unit)
        while instead is not None and instead not in model.units:
            instead = card.fallbacks.get(instead)
        then = f"it is priced as {instead}" if instead else "it costs nothing"
        yield f"{unit} has a price in the built-in entry that this one replaces, none here, so {then}; add its price"
