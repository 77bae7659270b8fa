"""Judges the facts of an answer: quantities in disjoint units, or nothing where they cannot be true."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import structs

from proxy.money import Quantity
from proxy.usage.expression import Absurd, evaluate, quantity
from proxy.usage.reading import Reading
from proxy.usage.seen import Seen
from proxy.usage.span import by_the_hour
from proxy.usage.spec import Count, ReaderSpec, Sum, unless_key
from proxy.wire.paths import find_all

Usage = dict[str, Quantity]


def measure(spec: ReaderSpec, seen: Seen, complete: bool, unparsed: bool) -> Reading:
    """Return what an answer used. Absurd usage is not believed at all: `invalid`, and not one quantity."""
    by_model: dict[str, Usage] = {seen.model: {}}
    invalid, reported, cost = seen.absurd, False, ""
    try:
        if seen.usage and not invalid:
            reported = _sums(spec, seen, by_model)
            cost = _cost(spec, seen.usage)
        if seen.another and not invalid:
            reported |= _another(spec, seen, by_model)
        reported |= _counts(spec, seen, reported, by_model[seen.model])
        reported |= bool(cost and by_model[seen.model])  # what was counted has a price that its provider states
    except Absurd:
        invalid = True
    if invalid:
        by_model, reported, cost = {seen.model: {}}, False, ""
    usage, others = _split(by_model, seen.model)
    return Reading(
        model=seen.model,
        usage=usage,
        other_models=others,
        tier=_tier(spec, seen),
        region=_region(spec, seen),
        reported=reported,
        final=reported and (seen.final or not spec.final),
        complete=complete,
        failed=seen.failed,
        invalid=invalid,
        unparsed=unparsed,
        output_bytes=seen.output_bytes,
        output_events=seen.output_events,
        object_ids=tuple(seen.object_ids),
        reported_cost=cost,
        delivered=seen.delivered,
        state=seen.state,
    )


def _sums(spec: ReaderSpec, seen: Seen, by_model: dict[str, Usage]) -> bool:
    """Add the units that are sums of reported fields; return whether there were any. Raises Absurd."""
    parts = _parts(spec, seen.usage)
    apart = spec.parts.units if spec.parts and parts else ()
    found = False
    for unit, each in spec.sums.items():
        amount = _amount(each, seen.usage)
        found |= amount is not None
        if unit not in apart:
            _add(by_model[seen.model], unit, amount)
    for part in parts:
        names = find_all(spec.plan.part_model, part)
        model = names[0] if names and type(names[0]) is str and names[0] else seen.model
        of_model = by_model.setdefault(model, {})
        for unit in apart:
            each = spec.sums[unit]
            _add(of_model, unit, _amount(each, part))
    return found


def _amount(each: Sum, usage: dict[str, Any]) -> Quantity | None:
    """Return the quantity that a sum comes to, None if nothing of it is there. Raises Absurd."""
    try:
        amount = evaluate(each.terms, usage, each.decimal)
    except Absurd:
        if not each.instead:
            raise
        amount = evaluate(each.instead, usage, each.decimal)
    if amount is None or each.plain:
        return amount
    times = evaluate(each.factor, usage, False) if each.factor else None
    if times is not None:
        amount *= times
    if each.begins:
        amount = by_the_hour(amount, usage.get(each.begins), usage.get(each.ends))
    amount *= each.by
    whole, rest = divmod(amount, each.per)
    amount = Decimal(amount) / each.per if rest else int(whole)
    return max(amount, each.least)


def _another(spec: ReaderSpec, seen: Seen, by_model: dict[str, Usage]) -> bool:
    """Add what a model beside the answer's own has used; return whether it was anything. Raises Absurd."""
    if spec.another is None:
        return False
    found = False
    for usage in seen.another:
        of_model = by_model.setdefault(seen.another_model or spec.another.default, {})
        for unit, each in spec.another.sums.items():
            amount = _amount(each, usage)
            found |= amount is not None
            _add(of_model, unit, amount)
    return found


