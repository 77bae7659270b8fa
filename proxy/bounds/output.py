"""How much output a call can make: the limit of one generation, how many there are, which units can apply."""

from typing import Any

from msgspec import Struct

from proxy.bounds.fields import TIMES_MAX, length, whole
from proxy.bounds.parts import by_model
from proxy.bounds.paths import every, spelled
from proxy.bounds.spec import BoundSpec, Output, OutputUnit
from proxy.pricing.card import ModelRates


class Allowance(Struct, frozen=True):
    """Output per generation: what the request states (at most the model's), the model's, how many there are.

    `parameter` is the place of the parameter that can state a maximum, None if there is none.
    """

    stated: int | None
    limit: int
    generations: int
    parameter: tuple[str, ...] | None = None


NO_OUTPUT = Allowance(None, 0, 0)


def allowance(body: Any, spec: BoundSpec, rates: ModelRates, model: str) -> Allowance:
    """Read what the request allows. Raises Refused `malformed_request` for a number that makes no sense.

    Where it states a maximum in several parameters the largest counts: which one the provider obeys is its
    choice.
    """
    output = spec.output
    if output is None:
        return NO_OUTPUT
    limit = model_limit(output, spec, rates, model)
    least = 0 if output.zero else 1
    given = [n for path in output.maximum if (n := whole(body, path, least=least)) is not None]
    times = 1
    for path in output.times:
        times = max(times, whole(body, path, most=TIMES_MAX) or 1)
    prompts = _prompts(body, output.prompts) if output.prompts else 1
    parameter = spelled(body, output.maximum[0]) if output.maximum and not given else None
    return Allowance(min(max(given), limit) if given else None, limit, times * prompts, parameter)


def model_limit(output: Output, spec: BoundSpec, rates: ModelRates, model: str) -> int:
    """Return a model's own maximum: the rates', else the assumed one, else its window."""
    if rates.output_max is not None:
        return rates.output_max
    assumed = by_model(output.assumed, model) if output.assumed else None
    if assumed is not None:
        return assumed
    return spec.window if rates.window is None else rates.window


def units(body: Any, output: Output) -> tuple[str, ...]:
    """Return the units that output can be billed in, as the request asks for it."""
    return tuple([unit.unit for unit in output.units if _applies(body, unit)])


def _applies(body: Any, unit: OutputUnit) -> bool:
    if unit.path is None:
        return True
    found = list(every(body, unit.path))
    if not found:
        return unit.absent
    asked = [value for one in found for value in (one if isinstance(one, list) else [one])]
    wanted = unit.holds.casefold()
    return any(not isinstance(value, str) or value.casefold() == wanted for value in asked)


def _prompts(body: Any, path: str) -> int:
    """Count prompts: a string is one, and so is a list of token numbers."""
    count = length(body, path, text=True)
    if count > 1 and all(isinstance(one, int) for one in every(body, f"{path}.*")):
        return 1
    return max(1, count)
