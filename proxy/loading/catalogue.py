"""What can be sold and what it costs: provider files, rates and units, read together because they name one another.

A reload reads all of it anew; whatever is wrong with any file leaves the old catalogue in force.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from msgspec import Struct

from proxy.loading.credentials import credential_faults
from proxy.loading.faults import Faults
from proxy.loading.providers import Provider, load_providers
from proxy.loading.rates import RatesRead, load_units, read_rates
from proxy.loading.settings import Settings
from proxy.loading.shipped import shipped
from proxy.pricing.card import RateCard


class Catalogue(Struct, frozen=True):
    """Providers by name, the rate card, the names of all units, and when each integration's rates were checked."""

    providers: Mapping[str, Provider]
    card: RateCard
    units: frozenset[str]
    checked: Mapping[str, date]

    @property
    def oldest_check(self) -> date:
        """The date at which the rates that were checked first were checked."""
        return min(self.checked.values())


def load_catalogue(providers_dir: Path | None = None, rates_dir: Path | None = None) -> Catalogue:
    """Read the built-in files, and the operator's own after them. Raises BadConfig with all that is wrong."""
    rates, faults = shipped("rates"), Faults()
    units = load_units(rates, rates_dir)  # raises at once: without the registry no other file can be judged
    found: list[RatesRead] = []
    providers: Mapping[str, Provider] = {}
    with faults.gather():
        found.append(read_rates(rates, rates_dir))
    with faults.gather():
        providers = load_providers(shipped("config") / "providers", providers_dir, units)
    faults.settle()
    return Catalogue(providers, found[0].card, units, found[0].checked)


def check_upstreams(settings: Settings, providers: Mapping[str, Provider]) -> None:
    """Refuse an integration that is on and whose calls would have nowhere to go, or no proof. Raises BadConfig."""
    faults = Faults()
    file = settings.file or "environment"
    sandboxed = {path.stem for path in (shipped("config") / "sandbox").glob("*.yaml")}
    for name, chosen in settings.providers.items():
        if chosen.sandboxed and name not in sandboxed:
            faults.add(
                f"{file}: providers.{name}.upstream is 'sandbox': the sandbox does not imitate it; set an origin, "
                "or leave it out"
            )
        if chosen.enabled and not chosen.upstream and len(providers[name].hosts) != 1:
            hosts = ", ".join(providers[name].hosts) or "none of its own"
            faults.add(
                f"{file}: providers.{name}.upstream is not set: the provider has no single "
                f"public host ({hosts}); set it to yours, such as https://HOST"
            )
        if chosen.enabled and not chosen.sandboxed:
            for fault in credential_faults(providers[name], chosen):
                faults.add(f"{file}: {fault}")
    faults.settle()
