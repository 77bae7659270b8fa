"""Calls that are over, what running ones hold, and what no tenant paid for."""

from typing import Any

from msgspec import Struct

from proxy.clock import timestamp
from proxy.ledger.call import CallRecord
from proxy.ledger.exposure import Exposure
from proxy.ledger.hold import Hold
from proxy.ledger.work import Work
from proxy.store.books import ExposureRow
from proxy.web.operator.documents.page import Time


class CallDocument(Struct, frozen=True, kw_only=True):
    """A call that is over, charged or not. `session` is the call of the WebSocket that it is a turn of."""

    id: str
    key: str
    integration: str
    endpoint: str
    model: str
    outcome: str
    status: int
    refusal: str | None
    session: str | None
    started_at: Time
    ended_at: Time


class CallList(Struct, frozen=True):
    """A page of calls, newest first."""

    data: list[CallDocument]
    has_more: bool


class WorkDocument(Struct, frozen=True, kw_only=True):
    """Work that finishes later: the provider's object that a hold belongs to, and by when it must be over there."""

    kind: str
    object: str
    created_at: Time
    deadline_at: Time


class HoldDocument(Struct, frozen=True, kw_only=True):
    """What a running call, or work that finishes later, reserves: on the wallet, and on each spend cap it is under."""

    call: str
    tenant: str
    app: str
    integration: str
    endpoint: str
    model: str
    held_nanos: int
    cap_held_nanos: int
    caps: list[str]
    upstream_cost_nanos: int
    waived: bool
    created_at: Time
    work: WorkDocument | None


class HoldList(Struct, frozen=True):
    """Every open hold, oldest first."""

    data: list[HoldDocument]


class ExposureDocument(Struct, frozen=True, kw_only=True):
    """Upstream cost that no tenant was charged for; `at_most` where it was never seen."""

    call: str
    tenant: str
    integration: str
    exposure_nanos: int
    reason: str
    at_most: bool
    at: Time


class ExposureRowDocument(ExposureDocument, frozen=True, kw_only=True):
    """An exposure and its row, which pages go by."""

    row: int


class ExposureList(Struct, frozen=True):
    """A page of exposures, newest first."""

    data: list[ExposureRowDocument]
    has_more: bool


def call_document(record: CallRecord) -> CallDocument:
    """Show a call."""
    return CallDocument(
        id=record.id,
        key=record.key,
        integration=record.integration,
        endpoint=record.endpoint,
        model=record.model,
        outcome=record.outcome.value,
        status=record.status,
        refusal=record.refusal or None,
        session=record.session or None,
        started_at=timestamp(record.started_at),
        ended_at=timestamp(record.ended_at),
    )


def hold_document(hold: Hold, work: Work | None = None) -> HoldDocument:
    """Show an open hold."""
    return HoldDocument(
        call=hold.call,
        tenant=hold.tenant,
        app=hold.app,
        integration=hold.integration,
        endpoint=hold.endpoint,
        model=hold.model,
        held_nanos=hold.wallet_nanos,
        cap_held_nanos=hold.cap_nanos,
        caps=[cap for cap, _ in hold.windows],
        upstream_cost_nanos=hold.cost_nanos,
        waived=hold.waived,
        created_at=timestamp(hold.created_at),
        work=work_document(work),
    )


def work_document(work: Work | None) -> WorkDocument | None:
    """Show work that finishes later, if there is any."""
    if work is None:
        return None
    return WorkDocument(
        kind=work.kind,
        object=work.object,
        created_at=timestamp(work.created_at),
        deadline_at=timestamp(work.deadline_at),
    )


def exposure_document(exposure: Exposure) -> ExposureDocument:
    """Show an exposure."""
    return ExposureDocument(**_exposure(exposure))


def exposure_row_document(row: ExposureRow) -> ExposureRowDocument:
    """Show an exposure in a list."""
    return ExposureRowDocument(row=row.row, **_exposure(row.exposure))


def _exposure(exposure: Exposure) -> dict[str, Any]:
    return {
        "call": exposure.call,
        "tenant": exposure.tenant,
        "integration": exposure.integration,
        "exposure_nanos": exposure.nanos,
        "reason": exposure.reason,
        "at_most": exposure.at_most,
        "at": timestamp(exposure.at),
    }
