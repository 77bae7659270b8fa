"""Reads `config/price_lists/differences.yaml`: where a price list is known to differ from our rates, and why."""

from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct

from proxy.loading.yaml import load_yaml

STANDARD = "standard"


class Difference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One difference: a list's package, our integration and models (patterns), the reason and who says so.

    `tiers` are those that it is about, empty for all; `fixed_in` is the version of the list that agrees with us.
    """

    list: str
    integration: str
    models: tuple[str, ...]
    reason: str
    source: str
    tiers: tuple[str, ...] = ()
    fixed_in: str = ""

    def explains(self, package: str, integration: str, model: str, tier: str) -> bool:
        """Tell whether it is about this list's price of a model in a tier (empty: standard)."""
        return (
            (self.list, self.integration) == (package, integration)
            and (not self.tiers or (tier or STANDARD) in self.tiers)
            and any(fnmatchcase(model, pattern) for pattern in self.models)
        )


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    differences: tuple[Difference, ...]


def load_differences(path: Path) -> tuple[Difference, ...]:
    """Return all of them. Raises BadConfig."""
    return load_yaml(path, _File).differences
