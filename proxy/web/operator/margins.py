"""Margins: put one in force at one of the six levels, take it out again, list those in force."""

from msgspec import Struct

from proxy.errors import BadRequest
from proxy.pricing.cascade import DEFAULT_PCT, Slot
from proxy.pricing.levels import look
from proxy.web.operator.amounts import DecimalNumber, read_pct
from proxy.web.operator.documents.margins import (
    MarginDocument,
    MarginExplanation,
    MarginList,
    explanation_document,
    margin_document,
)
from proxy.web.operator.doors import OperatorDoors, Visit


class MarginPlace(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a margin applies. `meter` is `INTEGRATION.UNIT`, or a unit beside `integration`."""

    tenant: str | None = None
    integration: str | None = None
    meter: str | None = None


class NewMargin(MarginPlace, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A percentage and where it applies. `meter` is `INTEGRATION.UNIT`, or a unit beside `integration`."""

    pct: DecimalNumber


async def set_margin(visit: Visit, body: NewMargin) -> MarginDocument:
    """Put a margin in force for calls that begin from now on."""
    doors = visit.doors
    pct = read_pct("pct", body.pct)
    slot = await _slot(doors, body)
    return margin_document(await doors.store.set_margin(slot, pct, visit.now, visit.by))


async def unset_margin(visit: Visit, query: MarginPlace) -> MarginDocument:
    """Take a margin out of force: calls that begin from now on meet the next wider one.

    Without any parameter it is the global one, and the default applies again.
    """
    slot = await _slot(visit.doors, query)
    return margin_document(await visit.doors.store.unset_margin(slot, visit.now, visit.by))


async def list_margins(visit: Visit) -> MarginList:
    """List the margins in force; where none of them applies, `default_pct` does."""
    rows = await visit.doors.store.margin_rows()
    return MarginList([margin_document(row) for row in rows], str(DEFAULT_PCT))


async def _slot(doors: OperatorDoors, place: MarginPlace) -> Slot:
    """Return the slot that a request speaks of, all of it known. Raises BadRequest."""
    integration, unit = _meter(doors, place.integration, place.meter)
    tenant = None if place.tenant is None else (await doors.store.find_tenant(place.tenant)).id
    return tenant, integration, unit


async def explain_margin(visit: Visit, query: MarginPlace) -> MarginExplanation:
    """Explain which margin holds: the levels in the order in which they are looked at, and the one that decides."""
    tenant, integration, unit = await _slot(visit.doors, query)
    table = visit.doors.store.margins()
    units = {
        slot[2]
        for slot in table.slots
        if unit is None and slot[2] is not None and slot[1] == integration and slot[0] in (None, tenant)
    }
    looks = look(table, tenant, integration, unit)
    meters = {each: look(table, tenant, integration, each) for each in units}
    return explanation_document((tenant, integration, unit), table.version, looks, meters)


def _meter(doors: OperatorDoors, integration: str | None, meter: str | None) -> tuple[str | None, str | None]:
    """Return the integration and the unit that a request speaks of, both known. Raises BadRequest."""
    unit = meter
    if meter is not None and "." in meter:
        owner, unit = meter.split(".", 1)
        if integration not in (None, owner):
            raise BadRequest(f"meter: {meter} is not a meter of {integration}")
        integration = owner
    if unit is not None and integration is None:
        raise BadRequest(f"meter: {unit!r} needs its integration; write INTEGRATION.{unit}")
    if integration is not None and integration not in doors.integrations:
        known = ", ".join(sorted(doors.integrations))
        raise BadRequest(f"integration: {integration!r} is unknown; known here: {known}")
    if unit is not None and unit not in doors.units:
        raise BadRequest(f"meter: {unit!r} is no unit; known are {', '.join(sorted(doors.units))}")
    return integration, unit
