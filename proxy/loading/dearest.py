"""The dearest of an integration's rates: what a model is held at whose own price cannot be known before it answers.

Deployments with names of the operator's own, and catalogues that change by the day, are bounded by it; what the answer
says, its model or its cost, is what is charged.
"""

from collections.abc import Mapping, Sequence

from proxy.pricing.card import ModelRates, Rate

ANY = "*"


def with_dearest(models: Sequence[ModelRates], fallbacks: Mapping[str, str]) -> tuple[ModelRates, ...]:
    """Return the models and, for every other name, one that costs as much as any of them in every unit.

    Nothing is added where some entry matches every name already, or where there are no rates.
    """
    if not models or any(ANY in model.match for model in models):
        return tuple(models)
    dearest: dict[str, Rate] = {}
    for rate in (rate for model in models for rate in model.rates):
        known = dearest.get(rate.unit)
        if known is None or _above(rate, known):
            dearest[rate.unit] = rate
    for unit in dearest:
        fallback = fallbacks.get(unit)
        while fallback is not None:  # a model without its own rate for the unit pays the fallback's
            other = dearest.get(fallback)
            if other is not None and _above(other, dearest[unit]):
                dearest[unit] = other
            fallback = fallbacks.get(fallback)
    rates = tuple(Rate(unit, rate.usd, rate.per, source=rate.source) for unit, rate in dearest.items())
    windows = [model.window for model in models if model.window is not None]
    outputs = [model.output_max for model in models if model.output_max is not None]
    any_model = ModelRates((ANY,), rates, max(windows, default=None), max(outputs, default=None), stand_in=True)
    return (*models, any_model)


def _above(one: Rate, other: Rate) -> bool:
    (nanos, over), (of_other, over_other) = one.ratio, other.ratio
    return nanos * over_other > of_other * over
