"""Margins: put one in force at one of the six levels, list those in force."""

from msgspec import Struct

from proxy.errors import BadRequest
from proxy.pricing.cascade import DEFAULT_PCT, Slot
from proxy.web.operator.amounts import DecimalNumber, read_pct
from proxy.web.operator.documents.margins import MarginDocument, MarginList, margin_document
from proxy.web.operator.doors import OperatorDoors, Visit


class NewMargin(Struct, frozen=True, forbid_unknown_fields=True):
    """A percentage and where it applies. `meter` is `INTEGRATION.UNIT`, or a unit beside `integration`."""

    pct: DecimalNumber
    tenant: str | None = None
    integration: str | None = None
    meter: str | None = None


async def set_margin(visit: Visit, body: NewMargin) -> MarginDocument:
    """Put a margin in force for calls that begin from now on."""
    doors = visit.doors
    pct = read_pct("pct", body.pct)
    integration, unit = _meter(doors, body.integration, body.meter)
    tenant = None if body.tenant is None else (await doors.store.find_tenant(body.tenant)).id
    slot: Slot = (tenant, integration, unit)
    return margin_document(await doors.store.set_margin(slot, pct, doors.clock.now()))


async def list_margins(visit: Visit) -> MarginList:
    """List the margins in force; where none of them applies, `default_pct` does."""
    rows = await visit.doors.store.margin_rows()
    return MarginList([margin_document(row) for row in rows], str(DEFAULT_PCT))


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
