"""Makes a first rates file of an integration from price lists, for a person to hold against the provider's own page.

Where the lists agree, the price is taken; where one is silent, the other's; where they differ, the first list's, with
a comment. Models that are priced alike become one entry.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction

from msgspec import Struct

from proxy.price_lists.listing import PriceList
from proxy.price_lists.merge import Key, agree, all_names, side_by_side, value_of
from proxy.price_lists.writing import USUAL_PER, entry, quoted
from proxy.pricing.card import Rate


class Drafted(Struct, frozen=True):
    """The entry of models that cost the same. `remarks` are what a person should look at."""

    names: tuple[str, ...]
    rates: Mapping[Key, Rate]
    window: int | None
    output_max: int | None
    remarks: tuple[str, ...]


def draft(integration: str, lists: Sequence[PriceList], percent: Fraction, day: date) -> str:
    """Return the text of a rates file. Raises LookupError if no list has models.

    Prices that differ by up to `percent` are the same.
    """
    entries = [_model(name, integration, lists, percent) for name in all_names(lists, integration)]
    joined = list(_joined([each for each in entries if each.rates]))
    if not joined:
        raise LookupError(integration)
    lines = [line for each in joined for line in _entry(each)]
    return "\n".join([*_head(integration, lists, day), *lines, ""])


def _model(name: str, integration: str, lists: Sequence[PriceList], percent: Fraction) -> Drafted:
    found = [each.find(integration, name) for each in lists]
    rates, remarks = {}, []
    for key, said in side_by_side(found).items():
        sound = [
            (rate, value, each.title)
            for rate, each in zip(said, lists, strict=True)
            if rate is not None and (value := value_of(rate)) is not None
        ]
        if not sound:
            remarks.append(f"{_told(key)}: no list has a usable price")
            continue
        rates[key] = sound[0][0]
        if any(not agree(sound[0][1], value, percent) for _, value, _ in sound):
            remarks.append(f"{_told(key)}: " + ", ".join(f"{title} {rate.usd}" for rate, _, title in sound))
    present = [each.title for each, model in zip(lists, found, strict=True) if model is not None and model.rates]
    if len(present) < len(lists):
        remarks.insert(0, f"only in {', '.join(present)}")
    limits = [[getattr(model, limit) or 0 for model in found if model] for limit in ("window", "output_max")]
    window, output_max = (max(values, default=0) or None for values in limits)
    return Drafted((name,), _without_echoes(rates), window, output_max, tuple(remarks))


def _without_echoes(rates: Mapping[Key, Rate]) -> dict[Key, Rate]:
    """Leave out the units of a tier that cost there what they cost in the standard tier."""
    steps: dict[tuple[str, str], dict[int, Fraction | None]] = {}
    for (unit, tier, above), rate in rates.items():
        steps.setdefault((unit, tier), {})[above] = value_of(rate)
    return {
        (unit, tier, above): rate
        for (unit, tier, above), rate in rates.items()
        if not tier or steps[unit, tier] != steps.get((unit, ""))
    }


def _joined(entries: Sequence[Drafted]) -> Iterator[Drafted]:
    """Join the entries that differ in their names alone."""
    alike: dict[object, list[Drafted]] = {}
    for each in entries:
        prices = tuple(sorted((key, rate.usd, rate.per) for key, rate in each.rates.items()))
        alike.setdefault((prices, each.window, each.output_max, each.remarks), []).append(each)
    for same in alike.values():
        first = same[0]
        names = tuple(name for each in same for name in each.names)
        yield Drafted(names, first.rates, first.window, first.output_max, first.remarks)


def _head(integration: str, lists: Sequence[PriceList], day: date) -> list[str]:
    return [
        f"# What {integration} asks, in USD per {USUAL_PER:,} units unless a row says otherwise.",
        "#",
        "# A draft: hold it against the provider's own price list, and take out what is not served.",
        "",
        f"integration: {integration}",
        f"source: {quoted(' and '.join(each.title for each in lists))}",
        f"checked: {day.isoformat()}",
        f"per: {USUAL_PER}",
        "",
        "models:",
    ]


def _entry(drafted: Drafted) -> Iterator[str]:
    yield from (f"  # {remark}" for remark in drafted.remarks)
    yield from entry(drafted.names, drafted.rates.values(), drafted.window, drafted.output_max)


def _told(key: Key) -> str:
    unit, tier, above = key
    return " ".join([unit, *([tier] if tier else []), *([f"above {above:,}"] if above else [])])
