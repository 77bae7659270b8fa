"""The operator's questions, answered from a SQLite file: `doors` are in `proxy/store/books.py`."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event

from msgspec import Struct, json, structs

from proxy.errors import BadRequest, LedgerUnavailable
from proxy.ids import ulid
from proxy.ledger.call import CallRecord
from proxy.ledger.entry import Entry
from proxy.ledger.hold import Hold
from proxy.ledger.report import By, Report
from proxy.ledger.work import Work
from proxy.pricing.card import RateCard
from proxy.pricing.cascade import MarginTable
from proxy.store.books import EVER, CallQuery, EntryQuery, ExposureQuery, ExposureRow, Progress, Span, Story
from proxy.store.doors import Verdict
from proxy.store.sql.queries import load
from proxy.store.sqlite.connect import connect_reader
from proxy.store.sqlite.reader import Reader
from proxy.store.sqlite.rows import margin_table, to_call, to_entry, to_exposure, to_hold, to_margin, to_work
from proxy.store.sqlite.verify import verify_file

PAGE = 100
"""Entries that a stream reads at once: few enough that writing them out (a few milliseconds) delays no call."""

_LAST_CALL = "call`"
"""Sorts after every call's id."""

_SLACK_MS = 60_000
"""A call's id and its record are stamped apart; more than this never lies between the two."""


class BooksSql(Struct, frozen=True, forbid_unknown_fields=True):
    """The queries of `books.sql`."""

    entry: str
    call_entry: str
    entries: str
    entries_after: str
    wallets: str
    balance_at: str
    usage: str
    calls: str
    sessions: str
    call: str
    hold: str
    open_holds: str
    work: str
    open_work: str
    call_exposures: str
    exposures: str
    rate_card: str
    margins: str


BOOKS = load("sqlite/books.sql", BooksSql)


