"""What a tenant used: sums of its entries."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from proxy.ledger.report import Report, Sums
from proxy.money import Quantity
from proxy.store.books import FOREVER, Span
from proxy.web.operator.documents.page import Time, moment


class UsageSums(Struct, frozen=True, kw_only=True):
    """Sums of entries: what was charged and what was waived; a shortfall is what the wallet could not pay.

    The price is the three together. `usage` has quantities by unit.
    """

    calls: int
    upstream_cost_nanos: int
    charged_nanos: int
    waived_nanos: int
    shortfall_nanos: int
    usage: dict[str, Quantity]


class UsageGroup(UsageSums, frozen=True, kw_only=True):
    """The part of one model, integration, endpoint, key, day or unit. A key has its app beside it."""

    name: str
    app: str | UnsetType = UNSET


class UsageDocument(Struct, frozen=True, kw_only=True):
    """A tenant's usage in a span of time, whole and in groups. Charges are dated by the end of their call."""

    tenant: str
    since: Time | None
    until: Time | None
    by: str | None
    total: UsageSums
    data: list[UsageGroup]


def usage_document(
    tenant: str, by: str | None, span: Span, report: Report, apps: Mapping[str, str] | None
) -> UsageDocument:
    """Show a report. `apps` are the labels of keys, None where groups are no keys."""
    return UsageDocument(
        tenant=tenant,
        since=moment(span.since or None),
        until=moment(None if span.until == FOREVER else span.until),
        by=by,
        total=UsageSums(**_fields(report.total)),
        data=[
            UsageGroup(name=name, app=UNSET if apps is None else apps.get(name, ""), **_fields(sums))
            for name, sums in report.groups()
        ],
    )


def _fields(sums: Sums) -> dict[str, Any]:
    return {
        "calls": sums.calls,
        "upstream_cost_nanos": sums.upstream_cost_nanos,
        "charged_nanos": sums.charged_nanos,
        "waived_nanos": sums.waived_nanos,
        "shortfall_nanos": sums.shortfall_nanos,
        "usage": dict(sorted(sums.usage.items())),
    }
