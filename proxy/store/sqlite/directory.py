"""Who is behind a key, what is in force: answered from memory where it can be, without waiting for any I/O.

This process is the only one that writes, so what is cached is current: every deed that changes a key, a tenant or
a margin says so here as soon as it is committed.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TypeVar

from msgspec import json, structs

from proxy.errors import InvariantBroken, LedgerUnavailable
from proxy.ledger.wallet import Wallet
from proxy.ledger.work import OpenWork
from proxy.pricing.card import RateCard
from proxy.pricing.cascade import MarginTable
from proxy.store.doors import MarginRow, OwnedObject
from proxy.store.sqlite.doorway import Doorway
from proxy.store.sqlite.rows import margin_table, to_key, to_margin, to_object, to_open_work, to_tenant, to_wallet
from proxy.store.sqlite.statements import DIRECTORY
from proxy.tenants.key import KeyHolder

HOLDERS_MAX = 100_000
"""Keys kept in memory."""

STRANGERS_MAX = 10_000
"""Hashes kept that belong to no key: a flood of invented keys must not evict the real ones."""

_KEY_COLUMNS = 13

V = TypeVar("V")


class SqliteDirectory(Doorway):
    """Implements `doors.Directory`."""

    def __init__(self) -> None:
        super().__init__()
        self._holders: dict[str, KeyHolder] = {}
        self._strangers: dict[str, None] = {}
        self._changes = 0
        self._uses: dict[str, int] = {}
        self._card: RateCard | None = None
        self._margins = MarginTable()

    async def holder(self, secret_hash: str) -> KeyHolder | None:
        """Return the key with this hash, revoked and expired ones included, or None."""
        known = self._holders.get(secret_hash)
        if known is not None:
            return known
        if secret_hash in self._strangers:
            return None
        changes = self._changes
        row = await self._parts.calls.one(DIRECTORY.find_holder, (secret_hash,))
        found = None if row is None else KeyHolder(to_key(row[:_KEY_COLUMNS]), to_tenant(row[_KEY_COLUMNS:]))
        # What was read while something changed may be older than the change: use it, but do not keep it.
        if changes == self._changes:
            if found is None:
                _keep(self._strangers, secret_hash, None, STRANGERS_MAX)
            else:
                _keep(self._holders, secret_hash, found, HOLDERS_MAX)
        return found

    def used(self, key: str, at: int) -> None:
        """Note that a key was used; `Registry.keep_uses` writes it down."""
        self._uses[key] = at

    async def wallet(self, tenant: str) -> Wallet:
        """Return a wallet as committed; an empty one for a tenant that does not exist."""
        row = await self._parts.calls.one(DIRECTORY.find_wallet, (tenant,))
        return Wallet(tenant) if row is None else to_wallet(row)

    def rate_card(self) -> RateCard:
        """Return the rate card in force."""
        if self._card is None:
            raise LedgerUnavailable("the ledger is not open")
        return self._card

    def margins(self) -> MarginTable:
        """Return the margin table in force."""
        return self._margins

    async def owned(self, integration: str, object_id: str) -> OwnedObject | None:
        """Return an object that was made through Faregate, or None."""
        row = await self._parts.calls.one(DIRECTORY.find_object, (integration, object_id))
        return None if row is None else to_object(row)

    async def open_work(self) -> Sequence[OpenWork]:
        """Return all work that is not over, oldest first."""
        return [to_open_work(row) for row in await self._parts.calls.all(DIRECTORY.open_work, ())]

    async def work_behind(self, integration: str, object_id: str) -> OpenWork | None:
        """Return the work that is not over and that an object is, or comes from."""
        row = await self._parts.calls.one(DIRECTORY.work_behind, (integration, object_id))
        return None if row is None else to_open_work(row)

    async def tables(self, rate_card: str, margins: int) -> tuple[RateCard, MarginTable]:
        """Return the rate card and the margins that a call was held with; those in force are at hand."""
        card, table = self.rate_card(), self._margins
        if card.version != rate_card:
            row = await self._parts.calls.one(DIRECTORY.rate_card, (rate_card,))
            if row is None:
                raise InvariantBroken(f"the rate card {rate_card} is not kept")
            card = json.decode(row[0], type=RateCard)
        if table.version != margins:
            table = margin_table(
                [to_margin(row) for row in await self._parts.calls.all(DIRECTORY.margins, (margins,))], margins
            )
        return card, table

    def _put_in_force(self, card: RateCard, margins: Iterable[MarginRow]) -> None:
        """Take what was found when the store was opened."""
        rows = list(margins)
        self._card = card
        self._margins = margin_table(rows, rows[-1].version if rows else 0)

    def _use_card(self, card: RateCard) -> None:
        """Another rate card is in force. What the margins remember of prices goes with the old one."""
        self._card = card
        self._margins = structs.replace(self._margins)

    def _forget_holders(self, _changed: object) -> None:
        """A key or a tenant was changed."""
        self._changes += 1
        self._holders.clear()
        self._strangers.clear()

    def _add_margin(self, row: MarginRow) -> None:
        """A margin was set or unset."""
        slots = {slot: pct for slot, pct in self._margins.slots.items() if slot != row.slot}
        if row.pct is not None:
            slots[row.slot] = Decimal(row.pct)
        self._margins = structs.replace(self._margins, version=row.version, slots=slots)


def _keep(kept: dict[str, V], name: str, value: V, most: int) -> None:
    """Remember something, at the cost of what was remembered first."""
    if len(kept) >= most:
        del kept[next(iter(kept))]
    kept[name] = value
