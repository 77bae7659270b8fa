"""Tenants: who pays, alone or with the wallet."""

from msgspec import Struct, structs

from proxy.clock import timestamp
from proxy.ledger.wallet import Wallet
from proxy.tenants.tenant import Tenant, TenantState
from proxy.web.operator.documents.page import Time
from proxy.web.operator.documents.wallets import wallet_fields


class TenantDocument(Struct, frozen=True, kw_only=True):
    """A tenant. Calls of a `test` tenant are metered and cost it nothing."""

    id: str
    name: str
    state: TenantState
    test: bool
    created_at: Time


class TenantAccount(TenantDocument, frozen=True, kw_only=True):
    """A tenant and its wallet."""

    credits_remaining_micros: int
    credits_held_micros: int
    balance_usd: str
    held_usd: str
    minimum_usd: str


class TenantList(Struct, frozen=True):
    """A page of tenants, by id."""

    data: list[TenantAccount]
    has_more: bool


def tenant_document(tenant: Tenant) -> TenantDocument:
    """Show a tenant."""
    return TenantDocument(
        id=tenant.id,
        name=tenant.name,
        state=tenant.state,
        test=tenant.test,
        created_at=timestamp(tenant.created_at),
    )


def tenant_account(tenant: Tenant, wallet: Wallet) -> TenantAccount:
    """Show a tenant and its wallet."""
    return TenantAccount(**structs.asdict(tenant_document(tenant)), **wallet_fields(wallet))
