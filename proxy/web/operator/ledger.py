"""The ledger read: entries, why they are what they are, and verification."""

from collections.abc import AsyncIterator

from msgspec import Struct, json

from proxy.errors import BadRequest
from proxy.ledger.bill import Unexplained, read_bill
from proxy.ledger.entry import Entry, Kind
from proxy.ledger.explain import explain
from proxy.store.books import FOREVER, EntryQuery, Progress
from proxy.store.doors import Verdict
from proxy.web.operator.documents.entries import EntryDetails, EntryList, entry_details, entry_document
from proxy.web.operator.documents.explanation import (
    ChargeDocument,
    Explanation,
    call_explanation,
    charge_document,
    deposit_explanation,
)
from proxy.web.operator.documents.page import Limit, cut
from proxy.web.operator.documents.verdict import VerdictDocument, verdict_document
from proxy.web.operator.doors import OperatorDoors, Visit
from proxy.web.operator.route import NDJSON, Streamed
from proxy.web.operator.spans import Since, read_span

CALL_PREFIX = "call_"


class EntryPage(Since, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose entries, of which kind, from when; `before` is the last id of the page before."""

    tenant: str
    kind: Kind | None = None
    limit: Limit = 100
    before: str = ""


class Scope(Struct, frozen=True, forbid_unknown_fields=True):
    """One tenant or all."""

    tenant: str = ""


async def list_entries(visit: Visit, query: EntryPage) -> EntryList:
    """List a wallet's entries, newest first."""
    doors = visit.doors
    tenant = (await doors.store.find_tenant(query.tenant)).id
    before = FOREVER
    if query.before:
        last = await doors.books.entry(query.before)
        if last.tenant != tenant:
            raise BadRequest(f"before: {query.before} is not an entry of {query.tenant}")
        before = last.seq
    span = read_span(query, doors.clock.now())
    entries = await doors.books.entries(EntryQuery(tenant, query.limit + 1, before, span, query.kind or ""))
    sessions = await doors.books.sessions([entry.reference for entry in entries if entry.bill])
    return EntryList(*cut([entry_document(entry, sessions.get(entry.reference, "")) for entry in entries], query.limit))


async def show_entry(visit: Visit, entry: str) -> EntryDetails:
    """Show all of one entry, its bill included. It is named by its own id or by that of its call."""
    found = await visit.doors.books.entry(entry)
    sessions = await visit.doors.books.sessions([found.reference])
    return entry_details(found, sessions.get(found.reference, ""))


async def explain_entry(visit: Visit, entry: str) -> Explanation:
    """Explain why an entry says what it says, or why a call cost nothing. It is named by its own id or its call's.

    For a call: every unit with its rate, where that comes from and what chose it, the margin that won among the levels
    that were looked at, the exact sums before the one rounding, what was held, who bore what.
    """
    doors = visit.doors
    call = entry
    if not entry.startswith(CALL_PREFIX):
        written = await doors.books.entry(entry)
        if not written.bill:
            return deposit_explanation(written)
        call = read_bill(written.bill).call
    story = await doors.books.story(call)
    charge = None if story.entry is None else await _charge(doors, story.entry)
    return call_explanation(story, call, charge)


async def _charge(doors: OperatorDoors, entry: Entry) -> ChargeDocument:
    bill = read_bill(entry.bill)
    card, margins = await doors.books.card(bill.rate_card), await doors.books.margins(bill.margins)
    try:
        return charge_document(entry, bill, explain(bill, entry.tenant, card, margins), "")
    except Unexplained as error:
        return charge_document(entry, bill, None, str(error))


async def verify(visit: Visit, query: Scope) -> VerdictDocument:
    """Check chain, sums, holds and charges. The status is 200 whatever is found: `ok` decides."""
    store = visit.doors.store
    tenant = (await store.find_tenant(query.tenant)).id if query.tenant else None
    return verdict_document(await store.verify(tenant))


async def follow_verification(visit: Visit, query: Scope) -> Streamed:
    """Verify and tell how it goes: a line of `entries` and `of` now and then, and the verdict as the last line."""
    doors = visit.doors
    tenant = (await doors.store.find_tenant(query.tenant)).id if query.tenant else ""
    return Streamed(NDJSON, _followed(doors.books.verifying(tenant)))


async def _followed(steps: AsyncIterator[Progress | Verdict]) -> AsyncIterator[bytes]:
    async for step in steps:
        yield json.encode(verdict_document(step) if isinstance(step, Verdict) else step) + b"\n"
