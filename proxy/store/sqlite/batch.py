"""One transaction: what it has read, and what it is going to write.

A wallet or a hold is read once and written once, however many verbs touch it. Verbs change a batch only through
its methods, last thing before they return; `flush` says it all to the database with one `executemany` a table.
A batch lives inside `BEGIN IMMEDIATE ... COMMIT`, during which nobody else can write, and is then thrown away.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, json, structs

from proxy.errors import InvariantBroken
from proxy.ledger.call import CallRecord
from proxy.ledger.cap import Standing, Window
from proxy.ledger.entry import Entry
from proxy.ledger.exposure import Exposure
from proxy.ledger.hold import Hold, HoldRequest, HoldState
from proxy.ledger.wallet import Wallet
from proxy.store.sqlite.capbook import CapBook
from proxy.store.sqlite.rows import Row, call_row, exposure_row, hold_row, to_hold, to_wallet, to_window
from proxy.store.sqlite.statements import CAPS, LEDGER


class Need(Struct, frozen=True):
    """What a verb is going to read: the hold of a call that has one, a tenant's wallet; empty for neither."""

    call: str = ""
    tenant: str = ""


class Batch:
    """The working set of one transaction. `connection` is for verbs that need no batching (the registry's).

    `running` are holds that are known to be open, as the last commit left them. With them a call that nobody knows is
    taken for a new one without asking the database; if it is not, its row is there and adding another fails.
    `caps` are the spend caps in force; a batch that was handed none reads its own.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        epoch: int,
        running: Mapping[str, Hold] | None = None,
        caps: CapBook | None = None,
    ) -> None:
        self.connection = connection
        self.epoch = epoch
        self.caps = caps or CapBook(connection)
        self._running = running
        self._windows: dict[tuple[str, str], Window] = {}
        self._turned: set[tuple[str, str]] = set()
        self._wallets: dict[str, Wallet] = {}
        self._holds: dict[str, Hold | None] = {}
        self._touched: set[str] = set()
        self._moved: set[str] = set()
        self._opened: set[str] = set()
        self._changed: set[str] = set()
        self._entries: list[Row] = []
        self._exposures: list[Row] = []
        self._calls: list[Row] = []
        self._records: list[Row] = []
        self._tokens: list[Row] = []

    def load(self, needs: Sequence[Need]) -> None:
        """Read at once the wallets and holds that verbs will ask for; others are read as they are asked for."""
        tenants = {need.tenant for need in needs if need.tenant}
        running = self._running or {}
        calls = {need.call for need in needs if need.call and need.call not in running}
        if tenants:
            for row in self.connection.execute(LEDGER.find_wallets, (_json(tenants),)).fetchall():
                self._wallets[row[0]] = to_wallet(row)
        if calls:
            self._holds.update(dict.fromkeys(calls))
            for row in self.connection.execute(LEDGER.find_holds, (_json(calls),)).fetchall():
                self._holds[row[0]] = to_hold(row)

    def find_wallet(self, tenant: str) -> Wallet | None:
        """Return a wallet as this batch leaves it so far, or None if there is no such tenant."""
        wallet = self._wallets.get(tenant)
        if wallet is None:
            row = self.connection.execute(LEDGER.find_wallet, (tenant,)).fetchone()
            if row is None:
                return None
            wallet = self._wallets[tenant] = to_wallet(row)
        return wallet

    def wallet(self, tenant: str) -> Wallet:
        """Return a wallet that must be there. Raises InvariantBroken if it is not."""
        wallet = self.find_wallet(tenant)
        if wallet is None:
            raise InvariantBroken(f"there is no wallet of {tenant}")
        return wallet

    def standings(self, call: Hold | HoldRequest) -> list[Standing]:
        """Return the caps that a call is under, as they stand in its windows; mostly none."""
        caps = self.caps.of(call.tenant)
        if not caps:
            return []
        day = call.period
        return [
            Standing(cap, self.window(cap.place.tenant, cap.id, cap.window(day)))
            for cap in caps
            if cap.counts(day) and cap.covers(call)
        ]

    def window(self, tenant: str, cap: str, window: str) -> Window:
        """Return a window of a cap as this batch leaves it so far; an empty one if nothing was in it yet."""
        found = self._windows.get((cap, window))
        if found is None:
            row = self.connection.execute(CAPS.find_window, (cap, window)).fetchone()
            found = Window(cap, window, tenant) if row is None else to_window(row)
            self._windows[cap, window] = found
        return found

    def turn(self, window: Window) -> None:
        """Change a window of a cap, or add it."""
        at = (window.cap, window.window)
        self._windows[at] = window
        self._turned.add(at)

    def find_hold(self, call: str) -> Hold | None:
        """Return a call's hold as this batch leaves it so far, open or over, or None if it never had one."""
        if call in self._holds:
            return self._holds[call]
        if self._running is not None and call in self._running:
            return self._running[call]
        row = self.connection.execute(LEDGER.find_hold, (call,)).fetchone()
        hold = None if row is None else to_hold(row)
        self._holds[call] = hold
        return hold

    def begun(self, call: str) -> Hold | None:
        """Return the hold that a call which asks for one has already, as it does if it asks again."""
        return self.find_hold(call) if self._running is None else self._holds.get(call) or self._running.get(call)

    def remember(self, running: dict[str, Hold]) -> None:
        """Bring holds that are known to be open up to date, now that this is committed."""
        for call in self._touched:
            hold = self._holds[call]
            if hold is not None and hold.state is HoldState.HELD:
                running[call] = hold
            else:
                running.pop(call, None)

    def move(self, wallet: Wallet) -> None:
        """Change a wallet."""
        self._wallets[wallet.tenant] = wallet
        self._moved.add(wallet.tenant)

    def open(self, hold: Hold) -> None:
        """Add a hold."""
        self._touched.add(hold.call)
        self._holds[hold.call] = hold
        self._opened.add(hold.call)

    def change(self, hold: Hold) -> None:
        """Change a hold."""
        self._touched.add(hold.call)
        self._holds[hold.call] = hold
        if hold.call not in self._opened:
            self._changed.add(hold.call)

    def enter(self, entry: Entry) -> None:
        """Add an entry."""
        self._entries.append(structs.astuple(entry))

    def expose(self, exposure: Exposure) -> None:
        """Add an exposure."""
        self._exposures.append(exposure_row(exposure))

    def close_call(self, record: CallRecord) -> None:
        """Add the row of a call whose hold has ended."""
        self._calls.append(call_row(record))

    def record(self, record: CallRecord) -> None:
        """Add the row of a call that had no hold."""
        self._records.append(call_row(record))

    def count_tokens(self, call: str, tokens: int) -> None:
        """Set the tokens of the objects that a call made."""
        self._tokens.append((tokens, call))

    def flush(self) -> None:
        """Write what has gathered so far, so that queries on `connection` see it. Raises sqlite3.Error."""
        holds = self._holds
        self._many(
            LEDGER.write_wallet,
            [(w.balance, w.held, w.seq, w.head, w.tenant) for w in map(self._wallets.__getitem__, self._moved)],
        )
        # Sorted by call, which is by time: new rows go to the end of the tree.
        opened = [hold for call in sorted(self._opened) if (hold := holds[call])]
        changed = [hold for call in sorted(self._changed) if (hold := holds[call])]
        self._many(LEDGER.insert_hold, [hold_row(hold) for hold in opened])
        self._many(
            LEDGER.write_hold,
            [(h.wallet_nanos, h.cost_nanos, h.state.value, h.evidence, h.cap_nanos, h.call) for h in changed],
        )
        self._many(LEDGER.insert_entry, self._entries)
        self._many(LEDGER.insert_exposure, self._exposures)
        self._many(LEDGER.insert_call, self._calls)
        self._many(LEDGER.insert_record, self._records)
        self._many(LEDGER.write_tokens, self._tokens)
        if self._turned:
            self._many(CAPS.write_window, [structs.astuple(self._windows[at]) for at in sorted(self._turned)])
            self._turned.clear()
        for gathered in (self._moved, self._opened, self._changed):
            gathered.clear()
        for rows in (self._entries, self._exposures, self._calls, self._records, self._tokens):
            rows.clear()

    def _many(self, statement: str, rows: Sequence[Row]) -> None:
        if rows:
            self.connection.executemany(statement, rows)


def _json(names: Iterable[str]) -> str:
    return json.encode(sorted(names)).decode()
