"""A state machine drives the real SQLite ledger, spend caps included, beside some lines of dicts and integers.

Deeds are handed over several at a time, so that they share batches; what comes back must be what the model says for
the same deeds one after the other.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from doubles.books import (
    CARD,
    MARKS,
    NOW,
    TODAY,
    StillClock,
    credit,
    make_id,
    make_request,
    make_tenant,
    release,
    settle,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec import structs

from proxy.clock import MICROS_PER_DAY
from proxy.errors import BadRequest, InvariantBroken
from proxy.ledger.call import NoHold, Receipt
from proxy.ledger.cap import Capped, CapPlace, Span
from proxy.ledger.entry import Entry, Kind
from proxy.ledger.wallet import Short
from proxy.store.sqlite.store import SqliteStore
from proxy.usage.certainty import Certainty

TENANTS = (make_tenant(1), make_tenant(2, name="globex"))
TOKEN = 1_200
"""The price of one input token in nano-USD."""

Deed = tuple[str, int, int, int]
"""What to do, for which call or entry, with how much, and a flag. The call's number says whose it is, what model it
asks for, and whether it begins today or tomorrow.
"""

At = tuple[CapPlace, str]
DAYS = (TODAY, "2026-11-22")
PLACES = tuple(
    CapPlace(tenant.id, span, model=model)
    for tenant in TENANTS
    for span, model in ((Span.DAILY, ""), (Span.MONTHLY, ""), (Span.DAILY, "m-*"))
)


def model_of(call: int) -> str:
    return "n-1" if call % 3 == 0 else "m-1"


def day_of(call: int) -> str:
    return DAYS[call >= 8]


def under(call: int) -> list[At]:
    """The windows that a call would be in if every cap were in force."""
    places = [place for place in PLACES if place.tenant == TENANTS[call % 2].id and place.model[:1] in model_of(call)]
    return [(place, day_of(call)[: 10 if place.span == "daily" else 7]) for place in places]


class Model:
    """Wallets as [balance, held]; holds as {call: amount}; what is over as {call: (paid, exposure)}.

    Caps are {place: limit}; what is spent and held in their windows is added up whenever it is asked for.
    """

    def __init__(self) -> None:
        self.limits: dict[CapPlace, int] = {}
        self.windows: dict[int, list[At]] = {}
        self.wallets = {tenant.id: [0, 0] for tenant in TENANTS}
        self.amounts: dict[str, list[int]] = {tenant.id: [] for tenant in TENANTS}
        self.open: dict[int, int] = {}
        self.over: dict[int, tuple[int, int]] = {}

    def spent(self, at: At) -> int:
        return sum(paid for call, (paid, _) in self.over.items() if at in under(call))

    def held(self, at: At) -> int:
        return sum(amount for call, amount in self.open.items() if at in self.windows[call])

    def room(self, windows: Sequence[At]) -> int:
        lefts = [self.limits[at[0]] - self.spent(at) - self.held(at) for at in windows if at[0] in self.limits]
        return max(0, min(lefts, default=10**18))

    def do(self, deed: Deed) -> object:
        what, call, amount, flag = deed
        if what == "uncap":
            return self.limits.pop(PLACES[call % len(PLACES)], None)
        owner = TENANTS[call % 2].id
        wallet = self.wallets[owner]
        free = wallet[0] - wallet[1]
        if what == "credit":
            if amount < 0 and free + amount < 0:
                return "short"
            wallet[0] += amount
            self.amounts[owner].append(amount)
            return wallet[0]
        if what == "hold":
            if call in self.over or call in self.open:
                return self.open.get(call, "over")
            windows = [at for at in under(call) if at[0] in self.limits]
            left = self.room(windows)
            if min(free, left) < amount:
                return "short" if free <= left else "capped"
            granted = min(amount * (1 + flag), free, left)
            self.open[call] = granted
            self.windows[call] = windows
            wallet[1] += granted
            return granted
        if call in self.over:
            return "over" if what == "raise" else (*self.over[call], "already")
        if call not in self.open:
            return "no hold"
        if what == "raise":
            if min(free, self.room(self.windows[call])) < amount:
                return None
            self.open[call] += amount
            wallet[1] += amount
            return self.open[call]
        held = self.open.pop(call)
        charge = amount // TOKEN * TOKEN if what == "settle" else 0
        paid = min(charge, held + (free if flag else 0))
        wallet[0] -= paid
        wallet[1] -= held
        if what == "settle":
            self.amounts[owner].append(-paid)
        unpaid = -(-(charge // 12 * 10) * (charge - paid) // charge) if charge else 0
        self.over[call] = (paid, unpaid)
        return self.over[call]


async def tell(store: SqliteStore, number: int, deed: Deed) -> object:
    """Do a deed for real and put its result in the model's words."""
    what, call, amount, flag = deed
    owner = TENANTS[call % 2].id
    try:
        if what == "credit":
            made = await store.deposit(credit(owner, amount, number, kind=Kind.ADJUSTMENT))
            return made.balance_after_nanos if isinstance(made, Entry) else "short"
        if what == "hold":
            most = amount * (1 + flag)
            marks = structs.replace(MARKS, model=model_of(call))
            hold = await store.hold(
                make_request(owner, call, least=amount, most=most, period=day_of(call), marks=marks)
            )
            if isinstance(hold, Capped):
                return "capped"
            return "short" if isinstance(hold, Short) else hold.wallet_nanos
        if what == "uncap":
            return (await store.unset_cap(PLACES[call % len(PLACES)], NOW)).cap.limit
        if what == "raise":
            raised = await store.raise_hold(make_id("call", call), amount, 0)
            return None if raised is None else raised.wallet_nanos
        certainty = Certainty.EXACT if flag else Certainty.ESTIMATED
        bill = settle(owner, call, tokens=amount // TOKEN, certainty=certainty)
        return told(await store.end(bill if what == "settle" else release(owner, call)))
    except BadRequest:
        return None
    except NoHold:
        return "no hold"
    except InvariantBroken:
        return "over"


def told(receipt: Receipt) -> object:
    result = (receipt.paid_nanos, receipt.exposure_nanos)
    return (*result, "already") if receipt.already else result


CALLS = st.integers(0, 11)
AMOUNTS = st.integers(1, 5_000_000)
FLAGS = st.integers(0, 1)
DEEDS = st.one_of(
    st.tuples(st.just("credit"), CALLS, st.integers(-3_000_000, 9_000_000).filter(bool), st.just(0)),
    st.tuples(st.just("hold"), CALLS, AMOUNTS, FLAGS),
    st.tuples(st.just("raise"), CALLS, AMOUNTS, FLAGS),
    st.tuples(st.just("settle"), CALLS, st.integers(0, 9_000_000), FLAGS),
    st.tuples(st.just("release"), CALLS, st.just(0), FLAGS),
    st.tuples(st.just("uncap"), CALLS, st.just(0), st.just(0)),
)


class LedgerMachine(RuleBasedStateMachine):
    """The store and the model, always asked the same."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.store = SqliteStore(Path(self.folder.name) / "faregate.db", StillClock())
        self.model = Model()
        self.number = 0

    @initialize()
    def begin(self) -> None:
        self.runner.run(self.store.open(CARD))
        for tenant in TENANTS:
            self.runner.run(self.store.create_tenant(tenant))

    @rule(deeds=st.lists(DEEDS, min_size=1, max_size=6))
    def at_once(self, deeds: Sequence[Deed]) -> None:
        expected = [self.model.do(deed) for deed in deeds]

        async def together() -> list[object]:
            return await asyncio.gather(*(tell(self.store, self.number + n, deed) for n, deed in enumerate(deeds)))

        assert self.runner.run(together()) == expected
        self.number += len(deeds)

    @rule(
        place=st.sampled_from(PLACES),
        limit=st.integers(0, 9_000_000),
        ends=st.lists(st.tuples(st.just("settle"), CALLS, st.integers(0, 9_000_000), FLAGS), max_size=4),
    )
    def cap(self, place: CapPlace, limit: int, ends: Sequence[Deed]) -> None:
        """Set a cap while calls end: it does not matter which of them are counted before it and which after."""
        self.model.limits[place] = limit
        expected = [self.model.do(deed) for deed in ends]

        async def together() -> list[object]:
            new = make_id("cap", PLACES.index(place))
            told = (tell(self.store, self.number + n, deed) for n, deed in enumerate(ends))
            _, *got = await asyncio.gather(self.store.set_cap(new, place, limit, NOW), *told)
            return list(got)

        assert self.runner.run(together()) == expected
        self.number += len(ends)

    @rule()
    def restart(self) -> None:
        self.runner.run(self.store.close())
        self.runner.run(self.store.open(CARD))
        orphans = self.runner.run(self.store.open_holds(self.store.epoch))
        assert [hold.call for hold in orphans] == [make_id("call", call) for call in sorted(self.model.open)]

    @invariant()
    def the_books_agree(self) -> None:
        if not self.number:
            return
        for tenant in TENANTS:
            wallet = self.runner.run(self.store.wallet(tenant.id))
            entries = self.runner.run(self.store.entries(tenant.id, 1_000))
            assert [wallet.balance, wallet.held] == self.model.wallets[tenant.id]
            assert wallet.available >= 0
            assert [entry.amount_nanos for entry in reversed(entries)] == self.model.amounts[tenant.id]
            assert sum(self.model.amounts[tenant.id]) == wallet.balance
        for day in range(2):
            stands = self.runner.run(self.store.caps(None, NOW + day * MICROS_PER_DAY, 100))
            seen = {each.cap.place: (each.cap.limit, each.window.spent, each.window.held) for each in stands}
            assert seen == {
                place: (limit, self.model.spent(at), self.model.held(at))
                for place, limit in self.model.limits.items()
                for at in [(place, DAYS[day][: 10 if place.span == "daily" else 7])]
            }

    def teardown(self) -> None:
        verdict = self.runner.run(self.store.verify())
        assert verdict.ok, verdict.faults
        assert verdict.open_holds == len(self.model.open)
        self.runner.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()


LedgerMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=25)
TestLedgerMachine = LedgerMachine.TestCase
