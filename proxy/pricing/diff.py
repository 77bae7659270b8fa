"""What changed between two rate cards: prices, limits and fallbacks, model by model. Pure."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from proxy.pricing.card import ModelRates, Rate, RateCard

_Key = tuple[str, str, str, int, str, tuple[str, ...]]
"""Unit, tier, region, size of context, date, hours: what tells one rate of a model from another."""


class PriceChange(Struct, frozen=True):
    """A rate that was added (`before` is None), taken away (`after` is None) or changed its price per unit."""

    before: Rate | None
    after: Rate | None

    @property
    def rate(self) -> Rate:
        """The rate as it is now or, if it is gone, as it was: for its unit and qualifiers."""
        found = self.after or self.before
        if found is None:
            raise ValueError("a change is of something")
        return found


class ModelChange(Struct, frozen=True):
    """What changed for models of one integration that changed alike. `kind`: `added`, `removed` or `changed`.

    `limits` maps `window` and `output_max` to what they were and are.
    """

    integration: str
    models: tuple[str, ...]
    kind: str
    prices: tuple[PriceChange, ...]
    limits: Mapping[str, tuple[int | None, int | None]]


class CardChange(Struct, frozen=True):
    """All that changed. `fallbacks` maps units to the unit whose rate held and holds for them."""

    models: tuple[ModelChange, ...]
    fallbacks: Mapping[str, tuple[str | None, str | None]]


def compare(old: RateCard, new: RateCard) -> CardChange:
    """Return what changed from one card to another. The same price written for another `per` is no change."""
    before, after = _names(old), _names(new)
    alike: dict[tuple[object, ...], list[str]] = {}
    changes: dict[tuple[object, ...], ModelChange] = {}
    for name in sorted(before.keys() | after.keys()):
        change = _change(name, before.get(name), after.get(name))
        if change is not None:
            key = (change.integration, change.kind, change.prices, tuple(change.limits.items()))
            alike.setdefault(key, []).append(name[1])
            changes.setdefault(key, change)
    models = tuple(
        ModelChange(each.integration, tuple(alike[key]), each.kind, each.prices, each.limits)
        for key, each in changes.items()
    )
    units = sorted(old.fallbacks.keys() | new.fallbacks.keys())
    moved = {unit: (old.fallbacks.get(unit), new.fallbacks.get(unit)) for unit in units}
    return CardChange(models, {unit: pair for unit, pair in moved.items() if pair[0] != pair[1]})


def _names(card: RateCard) -> dict[tuple[str, str], ModelRates]:
    return {
        (integration, name): model
        for integration, models in card.integrations.items()
        for model in models
        for name in model.match
    }


def _change(name: tuple[str, str], old: ModelRates | None, new: ModelRates | None) -> ModelChange | None:
    prices = tuple(_prices(old, new))
    limits = {} if old is None or new is None else dict(_limits(old, new))
    if old is not None and new is not None and not prices and not limits:
        return None
    kind = "added" if old is None else "removed" if new is None else "changed"
    return ModelChange(name[0], (name[1],), kind, prices, limits)


def _prices(old: ModelRates | None, new: ModelRates | None) -> Iterator[PriceChange]:
    before, after = _rates(old), _rates(new)
    for key in sorted(before.keys() | after.keys()):
        one, other = before.get(key), after.get(key)
        if one is None or other is None or one.ratio != other.ratio:
            yield PriceChange(one, other)


def _rates(model: ModelRates | None) -> dict[_Key, Rate]:
    if model is None:
        return {}
    return {(r.unit, r.tier or "", r.region or "", r.context_above or 0, r.since, r.hours): r for r in model.rates}


def _limits(old: ModelRates, new: ModelRates) -> Iterator[tuple[str, tuple[int | None, int | None]]]:
    for name, pair in (("window", (old.window, new.window)), ("output_max", (old.output_max, new.output_max))):
        if pair[0] != pair[1]:
            yield name, pair
