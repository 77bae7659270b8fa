"""What the operator may ask of what is kept: reads only, of entries, calls, holds, exposures and what priced them.

These answers are for people and reports. They come from connections of their own, so that a long one delays neither
calls nor other questions.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from proxy.errors import InvariantBroken
from proxy.ledger.call import CallRecord
from proxy.ledger.entry import Entry
from proxy.ledger.exposure import Exposure
from proxy.ledger.hold import Hold
from proxy.ledger.report import By, Report
from proxy.ledger.work import Work
from proxy.pricing.card import RateCard
from proxy.pricing.cascade import MarginTable
from proxy.store.doors import Verdict

FOREVER = 2**63 - 1


class Span(Struct, frozen=True):
    """From `since` on, up to but not including `until`: wall time in microseconds."""

    since: int = 0
    until: int = FOREVER


EVER = Span()


class EntryQuery(Struct, frozen=True):
    """Entries of one wallet below a sequence number; an empty `kind` is every kind."""

    tenant: str
    limit: int
    before_seq: int = FOREVER
    span: Span = EVER
    kind: str = ""


class CallQuery(Struct, frozen=True):
    """A tenant's calls that are over, older than the call `before`; an empty `outcome` or `refusal` is every one.

    `refusal` may be `*`: any. `session` asks for the turns of one session.
    """

    tenant: str
    limit: int
    before: str = ""
    span: Span = EVER
    outcome: str = ""
    refusal: str = ""
    session: str = ""


class ExposureQuery(Struct, frozen=True):
    """Exposures of one tenant or, if it is empty, of all, older than the row `before`."""

    tenant: str
    limit: int
    before: int = FOREVER
    span: Span = EVER


class ExposureRow(Struct, frozen=True):
    """An exposure and the number of its row, which pages go by."""

    row: int
    exposure: Exposure


class Story(Struct, frozen=True):
    """All that is kept of one call. `record` is None while it runs, `hold` if it never had one, `entry` without a bill.

    One of the first two is there. `work` is what finishes later, and its hold with it.
    `balance_before` is what its tenant's wallet had when the call began.
    """

    record: CallRecord | None
    hold: Hold | None
    entry: Entry | None
    exposures: tuple[Exposure, ...]
    balance_before: int
    work: Work | None = None

    @property
    def of(self) -> CallRecord | Hold:
        """What says whose call it is, and where it went."""
        known = self.record or self.hold
        if known is None:
            raise InvariantBroken("a call of which nothing is kept has no story")
        return known

    @property
    def began_at(self) -> int:
        """When the call began, in microseconds."""
        return self.record.started_at if self.record is not None else self.hold.created_at if self.hold else 0


class Progress(Struct, frozen=True):
    """How far a verification is: entries checked, of how many."""

    entries: int
    of: int


class Books(Protocol):
    """The operator's questions. BadRequest 404: what was named does not exist. LedgerUnavailable: no answer now."""

    async def entry(self, name: str) -> Entry:
        """Return an entry by its own id, or by the id of the call that it charges."""
        ...

    async def entries(self, query: EntryQuery) -> Sequence[Entry]:
        """Return a wallet's entries, newest first."""
        ...

    def stream(self, tenant: str, span: Span, kind: str = "") -> AsyncIterator[Sequence[Entry]]:
        """Yield entries in pages, oldest first, of one wallet or, if `tenant` is empty, wallet by wallet.

        What is written after the first page was asked for is left out.
        """
        ...

    async def calls(self, query: CallQuery) -> Sequence[CallRecord]:
        """Return a tenant's calls, newest first."""
        ...

    async def sessions(self, calls: Sequence[str]) -> Mapping[str, str]:
        """Return the session of each of these calls that is a turn of one."""
        ...

    async def story(self, call: str) -> Story:
        """Return all that is kept of a call."""
        ...

    async def holds(self, tenant: str) -> Sequence[Hold]:
        """Return open holds, oldest first, of one tenant or, if it is empty, of all."""
        ...

    async def open_work(self, tenant: str) -> Sequence[Work]:
        """Return the work that open holds belong to, of one tenant or, if it is empty, of all."""
        ...

    async def exposures(self, query: ExposureQuery) -> Sequence[ExposureRow]:
        """Return exposures, newest first."""
        ...

    async def usage(self, tenant: str, by: By | None, span: Span) -> Report:
        """Sum a tenant's entries; memory does not grow with their number."""
        ...

    def verifying(self, tenant: str) -> AsyncIterator[Progress | Verdict]:
        """Verify one tenant's books or, if it is empty, all; yield progress now and then, and the verdict last.

        Who stops asking stops the verification.
        """
        ...

    async def card(self, version: str) -> RateCard:
        """Return a rate card that priced something once."""
        ...

    async def margins(self, version: int) -> MarginTable:
        """Return the margin table as of a version."""
        ...
