"""Integrations that resell others' models at their makers' prices, as gateways do: the models are priced once.

A rates file names whose prices hold with `same_as`; what it prices itself comes first.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, structs

from proxy.loading.faults import Faults
from proxy.loading.mismatch import suggestion
from proxy.pricing.card import ModelRates, Source


class SameAs(Struct, frozen=True, forbid_unknown_fields=True):
    """Another integration whose prices hold too. Its models' names may be preceded by one of `prefixes`."""

    integration: str
    prefixes: tuple[str, ...] = ()


def check_resold(resold: Mapping[str, Sequence[SameAs]]) -> None:
    """Refuse to resell what nobody sells, or what is itself resold. `resold` has every integration with rates.

    Raises BadConfig.
    """
    faults = Faults()
    for name, others in resold.items():
        for other in others:
            where = f"rates of {name}: at same_as: {other.integration!r}"
            if other.integration not in resold:
                faults.add(f"{where} has no rates; {suggestion(other.integration, resold)}")
            elif resold[other.integration]:
                faults.add(f"{where} has its prices from others too; name those instead")
    faults.settle()


def resell(
    own: Sequence[ModelRates], resold: Sequence[SameAs], makers: Mapping[str, Sequence[ModelRates]]
) -> tuple[ModelRates, ...]:
    """Return an integration's own models and those that it resells; a name counts where it comes first."""
    taken = {name for model in own for name in model.match}
    joined = list(own)
    for each in resold:
        for model in makers[each.integration]:
            spelled = (prefix + name for prefix in ("", *each.prefixes) for name in model.match)
            names = tuple(name for name in spelled if name not in taken)
            taken.update(names)
            if names:
                joined.append(structs.replace(model, match=names))
    return tuple(joined)


def resold_sources(
    resold: Mapping[str, Sequence[SameAs]],
    sources: Sequence[Source],
    integrations: Mapping[str, Sequence[ModelRates]],
) -> Iterator[Source]:
    """Yield where the prices of resold models come from: the files of those who make them."""
    for name, others in resold.items():
        sold = frozenset(each for model in integrations[name] for each in model.match)
        for other in others:
            for source in sources:
                if source.integration == other.integration:
                    spelled = frozenset(prefix + each for prefix in ("", *other.prefixes) for each in source.names)
                    yield structs.replace(source, integration=name, names=spelled & sold)
