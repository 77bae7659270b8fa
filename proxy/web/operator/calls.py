"""Calls read: those that are over, one with its whole story, what running ones hold, what nobody paid for."""

from typing import Annotated

from msgspec import Meta, Struct

from proxy.errors import BadRequest, Refusal
from proxy.ledger.call import Outcome
from proxy.store.books import FOREVER, CallQuery, ExposureQuery
from proxy.web.operator.documents.calls import (
    CallList,
    ExposureList,
    HoldList,
    call_document,
    exposure_row_document,
    hold_document,
)
from proxy.web.operator.documents.meanings import refusal_of
from proxy.web.operator.documents.page import Limit, cut
from proxy.web.operator.documents.stories import CallStory, story_document
from proxy.web.operator.doors import OperatorDoors, Visit
from proxy.web.operator.spans import Since, read_span

ANY = "any"


class CallPage(Since, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose calls, how they ended, from when; `refusal` is a code, or `any`. `before` ends the page before.

    `session` asks for the turns of one session.
    """

    tenant: str
    outcome: Outcome | None = None
    refusal: str = ""
    session: str = ""
    limit: Limit = 100
    before: str = ""


class HoldScope(Struct, frozen=True, forbid_unknown_fields=True):
    """Of one tenant or of all."""

    tenant: str = ""


class ExposurePage(Since, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one tenant or of all, from when; `before` is the last row of the page before."""

    tenant: str = ""
    limit: Limit = 100
    before: Annotated[int, Meta(ge=1, le=FOREVER)] = FOREVER


async def list_calls(visit: Visit, query: CallPage) -> CallList:
    """List a tenant's calls that are over, newest first, charged or not: answered, free, refused and failed."""
    doors = visit.doors
    tenant = (await doors.store.find_tenant(query.tenant)).id
    if query.refusal not in ("", ANY) and refusal_of(query.refusal) is None:
        known = ", ".join(sorted(refusal.code for refusal in Refusal))
        raise BadRequest(f"refusal: {query.refusal!r} is no code; known are {known}, and {ANY}")
    asked = CallQuery(
        tenant,
        query.limit + 1,
        query.before,
        read_span(query, doors.clock.now()),
        query.outcome or "",
        "*" if query.refusal == ANY else query.refusal,
        query.session,
    )
    records = await doors.books.calls(asked)
    return CallList(*cut([call_document(record) for record in records], query.limit))


async def show_call(visit: Visit, call: str) -> CallStory:
    """Show all that is kept of one call, running or over: how it ended, what it held, what it was charged."""
    return story_document(call, await visit.doors.books.story(call))


async def list_holds(visit: Visit, query: HoldScope) -> HoldList:
    """List what running calls and work that finishes later hold, oldest first."""
    tenant, books = await _tenant(visit.doors, query.tenant), visit.doors.books
    works = {work.call: work for work in await books.open_work(tenant)}
    return HoldList([hold_document(hold, works.get(hold.call)) for hold in await books.holds(tenant)])


async def list_exposures(visit: Visit, query: ExposurePage) -> ExposureList:
    """List upstream cost that no tenant was charged for, newest first."""
    doors = visit.doors
    span = read_span(query, doors.clock.now())
    asked = ExposureQuery(await _tenant(doors, query.tenant), query.limit + 1, query.before, span)
    rows = await doors.books.exposures(asked)
    return ExposureList(*cut([exposure_row_document(row) for row in rows], query.limit))


async def _tenant(doors: OperatorDoors, name: str) -> str:
    return (await doors.store.find_tenant(name)).id if name else ""
