"""Faults planted in the house, to see that the worlds find them: a simulator that finds nothing proves nothing.

Each replaces one function by another that forgets something which the real one does. `plant` puts the real one back.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import structs

from proxy import call as life
from proxy import doors as doors_module
from proxy import later, waiting
from proxy.jobs import recovery
from proxy.ledger import bill as billing
from proxy.ledger import transitions
from proxy.ledger.call import Ending, Receipt
from proxy.ledger.hold import HoldRequest, HoldState, open_hold
from proxy.ledger.wallet import Ask, Wallet
from proxy.pricing import formula
from proxy.steps import hold as hold_step
from proxy.steps import price, settle
from proxy.steps.meter import HeldBytes, Relay
from proxy.store.sqlite import batch, committer, ledger, verbs
from proxy.upstream.door import UpstreamFailed
from proxy.usage import seen
from proxy.usage.certainty import Certainty
from proxy.wire import remover
from simulator import house
from simulator.disk import SimJournal

Put = Callable[[Any, str, Any], None]
BUGS: dict[str, Callable[[Put], None]] = {}


def bug(plan: Callable[[Put], None]) -> Callable[[Put], None]:
    """Register a planted fault under its function's name; its docstring says what is wrong."""
    BUGS[plan.__name__] = plan
    return plan


@contextlib.contextmanager
def plant(name: str) -> Iterator[None]:
    """Let the house have a fault for a while."""
    before: list[tuple[Any, str, Any]] = []

    def put(where: Any, attribute: str, other: Any) -> None:
        before.append((where, attribute, getattr(where, attribute)))
        setattr(where, attribute, other)

    try:
        BUGS[name](put)
        yield
    finally:
        for where, attribute, real in reversed(before):
            setattr(where, attribute, real)


@bug
def guard_removed(put: Put) -> None:
    """A hold is granted whatever the wallet has."""

    def begin(wallet: Wallet, request: HoldRequest, epoch: int, _standings: Sequence[Any] = ()) -> Any:
        most = request.ask.most
        return structs.replace(wallet, held=wallet.held + most), open_hold(request, most, epoch, ())

    put(transitions, "begin", begin)


@bug
def guard_looks_at_the_balance_only(put: Put) -> None:
    """Admission forgets what running calls hold."""

    def hold(wallet: Wallet, amount: int) -> Wallet:
        return structs.replace(wallet, held=wallet.held + amount)

    put(transitions, "grant", lambda available, ask: min(ask.most, max(ask.least, ask.base + ask.floor)))
    put(transitions, "hold", hold)


@bug
def hold_not_awaited(put: Put) -> None:
    """The call is sent while its hold is still on its way to the disk."""
    real = ledger.SqliteLedger.hold

    async def hold(self: Any, request: HoldRequest) -> Any:
        task = asyncio.ensure_future(real(self, request))
        self.not_awaited = [*getattr(self, "not_awaited", []), task]
        return open_hold(request, request.ask.most, self.epoch, ())

    put(ledger.SqliteLedger, "hold", hold)


@bug
def ending_not_awaited(put: Put) -> None:
    """The answer ends while its settlement is still on its way to the disk."""
    real = ledger.SqliteLedger.end

    async def end(self: Any, ending: Ending) -> Receipt:
        self.not_awaited = [*getattr(self, "not_awaited", []), asyncio.ensure_future(real(self, ending))]
        return Receipt()

    put(ledger.SqliteLedger, "end", end)


@bug
def deposit_not_awaited(put: Put) -> None:
    """A payment is acknowledged before it is on disk, and may fail."""
    real = ledger.SqliteLedger.deposit

    async def deposit(self: Any, given: Any) -> Any:
        task = asyncio.ensure_future(real(self, given))
        self.not_awaited = [*getattr(self, "not_awaited", []), task]
        wallet = Wallet(given.tenant, balance=10**12)
        return transitions.deposit(wallet, given)[1]  # type: ignore[index]  # that wallet is not short

    put(ledger.SqliteLedger, "deposit", deposit)


@bug
def not_settled_when_the_caller_is_gone(put: Put) -> None:
    """Nobody is waiting, so nobody ends the hold."""
    real = settle.settle

    async def forgets(ending: Ending, *rest: Any) -> Any:
        return None if ending.record.outcome == "caller_gone" else await real(ending, *rest)

    put(life, "settle", forgets)


@bug
def settled_twice(put: Put) -> None:
    """A call that was settled late is settled again under another name."""
    real = verbs.end

    def end(batch_: Any, ending: Ending) -> Receipt:
        receipt = real(batch_, ending)
        if ending.bill is not None and not receipt.already:
            wallet = batch_.wallet(ending.record.tenant)
            batch_.move(structs.replace(wallet, balance=wallet.balance - receipt.paid_nanos))
        return receipt

    put(verbs, "end", end)