def _parts(spec: ReaderSpec, usage: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not spec.parts:
        return []
    found = find_all(spec.plan.parts, usage)
    parts = found[0] if found else []
    if type(parts) is not list or not all(type(part) is dict for part in parts):
        raise Absurd(f"{spec.parts.at} is not a list of passes")
    return parts


def _counts(spec: ReaderSpec, seen: Seen, reported: bool, usage: Usage) -> bool:
    """Add the units that are counted; return whether one of them stands for a usage object. Raises Absurd."""
    stands = False
    for unit, count in spec.counts.items():
        if count.without_usage and (reported or seen.reported):
            continue
        stated = quantity(seen.numbers[unit], False) if unit in seen.numbers else 0
        amount = stated or len(seen.distinct.get(unit, ())) or seen.sizes.get(unit, 0)
        if amount and _counts_for(count, seen):
            _add(usage, unit, amount)
            stands |= count.without_usage
    return stands


def _counts_for(count: Count, seen: Seen) -> bool:
    if not count.of_model(seen.model):
        return False
    return not any(quantity(seen.numbers.get(unless_key(path), 0), False) for path in count.unless)


def _tier(spec: ReaderSpec, seen: Seen) -> str | None:
    for index in sorted(seen.tiers):
        if spec.tier and seen.tiers[index] not in spec.tier.standard:
            return seen.tiers[index]
    return None


def _region(spec: ReaderSpec, seen: Seen) -> str | None:
    named = spec.region is not None and seen.region and seen.region not in spec.region.standard
    return seen.region if named else None


def _cost(spec: ReaderSpec, usage: dict[str, Any]) -> str:
    found = find_all(spec.plan.cost, usage) if spec.cost else []
    if not found or spec.cost is None:
        return ""
    return f"{(Decimal(quantity(found[0], True)) / spec.cost.per).normalize():f}"


def _add(usage: Usage, unit: str, amount: Quantity | None) -> None:
    if amount:
        usage[unit] = usage.get(unit, 0) + amount


def _split(by_model: dict[str, Usage], model: str) -> tuple[Usage, dict[str, Usage]]:
    others = {name: usage for name, usage in by_model.items() if name != model and usage}
    return by_model[model], others


def grown(reading: Reading, before: Mapping[str, Quantity]) -> Reading:
    """Return a reading in which units that run on from turn to turn are what they have grown by since `before`.

    One that is less than before has begun anew.
    """
    usage = dict(reading.usage)
    for unit, base in before.items():
        if unit in usage and usage[unit] >= base:
            usage[unit] -= base
    return structs.replace(reading, usage={unit: amount for unit, amount in usage.items() if amount})


def add_up(readings: list[Reading], complete: bool, unparsed: bool) -> Reading:
    """Make one reading of the answers of a batch: units added by model; the first model named is the main one."""
    by_model: dict[str, Usage] = {}
    for reading in readings:
        for model, usage in ((reading.model, reading.usage), *reading.other_models.items()):
            of_model = by_model.setdefault(model, {})
            for unit, amount in usage.items():
                _add(of_model, unit, amount)
    model = readings[0].model if readings else ""
    by_model.setdefault(model, {})
    usage, others = _split(by_model, model)
    invalid = any(reading.invalid for reading in readings)
    reported = any(reading.reported for reading in readings) and not invalid
    return Reading(
        model=model,
        usage=usage if not invalid else {},
        other_models=others if not invalid else {},
        tier=readings[0].tier if readings else None,
        region=readings[0].region if readings else None,
        reported=reported,
        complete=complete,
        failed=any(reading.failed for reading in readings),
        invalid=invalid,
        unparsed=unparsed,
        output_bytes=sum(reading.output_bytes for reading in readings),
        output_events=sum(reading.output_events for reading in readings),
        object_ids=tuple(dict.fromkeys(each for reading in readings for each in reading.object_ids)),
    )
