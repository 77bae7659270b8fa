"""The ledger written out: every entry of a span, as it is read, in memory that does not grow with the ledger."""

import csv
import io
from collections.abc import AsyncIterator, Iterable
from enum import StrEnum

import msgspec

from proxy.clock import timestamp
from proxy.errors import BadRequest
from proxy.ledger.bill import read_bill, usages
from proxy.ledger.entry import Entry, Kind
from proxy.money import Quantity, format_usd
from proxy.web.operator.documents.entries import entry_details
from proxy.web.operator.doors import Visit
from proxy.web.operator.route import NDJSON, Streamed
from proxy.web.operator.spans import Since, read_span

CSV = "text/csv; charset=utf-8"
COLUMNS = (
    "id",
    "tenant",
    "seq",
    "kind",
    "created_at",
    "period",
    "amount_usd",
    "waived_usd",
    "balance_after_usd",
    "reference",
    "call",
    "key",
    "integration",
    "endpoint",
    "model",
    "certainty",
    "upstream_cost_usd",
    "charge_usd",
    "shortfall_usd",
    "exposure_usd",
    "usage",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class Format(StrEnum):
    """`csv` is for spreadsheets; `ndjson` has all of an entry, a document a line."""

    CSV = "csv"
    NDJSON = "ndjson"


class Export(Since, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tenant's entries or, with `all`, everybody's."""

    tenant: str = ""
    all: bool = False
    format: Format = Format.CSV
    kind: Kind | None = None


async def export_ledger(visit: Visit, query: Export) -> Streamed:
    """Write out the ledger, oldest entries first, tenant by tenant.

    What is written into the ledger meanwhile is left out. An answer that breaks off has no proper end.
    """
    doors = visit.doors
    if bool(query.tenant) == query.all:
        raise BadRequest("tenant: name one tenant, or ask for all")
    tenant = (await doors.store.find_tenant(query.tenant)).id if query.tenant else ""
    pages = doors.books.stream(tenant, read_span(query, doors.clock.now()), query.kind or "")
    if query.format is Format.NDJSON:
        return Streamed(NDJSON, _lines(pages))
    return Streamed(CSV, _rows(pages))


async def _lines(pages: AsyncIterator[Iterable[Entry]]) -> AsyncIterator[bytes]:
    async for page in pages:
        yield b"".join(_ENCODER.encode(entry_details(entry)) + b"\n" for entry in page)


async def _rows(pages: AsyncIterator[Iterable[Entry]]) -> AsyncIterator[bytes]:
    yield _csv([COLUMNS])
    async for page in pages:
        yield _csv(row(entry) for entry in page)


def row(entry: Entry) -> list[str]:
    """Return an entry as a row of `COLUMNS`. Text that a spreadsheet would run as a formula begins with a quote."""
    cells = [
        entry.id,
        entry.tenant,
        str(entry.seq),
        entry.kind,
        timestamp(entry.created_at),
        entry.period,
        format_usd(entry.amount_nanos),
        format_usd(entry.waived_nanos),
        format_usd(entry.balance_after_nanos),
        _inert(entry.reference),
    ]
    return cells + (_call(entry.bill) if entry.bill else [""] * (len(COLUMNS) - len(cells)))


def _call(text: str) -> list[str]:
    bill = read_bill(text)
    used = usages(bill)
    quantities = _told(used.own.items())
    for model, others in used.others.items():
        quantities += f" {model}: {_told(others.items())}"
    return [
        bill.call,
        bill.key,
        *(_inert(text) for text in (bill.integration, bill.endpoint, bill.model)),
        bill.certainty.value,
        *(
            format_usd(nanos)
            for nanos in (bill.upstream_cost_nanos, bill.charge_nanos, bill.shortfall_nanos, bill.exposure_nanos)
        ),
        _inert(quantities.strip()),
    ]


def _told(quantities: Iterable[tuple[str, Quantity]]) -> str:
    return " ".join(f"{unit}={quantity}" for unit, quantity in quantities)


def _inert(text: str) -> str:
    """Keep a spreadsheet from reading text as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


_ENCODER = msgspec.json.Encoder(decimal_format="number")
