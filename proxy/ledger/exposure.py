"""Upstream cost that no tenant was charged for: kept so that the provider's invoice can be reconciled."""

from msgspec import Struct


class Exposure(Struct, frozen=True):
    """One row of the append-only exposure table, nano-USD. `at_most` marks a bound on what was never seen."""

    call: str
    tenant: str
    integration: str
    nanos: int
    reason: str
    at_most: bool
    at: int