@bug
def release_before_settle(put: Put) -> None:
    """The hold is given back, and the charge is forgotten where the usage was not exact."""
    real = transitions.end

    def end(wallet: Wallet, open_: Any, ending: Ending) -> Any:
        if ending.bill is not None and ending.bill.certainty is not Certainty.EXACT:
            ending = structs.replace(ending, bill=None)
        return real(wallet, open_, ending)

    put(transitions, "end", end)


@bug
def usage_summed(put: Put) -> None:
    """Cumulative usage is added up."""
    put(seen.Seen, "see_usage", lambda self, value, _falls, _changes: seen.Seen.add_usage(self, value))


@bug
def usage_of_the_first_word(put: Put) -> None:
    """The first usage that is said is kept."""
    real = seen.Seen.see_usage

    def see_usage(self: Any, value: Any, falls: Any, changes: Any) -> None:
        if not self.usage:
            real(self, value, falls, changes)

    put(seen.Seen, "see_usage", see_usage)


@bug
def absurd_usage_believed(put: Put) -> None:
    """A negative count is taken for a count."""
    real = price._evidence  # it is the guard

    def evidence(permit: Any, reading: Any, input_at_least: bool) -> Any:
        if reading.invalid:
            return Certainty.EXACT, {"input_tokens": 1}
        return real(permit, reading, input_at_least)

    put(price, "_evidence", evidence)


@bug
def cut_answers_exposed_as_nothing(put: Put) -> None:
    """What the provider may have billed beyond what was seen is on no book."""
    real = life.failure
    put(life, "failure", lambda call, failed: structs.replace(real(call, failed), unseen=False))


@bug
def exposure_dropped(put: Put) -> None:
    """Exposure is worked out, and not written down."""
    put(transitions, "_expose", lambda *_: None)


@bug
def estimates_charged_above_the_hold(put: Put) -> None:
    """Usage that is only estimated is charged in full."""
    real = billing.Bill.due

    def due(self: Any, *, waived: bool, unasked: int = 0) -> Any:
        return structs.replace(real(self, waived=waived, unasked=unasked), certainty=Certainty.EXACT)

    put(billing.Bill, "due", due)
    put(price, "BYTES_PER_TOKEN", 0.01)
    put(price, "ceil_div", lambda amount, by: int(amount / by) + 1)


@bug
def errors_charged(put: Put) -> None:
    """The input of a call that the provider refused is charged."""
    real = life.bill_of

    def bill_of(call: Any, permit: Any, held: Any, end: Any) -> Any:
        if call.relay is not None and call.relay.status >= 400:
            return price.price_call(permit, held, None, input_at_least=True)
        return real(call, permit, held, end)

    put(life, "bill_of", bill_of)


@bug
def margin_of_the_end(put: Put) -> None:
    """The charge takes the margin that is in force when the call ends."""
    real = formula.Prices.margin
    tables: list[Any] = []

    def margin(self: Any, unit: str) -> Any:
        if not tables or tables[-1].version < self.margins.version:
            tables.append(self.margins)
        return tables[-1].resolve(self.tenant, self.integration, unit) if tables else real(self, unit)

    put(formula.Prices, "margin", margin)


