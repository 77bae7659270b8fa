"""Spend caps, and how they stand."""

from msgspec import Struct

from proxy.clock import timestamp
from proxy.ledger.cap import Span, Standing
from proxy.money import format_usd
from proxy.web.operator.documents.page import Time


class CapDocument(Struct, frozen=True, kw_only=True):
    """A spend cap in its window of now. What it is not narrowed to is null; `model` may be a glob.

    `spent_usd` is what its calls were charged or waived, `held_usd` what running ones hold, `left_usd` what a new hold
    may take, at least 0. `limit_usd` and `left_usd` are null only in the answer that unset it.
    """

    id: str
    tenant: str
    window: Span
    app: str | None
    key: str | None
    integration: str | None
    model: str | None
    limit_usd: str | None
    spent_usd: str
    held_usd: str
    left_usd: str | None
    period: str
    resets_at: Time
    set_at: Time


class CapList(Struct, frozen=True):
    """A page of caps in force, by id."""

    data: list[CapDocument]
    has_more: bool


def cap_document(standing: Standing, *, unset: bool = False) -> CapDocument:
    """Show how a cap stands, or stood when it was unset."""
    cap, window = standing.cap, standing.window
    place = cap.place
    return CapDocument(
        id=cap.id,
        tenant=place.tenant,
        window=place.span,
        app=place.app or None,
        key=place.key or None,
        integration=place.integration or None,
        model=place.model or None,
        limit_usd=None if unset else format_usd(cap.limit),
        spent_usd=format_usd(window.spent),
        held_usd=format_usd(window.held),
        left_usd=None if unset else format_usd(max(0, standing.left)),
        period=window.window,
        resets_at=timestamp(standing.resets_at),
        set_at=timestamp(cap.set_at),
    )
