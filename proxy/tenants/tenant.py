"""A tenant: who pays."""

from enum import StrEnum

from msgspec import Struct


class TenantState(StrEnum):
    """A suspended tenant's calls are refused; running calls finish."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Tenant(Struct, frozen=True):
    """One paying party. Calls of a `test` tenant pass at zero and are recorded as waived."""

    id: str
    name: str
    state: TenantState = TenantState.ACTIVE
    test: bool = False
    created_at: int = 0
