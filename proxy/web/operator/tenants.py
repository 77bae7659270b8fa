"""Tenants: create, list, show, suspend, resume."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from proxy.errors import BadRequest
from proxy.ids import is_id
from proxy.tenants.tenant import Tenant, TenantState
from proxy.web.operator.documents import tenant_document, wallet_document
from proxy.web.operator.doors import DOORS
from proxy.web.operator.messages import answer, listing, read_body, read_query

NAME_LENGTH_MAX = 200
Limit = Annotated[int, Meta(ge=1, le=1000)]


class NewTenant(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /tenants`. Names need not be unique, but only unique ones can stand for ids."""

    name: str
    test: bool = False


class TenantPage(Struct, frozen=True, forbid_unknown_fields=True):
    """The query of `GET /tenants`: `after` is the last id of the page before."""

    limit: Limit = 1000
    after: str = ""


async def create_tenant(request: web.Request) -> web.Response:
    """Make a tenant with an empty wallet."""
    doors = request.app[DOORS]
    asked = await read_body(request, NewTenant)
    tenant = Tenant(id=doors.ids.new("tnt"), name=_name(asked.name), test=asked.test, created_at=doors.clock.now())
    return answer(tenant_document(await doors.store.create_tenant(tenant)), 201)


async def list_tenants(request: web.Request) -> web.Response:
    """List tenants with their wallets, by id."""
    page = read_query(request, TenantPage)
    views = await request.app[DOORS].store.tenants(page.limit + 1, page.after)
    return answer(listing([tenant_document(v.tenant) | wallet_document(v.wallet) for v in views], page.limit))


async def show_tenant(request: web.Request) -> web.Response:
    """Show a tenant and its wallet."""
    store = request.app[DOORS].store
    tenant = await store.find_tenant(request.match_info["tenant"])
    return answer(tenant_document(tenant) | wallet_document(await store.wallet(tenant.id)))


async def suspend_tenant(request: web.Request) -> web.Response:
    """Refuse the tenant's calls from now on; running ones finish."""
    return await _set_state(request, TenantState.SUSPENDED)


async def resume_tenant(request: web.Request) -> web.Response:
    """Accept the tenant's calls again."""
    return await _set_state(request, TenantState.ACTIVE)


async def _set_state(request: web.Request, state: TenantState) -> web.Response:
    store = request.app[DOORS].store
    tenant = await store.find_tenant(request.match_info["tenant"])
    return answer(tenant_document(await store.set_tenant_state(tenant.id, state)))


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > NAME_LENGTH_MAX or not name.isprintable():
        raise BadRequest(f"name: give it 1 to {NAME_LENGTH_MAX} printable characters")
    if is_id(name, "tnt"):
        raise BadRequest(f"name: {name} is shaped like a tenant's id; choose another")
    return name
