"""The ledger read: entries, calls, holds, exposures, and verification."""

from msgspec import Struct

from proxy.errors import BadRequest
from proxy.web.operator.documents.calls import (
    CallList,
    ExposureList,
    HoldList,
    call_document,
    exposure_document,
    hold_document,
)
from proxy.web.operator.documents.entries import EntryDetails, EntryList, entry_details, entry_document
from proxy.web.operator.documents.page import Limit, cut
from proxy.web.operator.documents.verdict import VerdictDocument, verdict_document
from proxy.web.operator.doors import Visit


class EntryPage(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose; `before` is the last id of the page before."""

    tenant: str
    limit: Limit = 100
    before: str = ""


class ExposurePage(Struct, frozen=True, forbid_unknown_fields=True):
    """How many."""

    limit: Limit = 100


class Scope(Struct, frozen=True, forbid_unknown_fields=True):
    """One tenant or all."""

    tenant: str = ""


async def list_entries(visit: Visit, query: EntryPage) -> EntryList:
    """List a wallet's entries, newest first."""
    store = visit.doors.store
    tenant = (await store.find_tenant(query.tenant)).id
    before = None
    if query.before:
        last = await store.entry(query.before)
        if last.tenant != tenant:
            raise BadRequest(f"before: {query.before} is not an entry of {query.tenant}")
        before = last.seq
    entries = await store.entries(tenant, query.limit + 1, before)
    return EntryList(*cut([entry_document(entry) for entry in entries], query.limit))


async def show_entry(visit: Visit, entry: str) -> EntryDetails:
    """Show all of one entry, its bill included."""
    return entry_details(await visit.doors.store.entry(entry))


async def list_calls(visit: Visit, query: EntryPage) -> CallList:
    """List a tenant's calls that are over, newest first, charged or not."""
    store = visit.doors.store
    tenant = (await store.find_tenant(query.tenant)).id
    records = await store.calls(tenant, query.limit + 1, query.before)
    return CallList(*cut([call_document(record) for record in records], query.limit))


async def list_holds(visit: Visit) -> HoldList:
    """List the holds of running calls."""
    return HoldList([hold_document(hold) for hold in await visit.doors.store.holds()])


async def list_exposures(visit: Visit, query: ExposurePage) -> ExposureList:
    """List upstream cost that no tenant was charged for, newest first."""
    exposures = await visit.doors.store.exposures(query.limit + 1)
    return ExposureList(*cut([exposure_document(exposure) for exposure in exposures], query.limit))


async def verify(visit: Visit, query: Scope) -> VerdictDocument:
    """Check chain, sums, holds and charges. The status is 200 whatever is found: `ok` decides."""
    store = visit.doors.store
    tenant = (await store.find_tenant(query.tenant)).id if query.tenant else None
    return verdict_document(await store.verify(tenant))