@bug
def rounded_up(put: Put) -> None:
    """Charges are rounded up, one nano here and one there."""
    put(formula, "round_half_even", lambda amount, over: -(-amount // over))


@bug
def recovery_skipped(put: Put) -> None:
    """Calls that a dead server left behind keep their holds."""

    async def recover(*_: Any) -> Any:
        return recovery.Recovered(0, 0, 0)

    put(house, "recover", recover)


@bug
def recovery_without_exposure(put: Put) -> None:
    """Recovery takes it that nothing was used beyond what was seen."""
    real = recovery.by_evidence
    put(recovery, "by_evidence", lambda *of: structs.replace(real(*of), unseen=False))


@bug
def recovery_without_evidence(put: Put) -> None:
    """Recovery does not look at checkpoints."""
    real = recovery.by_evidence
    put(recovery, "by_evidence", lambda *of: structs.replace(real(*of), bill=None))


@bug
def journal_not_replayed(put: Put) -> None:
    """Endings that only the journal knows are forgotten at a start."""

    async def read(_: Any) -> list[Ending]:
        return []

    put(SimJournal, "read", read)


@bug
def journal_forgotten_too_soon(put: Put) -> None:
    """An ending is taken out of the journal before the ledger has it."""
    real = settle.settle

    async def settle_(ending: Ending, ledger_: Any, journal: Any, tasks: Any, late: Any) -> Any:
        receipt = await real(ending, ledger_, journal, tasks, late)
        if receipt is None:
            await journal.settled(ending.record.id)
        return receipt

    put(life, "settle", settle_)


@bug
def no_journal(put: Put) -> None:
    """A ledger that is slow is not waited for, and nothing is written down instead."""

    async def settle_(ending: Ending, ledger_: Any, _journal: Any, tasks: Any, _late: Any) -> Any:
        with contextlib.suppress(TimeoutError, Exception):
            return await tasks.within(settle.COMMIT_S, ledger_.end(ending))
        return None

    put(life, "settle", settle_)


@bug
def failed_commit_taken_for_done(put: Put) -> None:
    """A transaction that was rolled back is answered as if it had been made."""
    real = committer.Committer._unavailable  # it is the guard

    def unavailable(self: Any, verbs_: Sequence[Any], why: str) -> list[Any]:
        return [Receipt() if self.broken == "" else each for each in real(self, verbs_, why)]

    put(committer.Committer, "_unavailable", unavailable)


@bug
def wallet_read_stale(put: Put) -> None:
    """Two verbs of a batch see the same wallet."""
    put(batch.Batch, "move", lambda self, wallet: (self._moved.add(wallet.tenant), self._wallets.update(
        {wallet.tenant: structs.replace(wallet, held=wallet.held if len(self._opened) else 0)})))  # fmt: skip


@bug
def truncated_stream_ended_well(put: Put) -> None:
    """A stream that broke off gets a good end."""

    async def break_off(self: Any, event: bytes) -> None:
        await self._sink.finish()

    put(Relay, "break_off", break_off)


@bug
def cut_taken_for_whole(put: Put) -> None:
    """An answer that is cut counts as one that ended."""
    real = Relay.run

    async def run(self: Any) -> None:
        try:
            await real(self)
        except UpstreamFailed:
            self.whole = True

    put(Relay, "run", run)


@bug
def frame_left_in(put: Put) -> None:
    """The frame that a splice has added reaches the caller."""
    put(remover.FrameRemover, "feed", lambda self, piece: piece)
    put(remover.FrameRemover, "finish", lambda self: b"")


@bug
def last_byte_before_the_books(put: Put) -> None:
    """The caller gets the end of a stream before the call is settled."""
    real = Relay.run

    async def run(self: Any) -> None:
        await real(self)
        if self.whole and not self._holding:
            await self._write(self._take_kept())
            await self._sink.finish()
            self._sink = _Deaf(self._sink)

    put(Relay, "run", run)


class _Deaf:
    """A caller's connection that takes no more."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sink, name)

    async def write(self, data: bytes) -> None:
        """Take nothing."""

    async def finish(self) -> None:
        """Be over already."""


@bug
def memory_not_given_back(put: Put) -> None:
    """Answers that are kept keep their memory."""
    put(HeldBytes, "give", lambda self, amount: None)


@bug
def call_never_leaves(put: Put) -> None:
    """A call that has ended still counts as running."""
    put(doors_module.Running, "leave", lambda self, call: None)


@bug
def hold_too_small(put: Put) -> None:
    """The bound of the output is left out of what a call may cost."""
    real = HoldRequest

    def request(**of: Any) -> Any:
        ask = of["ask"]
        return real(**{**of, "ask": Ask(ask.base, ask.base, ask.base, 0), "cost_most": of["cost_most"] // 50})

    put(hold_step, "HoldRequest", request)


@bug
def work_forgotten(put: Put) -> None:
    """Work that finishes later is looked at once."""
    put(waiting.Waiting, "again", lambda *_: None)


@bug
def failed_work_kept(put: Put) -> None:
    """Work that has failed without usage keeps its hold."""
    real = later.close

    async def close(open_work: Any, fate: Any, answers: Any, doors: Any, **rest: Any) -> Any:
        if answers is None or not answers.reported:
            raise later.Unseen("it failed")
        return await real(open_work, fate, answers, doors, **rest)

    put(later, "close", close)


@bug
def work_released_with_its_call(put: Put) -> None:
    """The call that made the work ends the hold that belongs to the work."""
    real = life.finish

    async def finish(call: Any, end: Any, doors: Any) -> Any:
        if call.work is not None and call.work.call == call.id:
            doors.waiting.drop(call.id)
            call.work = None
        return await real(call, end, doors)

    put(life, "finish", finish)


@bug
def end_releases_only(put: Put) -> None:
    """A hold that is settled is not marked as over."""
    real = transitions._over  # it is the guard
    put(transitions, "_over", lambda open_, state: real(open_, HoldState.RELEASED))
