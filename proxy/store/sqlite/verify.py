"""Verifies a whole database in one read transaction, row by row: memory does not grow with the ledger."""

import sqlite3
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from msgspec import json

from proxy.errors import BadConfig
from proxy.ledger.audit import Booked, Chain, Tables, audit_entry
from proxy.ledger.cap import Marks
from proxy.ledger.cap_audit import CapAudit
from proxy.ledger.entry import Kind
from proxy.ledger.wallet import Wallet
from proxy.pricing.card import RateCard
from proxy.pricing.cascade import MarginTable
from proxy.store.doors import Fault, Verdict
from proxy.store.sqlite.connect import connect_reader
from proxy.store.sqlite.rows import Row, margin_table, to_cap, to_entry, to_margin, to_wallet, to_window
from proxy.store.sqlite.schema import check_version, shipped_schema
from proxy.store.sqlite.statements import AUDIT, CAPS

FAULTS_MAX = 100
"""Faults that are listed; verification stops at the last of them."""

TELL_EVERY = 1_000
"""Entries after which progress is told."""

_ENTRY_COLUMNS = 13
_BOOKED_COLUMNS = 8


Tell = Callable[[int, int], None]
"""Is told now and then how many entries were checked, and of how many. What it raises ends the verification."""


def _untold(_checked: int, _of: int) -> None:
    """What is told where nobody waits."""


def verify_file(path: Path, tenant: str = "", tell: Tell = _untold) -> Verdict:
    """Verify a database, or one tenant's part of it: a copy, a stopped server's file, or under a running server.

    Raises BadConfig if the file is not a Faregate database of this version.
    """
    try:
        if not path.is_file():
            raise BadConfig(f"database: there is no file {path}; name an existing database")
        connection = connect_reader(path)
        try:
            check_version(connection, shipped_schema(), str(path))
            return verify(connection, tenant, tell)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise BadConfig(f"database: {path} cannot be read ({error}); restore it from a backup") from error


def verify(connection: sqlite3.Connection, tenant: str = "", tell: Tell = _untold) -> Verdict:
    """Verify what a connection sees, as of one moment. Raises sqlite3.Error if the file cannot be read."""
    connection.execute("BEGIN")
    try:
        audit = _Audit(connection, tell)
        faults: list[Fault] = []
        for fault in audit.faults(tenant):
            faults.append(fault)
            if len(faults) == FAULTS_MAX:
                break
        open_holds: int = connection.execute(AUDIT.open_holds, (tenant,)).fetchone()[0]
        return Verdict(not faults, audit.wallets, audit.entries, open_holds, tuple(faults))
    finally:
        connection.execute("ROLLBACK")


class _Audit:
    """One pass over the books; counts what it has seen."""

    def __init__(self, connection: sqlite3.Connection, tell: Tell) -> None:
        self.wallets = 0
        self.entries = 0
        self._of = 0
        self._tell = tell
        self._connection = connection
        margins = [to_margin(row) for row in connection.execute(AUDIT.margins)]

        @lru_cache(maxsize=16)
        def card(version: str) -> RateCard | None:
            row = connection.execute(AUDIT.rate_card, (version,)).fetchone()
            return None if row is None else json.decode(row[0], type=RateCard)

        @lru_cache(maxsize=64)
        def table(version: int) -> MarginTable | None:
            known = version == 0 or any(row.version == version for row in margins)
            return margin_table(margins, version) if known else None

        self._tables = Tables(card, table)

    def faults(self, tenant: str) -> Iterator[Fault]:
        """Yield what is wrong, wallet by wallet, then what lacks its counterpart."""
        wallets = [to_wallet(row) for row in self._connection.execute(AUDIT.wallets, (tenant,))]
        self._of = sum(wallet.seq for wallet in wallets)
        for wallet in wallets:
            yield from self._wallet(wallet)
        for owner, place, problem in self._connection.execute(AUDIT.strays, (tenant,)):
            yield Fault(owner, place, problem)

    def _wallet(self, wallet: Wallet) -> Iterator[Fault]:
        self.wallets += 1
        ask, tenant = self._connection.execute, wallet.tenant
        chain = Chain(tenant)
        caps = [to_cap(row) for row in ask(CAPS.in_force, (tenant,))]
        counted = CapAudit(caps)
        for row in ask(AUDIT.entries, (tenant,)):
            self.entries += 1
            if self.entries % TELL_EVERY == 0:
                self._tell(self.entries, self._of)
            entry = to_entry(row[:_ENTRY_COLUMNS])
            for problem in (*chain.follow(entry), *audit_entry(entry, _booked(row), self._tables)):
                yield Fault(tenant, entry.id, problem)
            if caps and entry.kind == Kind.CALL:
                counted.follow(entry, Marks(*(mark or "" for mark in row[_ENTRY_COLUMNS + _BOOKED_COLUMNS :])))
        held: int = ask(AUDIT.held_sum, (tenant,)).fetchone()[0]
        for problem in chain.compare(wallet, held):
            yield Fault(tenant, "", problem)
        windows = map(to_window, ask(CAPS.windows, (tenant,)))
        held_on = {(cap, window): nanos for cap, window, nanos in ask(CAPS.held_on, (tenant,))}
        for cap, problem in counted.compare(windows, held_on):
            yield Fault(tenant, cap, problem)


def _booked(row: Row) -> Booked:
    tenant, state, card, margins, waived, period, call_tenant, exposure = row[_ENTRY_COLUMNS:][:_BOOKED_COLUMNS]
    return Booked(tenant, state or "", card or "", margins or 0, bool(waived), period or "", call_tenant, exposure)
