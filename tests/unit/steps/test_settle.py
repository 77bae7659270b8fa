"""The ledger first, then the journal, and never neither: no proof, no answer."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from doubles.acme import TENANT
from doubles.books import make_id
from doubles.books import settle as ending_of

from proxy.errors import LedgerUnavailable
from proxy.ledger.call import Ending, Receipt
from proxy.steps import settle as step
from proxy.steps.settle import insist, settle
from proxy.tasks import Tasks

ENDING = ending_of(TENANT.id, 1)
RECEIPT = Receipt(paid_nanos=120_000)


class Books:
    """A ledger whose `end` does one thing after another, the last one for ever."""

    def __init__(self, *deeds: Callable[[], Awaitable[Receipt]]) -> None:
        self._deeds = list(deeds)
        self.asked: list[Ending] = []

    async def end(self, ending: Ending) -> Receipt:
        self.asked.append(ending)
        return await (self._deeds.pop(0) if len(self._deeds) > 1 else self._deeds[0])()


class Paper:
    """A journal in memory."""

    def __init__(self, fault: OSError | None = None) -> None:
        self.kept: list[Ending] = []
        self.forgotten: list[str] = []
        self._fault = fault
        self.forgot = asyncio.Event()

    async def append(self, ending: Ending) -> None:
        if self._fault is not None:
            raise self._fault
        self.kept.append(ending)

    async def settled(self, call: str) -> None:
        self.forgotten.append(call)
        self.forgot.set()


async def works() -> Receipt:
    return RECEIPT


async def fails() -> Receipt:
    raise LedgerUnavailable("disk full")


async def hangs() -> Receipt:
    await asyncio.Event().wait()
    return RECEIPT


class Late:
    """Is told of endings that the ledger took late."""

    def __init__(self) -> None:
        self.told: list[tuple[Ending, Receipt]] = []

    def __call__(self, ending: Ending, receipt: Receipt) -> None:
        self.told.append((ending, receipt))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for in the house is waited for here too, only shorter."""
    monkeypatch.setattr(step, "COMMIT_S", 0.02)
    monkeypatch.setattr(step, "RETRY_FIRST_S", 0.001)
    monkeypatch.setattr(step, "RETRY_MOST_S", 0.004)


async def test_the_ledger_in_time_needs_no_journal() -> None:
    tasks, books, journal, late = Tasks(), Books(works), Paper(), Late()
    assert await settle(ENDING, books, journal, tasks, late) is RECEIPT
    assert late.told == [], "its call counts what it gets back"
    assert (books.asked, journal.kept, len(tasks)) == ([ENDING], [], 0)


@pytest.mark.parametrize("trouble", [fails, hangs])
async def test_a_ledger_in_trouble_is_journalled_and_settled_later(trouble: Callable[[], Awaitable[Receipt]]) -> None:
    tasks, books, journal, late = Tasks(), Books(trouble, fails, fails, works), Paper(), Late()
    assert await settle(ENDING, books, journal, tasks, late) is None
    assert late.told == []
    assert (journal.kept, journal.forgotten, len(tasks)) == ([ENDING], [], 1)
    async with asyncio.timeout(5):
        await journal.forgot.wait()
    assert await tasks.drain(1) == 0
    assert books.asked == [ENDING] * 4
    assert journal.forgotten == [make_id("call", 1)]
    assert late.told == [(ENDING, RECEIPT)]


async def test_without_ledger_and_journal_there_is_no_proof() -> None:
    tasks, journal, late = Tasks(), Paper(OSError("read-only file system")), Late()
    books = Books(fails, fails, works)
    with pytest.raises(LedgerUnavailable, match="neither ledger nor journal can be written: read-only file system"):
        await settle(ENDING, books, journal, tasks, late)
    assert (len(tasks), late.told) == (0, []), "whoever knows what the caller was told says with what to insist"
    # The money must still find its end, as soon as the ledger can.
    await insist(ENDING, books, journal, late)
    assert (books.asked, late.told) == ([ENDING] * 3, [(ENDING, RECEIPT)])


async def test_what_the_ledger_may_still_commit_is_known_before_the_caller_is_told() -> None:
    """It was slow, and the journal could not be written: then the ledger decides, not a guess."""
    tasks, journal, books = Tasks(), Paper(OSError("disk full")), Books(hangs, works)
    assert await settle(ENDING, books, journal, tasks, Late()) is RECEIPT
    assert (books.asked, len(tasks)) == ([ENDING] * 2, 0)


async def test_a_fault_that_is_no_outage_is_not_swallowed() -> None:
    async def breaks() -> Receipt:
        raise ArithmeticError("a bug")

    with pytest.raises(ArithmeticError):
        await settle(ENDING, Books(breaks), Paper(), Tasks(), Late())


async def test_a_caller_who_cancels_is_not_taken_for_a_slow_ledger() -> None:
    journal = Paper()
    settling = Tasks().start(settle(ENDING, Books(hangs), journal, Tasks(), Late()), name="test")
    await asyncio.sleep(0)
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    assert journal.kept == []