class SqliteBooks:
    """Implements `books.Books` on a reader of its own; sums are made on threads with connections of theirs."""

    def __init__(self, path: Path, reader: Reader) -> None:
        self._path = path
        self._reader = reader
        self._closed = False

    @classmethod
    async def open(cls, path: Path) -> "SqliteBooks":
        """Open a database that exists. Raises LedgerUnavailable."""
        return cls(path, await Reader.open(path))

    async def close(self) -> None:
        """Let go of the file. Closing twice is nothing."""
        if not self._closed:
            self._closed = True
            await self._reader.close()

    async def entry(self, name: str) -> Entry:
        """Return an entry by its id, or by its call's."""
        row = await self._reader.one(BOOKS.entry, (name,)) or await self._reader.one(BOOKS.call_entry, (name,))
        if row is None:
            raise _not_found(f"entry {name}")
        return to_entry(row)

    async def entries(self, query: EntryQuery) -> Sequence[Entry]:
        """Return a wallet's entries, newest first."""
        span = query.span
        values = (query.tenant, query.before_seq, span.since, span.until, query.kind, query.limit)
        return [to_entry(row) for row in await self._reader.all(BOOKS.entries, values)]

    async def stream(self, tenant: str, span: Span, kind: str = "") -> AsyncIterator[Sequence[Entry]]:
        """Yield entries in pages, oldest first, wallet by wallet."""
        for owner, last in await self._reader.all(BOOKS.wallets, (tenant,)):
            seq = 0
            while seq < last:
                values = (owner, seq, last, span.since, span.until, kind, PAGE)
                page = [to_entry(row) for row in await self._reader.all(BOOKS.entries_after, values)]
                if page:
                    yield page
                seq = page[-1].seq if len(page) == PAGE else last

    async def calls(self, query: CallQuery) -> Sequence[CallRecord]:
        """Return a tenant's calls, newest first."""
        span = query.span
        first = f"call_{ulid(max(0, span.since // 1000 - _SLACK_MS), 0)}"
        values = (query.tenant, first, query.before or _LAST_CALL, span.since, span.until)
        rows = await self._reader.all(BOOKS.calls, (*values, query.outcome, query.refusal, query.session, query.limit))
        return [to_call(row) for row in rows]

    async def sessions(self, calls: Sequence[str]) -> Mapping[str, str]:
        """Return the sessions of those calls that are turns."""
        rows = await self._reader.all(BOOKS.sessions, (json.encode(calls).decode(),))
        return {row[0]: row[1] for row in rows}

    async def story(self, call: str) -> Story:
        """Return all that is kept of a call."""
        reader = self._reader
        record, hold = await reader.one(BOOKS.call, (call,)), await reader.one(BOOKS.hold, (call,))
        if record is None and hold is None:
            raise _not_found(f"call {call}")
        entry = await reader.one(BOOKS.call_entry, (call,))
        exposures = await reader.all(BOOKS.call_exposures, (call,))
        work = await reader.one(BOOKS.work, (call,))
        story = Story(
            None if record is None else to_call(record),
            None if hold is None else to_hold(hold),
            None if entry is None else to_entry(entry),
            tuple(to_exposure(row) for row in exposures),
            0,
            None if work is None else to_work(work),
        )
        balance = await reader.one(BOOKS.balance_at, (story.of.tenant, story.began_at))
        return structs.replace(story, balance_before=0 if balance is None else balance[0])

    async def holds(self, tenant: str) -> Sequence[Hold]:
        """Return open holds, oldest first."""
        return [to_hold(row) for row in await self._reader.all(BOOKS.open_holds, (tenant,))]

    async def open_work(self, tenant: str) -> Sequence[Work]:
        """Return what open holds belong to."""
        return [to_work(row) for row in await self._reader.all(BOOKS.open_work, (tenant,))]

    async def exposures(self, query: ExposureQuery) -> Sequence[ExposureRow]:
        """Return exposures, newest first."""
        values = (query.tenant, query.before, query.span.since, query.span.until, query.limit)
        return [ExposureRow(row[0], to_exposure(row[1:])) for row in await self._reader.all(BOOKS.exposures, values)]

    async def usage(self, tenant: str, by: By | None, span: Span) -> Report:
        """Sum a tenant's entries, as of one moment, on a thread."""
        return await asyncio.to_thread(sum_usage, self._path, tenant, by, span)

    async def verifying(self, tenant: str) -> AsyncIterator[Progress | Verdict]:
        """Verify on a thread; yield progress, and the verdict last."""
        loop = asyncio.get_running_loop()
        told: asyncio.Queue[Progress | None] = asyncio.Queue()
        left = Event()

        def tell(checked: int, of: int) -> None:
            if left.is_set():
                raise _Left
            loop.call_soon_threadsafe(told.put_nowait, Progress(checked, of))

        work = loop.run_in_executor(None, verify_file, self._path, tenant, tell)
        work.add_done_callback(lambda _: told.put_nowait(None))
        try:
            while (progress := await told.get()) is not None:
                yield progress
            yield await work
        finally:
            left.set()
            with suppress(_Left):
                await work

    async def card(self, version: str) -> RateCard:
        """Return a rate card that was in force once."""
        row = await self._reader.one(BOOKS.rate_card, (version,))
        if row is None:
            raise _not_found(f"rate card {version}")
        return json.decode(row[0], type=RateCard)

    async def margins(self, version: int) -> MarginTable:
        """Return the margin table as of a version."""
        return margin_table([to_margin(row) for row in await self._reader.all(BOOKS.margins)], version)


class _Left(Exception):
    """Whoever asked for a verification has left."""


def sum_usage(path: Path, tenant: str, by: By | None, span: Span = EVER) -> Report:
    """Sum a tenant's entries, row by row. Raises LedgerUnavailable if the file cannot be read."""
    report = Report(by)
    try:
        connection = connect_reader(path)
        try:
            for row in connection.execute(BOOKS.usage, (tenant, span.since, span.until)):
                report.add(to_entry(row))
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error
    return report


def _not_found(what: str) -> BadRequest:
    return BadRequest(f"there is no {what}", code="not_found", status=404)
