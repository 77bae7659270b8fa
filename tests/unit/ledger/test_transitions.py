"""The deeds of the ledger, each as a pure function of one wallet."""

import pytest
from doubles.books import NOW, TODAY, credit, make_id, make_request, release, settle
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proxy.errors import InvariantBroken
from proxy.ledger.bill import read_bill
from proxy.ledger.entry import Kind, digest
from proxy.ledger.hold import Hold, HoldState, open_hold
from proxy.ledger.transitions import begin, deposit, end, raise_hold
from proxy.ledger.wallet import Short, Wallet
from proxy.usage.certainty import Certainty

T = make_id("tnt", 1)
WALLET = Wallet(T, balance=5_000_000, held=0, minimum=100, seq=4, head="head")


def begun(wallet: Wallet = WALLET, *, least: int = 1_000_000, waived: bool = False) -> tuple[Wallet, Hold]:
    made = begin(wallet, make_request(T, 1, least=least, waived=waived), 7)
    assert not isinstance(made, Short)
    return made


def test_beginning_takes_the_hold_out_of_what_is_available() -> None:
    wallet, hold = begun()
    assert wallet == structs.replace(WALLET, held=1_000_000)
    assert (hold.wallet_nanos, hold.epoch, hold.state) == (1_000_000, 7, HoldState.HELD)


def test_what_does_not_fit_is_short_of() -> None:
    assert begin(WALLET, make_request(T, 1, least=4_999_901), 7) == Short(5_000_000, 0, 100, 4_999_901)
    assert begun(least=4_999_900)[0].available == 0


def test_a_waived_call_begins_on_an_empty_wallet() -> None:
    wallet, hold = begun(Wallet(T, balance=-5), waived=True)
    assert wallet == Wallet(T, balance=-5)
    assert hold.waived


def test_a_hold_is_raised_only_from_what_is_available() -> None:
    wallet, hold = begun()
    raised = raise_hold(wallet, hold, 3_999_900, 10)
    assert raised is not None
    assert raised[0].available == 0
    assert (raised[1].wallet_nanos, raised[1].cost_nanos) == (4_999_900, hold.cost_nanos + 10)
    assert raise_hold(wallet, hold, 3_999_901, 10) is None


def test_a_waived_hold_is_raised_without_money() -> None:
    wallet, hold = begun(Wallet(T), waived=True)
    raised = raise_hold(wallet, hold, 50, 10)
    assert raised is not None
    assert raised == (wallet, structs.replace(hold, cost_nanos=hold.cost_nanos + 10))


@pytest.mark.parametrize(("more", "cost_more"), [(-1, 0), (0, -1)])
def test_a_hold_is_never_lowered(more: int, cost_more: int) -> None:
    with pytest.raises(InvariantBroken, match="only ever raised"):
        raise_hold(*begun(), more, cost_more)


def test_an_ending_with_a_bill_writes_an_entry_that_explains_itself() -> None:
    wallet, hold = begun()
    ending = settle(T, 1, tokens=100)
    ended = end(wallet, hold, ending)
    entry = ended.entry
    assert entry is not None
    assert (entry.kind, entry.seq, entry.amount_nanos, entry.balance_after_nanos) == ("call", 5, -120_000, 4_880_000)
    assert (entry.previous, entry.hash) == ("head", digest(entry))
    assert (entry.created_at, entry.period, entry.reference) == (NOW + 500_000, TODAY, hold.call)
    assert read_bill(entry.bill) == ending.bill
    assert ended.wallet == Wallet(T, 4_880_000, 0, 100, 5, entry.hash)
    assert ended.hold == structs.replace(hold, state=HoldState.SETTLED)
    assert ended.receipt.entry_id == entry.id


def test_an_ending_without_a_bill_gives_back_and_writes_nothing() -> None:
    wallet, hold = begun()
    ended = end(wallet, structs.replace(hold, evidence="{}"), release(T, 1))
    assert (ended.wallet, ended.entry, ended.exposure) == (WALLET, None, None)
    assert ended.hold == structs.replace(hold, state=HoldState.RELEASED)


def test_the_period_is_the_holds() -> None:
    wallet, hold = begun()
    late = settle(T, 1)
    late = structs.replace(late, record=structs.replace(late.record, ended_at=NOW + 10**12))
    entry = end(wallet, hold, late).entry
    assert entry is not None
    assert (entry.period, entry.created_at) == (TODAY, NOW + 10**12)


def test_a_bill_keeps_what_was_not_paid() -> None:
    wallet, hold = begun()
    entry = end(wallet, hold, settle(T, 1, tokens=2_000, certainty=Certainty.ESTIMATED)).entry
    assert entry is not None
    bill = read_bill(entry.bill)
    assert (bill.charge_nanos, bill.shortfall_nanos, bill.exposure_nanos) == (2_400_000, 1_400_000, 1_166_667)


@pytest.mark.parametrize("state", [HoldState.SETTLED, HoldState.RELEASED])
def test_a_hold_ends_once_and_is_not_raised_after(state: HoldState) -> None:
    wallet, hold = begun()
    over = structs.replace(hold, state=state)
    with pytest.raises(InvariantBroken, match="ends once"):
        end(wallet, over, settle(T, 1))
    with pytest.raises(InvariantBroken, match="not raised"):
        raise_hold(wallet, over, 1, 1)


@pytest.mark.parametrize("ending", [settle(T, 2), settle(make_id("tnt", 2), 1)])
def test_an_ending_belongs_to_its_own_hold(ending: object) -> None:
    wallet, hold = begun()
    with pytest.raises(InvariantBroken, match="its own hold"):
        end(wallet, hold, ending)  # type: ignore[arg-type]  # parametrize loses the type


def test_deposits_chain_on() -> None:
    made = deposit(WALLET, structs.replace(credit(T, 50), reference="invoice 7"))
    assert not isinstance(made, Short)
    wallet, entry = made
    assert (entry.kind, entry.seq, entry.previous, entry.reference) == ("credit", 5, "head", "invoice 7")
    assert wallet == Wallet(T, 5_000_050, 0, 100, 5, digest(entry))


@pytest.mark.parametrize(
    ("amount", "forced", "fits"),
    [(-3_999_900, False, True), (-3_999_901, False, False), (-9_000_000, True, True)],
)
def test_money_on_hold_is_not_taken_back_unless_forced(amount: int, forced: bool, fits: bool) -> None:
    wallet, _ = begun()
    made = deposit(wallet, credit(T, amount, kind=Kind.ADJUSTMENT, forced=forced))
    assert isinstance(made, Short) is not fits


@given(
    st.integers(0, 10**7),
    st.integers(0, 10**6),
    st.integers(1, 10**6),
    st.integers(0, 5_000),
    st.sampled_from(Certainty),
    st.booleans(),
)
def test_an_ending_never_takes_from_others(
    balance: int, others: int, least: int, used: int, certainty: Certainty, unseen: bool
) -> None:
    wallet = Wallet(T, balance=balance + others, held=others)
    made = begin(wallet, make_request(T, 1, least=least), 1)
    if isinstance(made, Short):
        assert balance < least
        return
    held, hold = made
    ended = end(held, hold, settle(T, 1, tokens=used, certainty=certainty, unseen=unseen))
    assert ended.wallet.held == others
    assert ended.wallet.available >= 0
    assert ended.wallet.balance == wallet.balance - ended.receipt.paid_nanos
    assert ended.receipt.paid_nanos + ended.receipt.shortfall_nanos == used * 1_200
    assert open_hold(make_request(T, 1, least=least), hold.wallet_nanos, 1) == hold
