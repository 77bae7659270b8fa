"""The ledger read: entries, calls, holds, exposures, and verification."""

from aiohttp import web
from msgspec import Struct

from proxy.errors import BadRequest
from proxy.web.operator.documents import (
    call_document,
    entry_details,
    entry_document,
    exposure_document,
    hold_document,
    verdict_document,
)
from proxy.web.operator.doors import DOORS
from proxy.web.operator.messages import answer, listing, read_query
from proxy.web.operator.tenants import Limit


class EntryPage(Struct, frozen=True, forbid_unknown_fields=True):
    """The query of `GET /ledger` and `GET /calls`: `before` is the last id of the page before."""

    tenant: str
    limit: Limit = 100
    before: str = ""


class ExposurePage(Struct, frozen=True, forbid_unknown_fields=True):
    """The query of `GET /exposures`."""

    limit: Limit = 100


class Scope(Struct, frozen=True, forbid_unknown_fields=True):
    """The query of `GET /verify`: one tenant or all."""

    tenant: str = ""


async def list_entries(request: web.Request) -> web.Response:
    """List a wallet's entries, newest first."""
    store = request.app[DOORS].store
    page = read_query(request, EntryPage)
    tenant = (await store.find_tenant(page.tenant)).id
    before = None
    if page.before:
        last = await store.entry(page.before)
        if last.tenant != tenant:
            raise BadRequest(f"before: {page.before} is not an entry of {page.tenant}")
        before = last.seq
    entries = await store.entries(tenant, page.limit + 1, before)
    return answer(listing([entry_document(entry) for entry in entries], page.limit))


async def show_entry(request: web.Request) -> web.Response:
    """Show all of one entry, its bill included."""
    return answer(entry_details(await request.app[DOORS].store.entry(request.match_info["entry"])))


async def list_calls(request: web.Request) -> web.Response:
    """List a tenant's calls that are over, newest first, charged or not."""
    store = request.app[DOORS].store
    page = read_query(request, EntryPage)
    tenant = (await store.find_tenant(page.tenant)).id
    records = await store.calls(tenant, page.limit + 1, page.before)
    return answer(listing([call_document(record) for record in records], page.limit))


async def list_holds(request: web.Request) -> web.Response:
    """List the holds of running calls."""
    holds = await request.app[DOORS].store.holds()
    return answer({"data": [hold_document(hold) for hold in holds]})


async def list_exposures(request: web.Request) -> web.Response:
    """List upstream cost that no tenant was charged for, newest first."""
    page = read_query(request, ExposurePage)
    exposures = await request.app[DOORS].store.exposures(page.limit + 1)
    return answer(listing([exposure_document(exposure) for exposure in exposures], page.limit))


async def verify(request: web.Request) -> web.Response:
    """Check chain, sums, holds and charges. The status is 200 whatever is found: `ok` decides."""
    store = request.app[DOORS].store
    scope = read_query(request, Scope)
    tenant = (await store.find_tenant(scope.tenant)).id if scope.tenant else None
    return answer(verdict_document(await store.verify(tenant)))
