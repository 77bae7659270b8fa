"""Tenants: create, list, show, suspend, resume; how low their wallets may go."""

from msgspec import Struct

from proxy.errors import BadRequest
from proxy.ids import is_id
from proxy.tenants.tenant import Tenant, TenantState
from proxy.web.operator.amounts import DecimalNumber, read_usd
from proxy.web.operator.documents.page import Limit, cut
from proxy.web.operator.documents.tenants import (
    TenantAccount,
    TenantDocument,
    TenantList,
    tenant_account,
    tenant_document,
)
from proxy.web.operator.documents.wallets import BalanceDocument, balance_document
from proxy.web.operator.doors import Visit

NAME_LENGTH_MAX = 200


class NewTenant(Struct, frozen=True, forbid_unknown_fields=True):
    """Who is to pay. Names need not be unique, but only unique ones can stand for ids."""

    name: str
    test: bool = False


class NewMinimum(Struct, frozen=True, forbid_unknown_fields=True):
    """Down to where."""

    minimum_usd: DecimalNumber


class TenantPage(Struct, frozen=True, forbid_unknown_fields=True):
    """Which tenants; `after` is the last id of the page before."""

    limit: Limit = 1000
    after: str = ""


async def create_tenant(visit: Visit, body: NewTenant) -> TenantDocument:
    """Make a tenant with an empty wallet."""
    tenant = Tenant(visit.doors.ids.new("tnt"), _name(body.name), test=body.test, created_at=visit.now)
    return tenant_document(await visit.doors.store.create_tenant(tenant, visit.by))


async def list_tenants(visit: Visit, query: TenantPage) -> TenantList:
    """List tenants with their wallets, by id."""
    views = await visit.doors.store.tenants(query.limit + 1, query.after)
    return TenantList(*cut([tenant_account(view.tenant, view.wallet) for view in views], query.limit))


async def show_tenant(visit: Visit, tenant: str) -> TenantAccount:
    """Show a tenant and its wallet."""
    store = visit.doors.store
    found = await store.find_tenant(tenant)
    return tenant_account(found, await store.wallet(found.id))


async def suspend_tenant(visit: Visit, tenant: str) -> TenantDocument:
    """Refuse the tenant's calls from now on; running ones finish."""
    return await _set_state(visit, tenant, TenantState.SUSPENDED)


async def resume_tenant(visit: Visit, tenant: str) -> TenantDocument:
    """Accept the tenant's calls again."""
    return await _set_state(visit, tenant, TenantState.ACTIVE)


async def set_minimum(visit: Visit, tenant: str, body: NewMinimum) -> BalanceDocument:
    """Set down to where the wallet may go. Above 0 it is a reserve, below 0 a credit line.

    It binds calls that begin from now on; a call that runs is not cut.
    """
    minimum = read_usd("minimum_usd", body.minimum_usd)
    store = visit.doors.store
    found = await store.find_tenant(tenant)
    return balance_document(found, await store.set_minimum(found.id, minimum, visit.now, visit.by))


async def _set_state(visit: Visit, tenant: str, state: TenantState) -> TenantDocument:
    store = visit.doors.store
    found = await store.find_tenant(tenant)
    return tenant_document(await store.set_tenant_state(found.id, state, visit.now, visit.by))


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > NAME_LENGTH_MAX or not name.isprintable():
        raise BadRequest(f"name: give it 1 to {NAME_LENGTH_MAX} printable characters")
    if is_id(name, "tnt"):
        raise BadRequest(f"name: {name} is shaped like a tenant's id; choose another")
    return name
