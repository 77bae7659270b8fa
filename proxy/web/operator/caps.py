"""Spend caps: put one in force, take it out again, list how they stand."""

from msgspec import Struct

from proxy.errors import BadRequest
from proxy.ledger.cap import WARN_PERCENT, CapPlace, Span
from proxy.web.operator.amounts import DecimalNumber, read_usd
from proxy.web.operator.documents.caps import CapDocument, CapList, cap_document
from proxy.web.operator.documents.page import Limit, cut
from proxy.web.operator.doors import OperatorDoors, Visit
from proxy.web.operator.keys import LABEL_LENGTH_MAX


class CapQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which cap: of a tenant's calls by the day or by the month (UTC), all of them or narrowed.

    `app` is the label of keys, `key` one key and those that rotations put in its place, `model` the model as it is
    asked for; globs (`small-*`) stand for many. Each combination is a cap of its own; a call is under all that fit it.
    """

    tenant: str
    window: Span
    app: str = ""
    key: str = ""
    integration: str = ""
    model: str = ""


class NewCap(CapQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much, and of which calls: a tenant's by the day or by the month (UTC), all of them or narrowed.

    `app` is the label of keys, `key` one key and those that rotations put in its place, `model` the model as it is
    asked for; globs (`small-*`) stand for many. Each combination is a cap of its own; a call is under all that fit it.
    """

    limit_usd: DecimalNumber


class CapPage(Struct, frozen=True, forbid_unknown_fields=True):
    """Which caps: of one tenant or of all; `after` is the last id of the page before.

    `near` is those of which 80 % or more is spent or held now, for who asks what stops a tenant's calls.
    """

    tenant: str = ""
    near: bool = False
    limit: Limit = 1000
    after: str = ""


async def set_cap(visit: Visit, body: NewCap) -> CapDocument:
    """Put a spend cap in force for calls that begin from now on, or change its limit.

    What was spent in its window before counts. Calls that run are counted when they end.
    """
    limit = read_usd("limit_usd", body.limit_usd)
    if limit < 0:
        raise BadRequest("limit_usd: a cap is at least 0, which lets nothing through that costs; unset it to lift it")
    store, place = visit.doors.store, await _place(visit.doors, body)
    if place.integration and place.integration not in visit.doors.integrations:
        known = ", ".join(sorted(visit.doors.integrations))
        raise BadRequest(f"integration: {place.integration!r} is unknown; known here: {known}")
    for label in (place.app, place.model):
        if len(label) > LABEL_LENGTH_MAX or not label.isprintable():
            raise BadRequest(f"app, model: at most {LABEL_LENGTH_MAX} printable characters each")
    return cap_document(await store.set_cap(visit.doors.ids.new("cap"), place, limit, visit.now, visit.by))


async def unset_cap(visit: Visit, query: CapQuery) -> CapDocument:
    """Take a spend cap out of force. It is named by all that it was set with."""
    place = await _place(visit.doors, query)
    return cap_document(await visit.doors.store.unset_cap(place, visit.now, visit.by), unset=True)


async def list_caps(visit: Visit, query: CapPage) -> CapList:
    """List the spend caps in force, by id, with what is spent, held and left in their windows of now."""
    store = visit.doors.store
    tenant = (await store.find_tenant(query.tenant)).id if query.tenant else None
    percent = WARN_PERCENT if query.near else 0
    found = await store.caps(tenant, visit.now, query.limit + 1, query.after, percent=percent)
    return CapList(*cut([cap_document(standing) for standing in found], query.limit))


async def _place(doors: OperatorDoors, asked: CapQuery) -> CapPlace:
    tenant = (await doors.store.find_tenant(asked.tenant)).id
    return CapPlace(tenant, asked.window, asked.app, asked.key, asked.integration, asked.model)
