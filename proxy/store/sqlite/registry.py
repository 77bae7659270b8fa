"""The operator's door: deeds go to the writer, reads to a connection of their own."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from msgspec import structs

from proxy.clock import date_of
from proxy.errors import BadRequest, LedgerUnavailable
from proxy.ledger.call import CallRecord
from proxy.ledger.cap import Cap, CapPlace, Standing
from proxy.ledger.entry import Entry
from proxy.ledger.exposure import Exposure
from proxy.ledger.hold import Hold
from proxy.ledger.transitions import Deposit
from proxy.ledger.wallet import Short, Wallet
from proxy.pricing.card import RateCard
from proxy.pricing.cascade import Slot
from proxy.store.doors import AuditFilter, AuditRecord, Held, MarginRow, Verdict, WalletView
from proxy.store.sqlite import cap_deeds, deeds, rows
from proxy.store.sqlite.database import keep_card
from proxy.store.sqlite.directory import SqliteDirectory
from proxy.store.sqlite.statements import LEDGER, REGISTRY
from proxy.store.sqlite.trail import Change, note
from proxy.store.sqlite.verify import verify_file
from proxy.tenants.actor import HOUSE, Actor
from proxy.tenants.key import Key
from proxy.tenants.tenant import Tenant, TenantState

_SEQ_MAX = 2**63 - 1
_TENANT_COLUMNS = 5

USES_TOGETHER = 1_000
"""Uses of keys that are written with one verb: a call that waits behind them waits a few milliseconds."""


class SqliteRegistry(SqliteDirectory):
    """Implements `doors.Registry`; what it changes, the directory under it learns when it is committed."""

    async def create_tenant(self, tenant: Tenant, by: Actor = HOUSE) -> Tenant:
        """Add a tenant and its empty wallet."""
        return await self._parts.writer.submit(lambda batch: deeds.create_tenant(batch, tenant, by))

    async def find_tenant(self, name_or_id: str) -> Tenant:
        """Return the tenant of this id, or of this name if it is unique."""
        desk = self._parts.desk
        by_id = await desk.one(REGISTRY.find_tenant, (name_or_id,))
        if by_id is not None:
            return rows.to_tenant(by_id)
        named = await desk.all(REGISTRY.tenants_named, (name_or_id,))
        if not named:
            raise deeds.not_found(f"tenant {name_or_id}")
        if len(named) > 1:
            raise BadRequest(f"more than one tenant is named {name_or_id}; use the id", code="ambiguous", status=409)
        return rows.to_tenant(named[0])

    async def tenants(self, limit: int, after: str = "") -> Sequence[WalletView]:
        """Return tenants by id."""
        found = await self._parts.desk.all(REGISTRY.tenants, (after, limit))
        return [
            WalletView(rows.to_tenant(row[:_TENANT_COLUMNS]), rows.to_wallet(row[_TENANT_COLUMNS:])) for row in found
        ]

    async def set_tenant_state(self, tenant: str, state: TenantState, at: int, by: Actor = HOUSE) -> Tenant:
        """Suspend or resume."""
        return await self._parts.writer.submit(
            lambda batch: deeds.set_tenant_state(batch, tenant, state, at, by), then=self._forget_holders
        )

    async def set_minimum(self, tenant: str, minimum: int, at: int, by: Actor = HOUSE) -> Wallet:
        """Set down to where a wallet may go."""
        return await self._parts.writer.submit(lambda batch: deeds.set_minimum(batch, tenant, minimum, at, by))

    async def credit(self, given: Deposit, by: Actor = HOUSE) -> Entry | Short:
        """Write a credit or an adjustment, once for its reference."""
        return await self._parts.writer.submit(lambda batch: deeds.credit(batch, given, by))

    async def create_key(self, key: Key, secret_hash: str, by: Actor = HOUSE) -> Key:
        """Add a key."""
        return await self._parts.writer.submit(
            lambda batch: deeds.create_key(batch, key, secret_hash, by), then=self._forget_holders
        )

    async def keys(self, tenant: str | None, limit: int, after: str = "") -> Sequence[Key]:
        """Return keys by id."""
        if tenant is None:
            found = await self._parts.desk.all(REGISTRY.keys, (after, limit))
        else:
            found = await self._parts.desk.all(REGISTRY.tenant_keys, (tenant, after, limit))
        return [self._freshly(rows.to_key(row)) for row in found]

    async def find_key(self, key: str) -> Key:
        """Return a key by its id."""
        row = await self._parts.desk.one(REGISTRY.find_key, (key,))
        if row is None:
            raise deeds.not_found(f"key {key}")
        return self._freshly(rows.to_key(row))

    async def revoke_key(self, key: str, at: int, by: Actor = HOUSE) -> Key:
        """Revoke a key from `at` on."""
        return await self._parts.writer.submit(
            lambda batch: deeds.revoke_key(batch, key, at, by), then=self._forget_holders
        )

    async def rotate_key(self, old: str, new: Key, secret_hash: str, until: int, by: Actor = HOUSE) -> Key:
        """Add a key in the place of another one, in one transaction."""
        return await self._parts.writer.submit(
            lambda batch: deeds.rotate_key(batch, old, new, secret_hash, until, by), then=self._forget_holders
        )

    async def keep_uses(self) -> None:
        """Write down when keys were last used; what cannot be written now is kept for the next time."""
        before = self._uses
        try:
            for uses in self._take_uses():
                await self._parts.writer.submit(partial(deeds.keep_uses, uses=uses))
        except LedgerUnavailable:
            self._uses = before | self._uses
            raise

    def _take_uses(self) -> list[list[tuple[int, str]]]:
        """Return what was noted of keys' uses, as (time, key), in portions; from now on it is noted anew."""
        noted, self._uses = [(at, key) for key, at in self._uses.items()], {}
        return [noted[start : start + USES_TOGETHER] for start in range(0, len(noted), USES_TOGETHER)]

    def _freshly(self, key: Key) -> Key:
        """Return a key with what is noted of its use and not yet on disk."""
        return structs.replace(key, last_used_at=self._uses.get(key.id, key.last_used_at))

    async def note(
        self, action: str, before: Mapping[str, object], after: Mapping[str, object], at: int, by: Actor = HOUSE
    ) -> None:
        """Write down a deed of which the database knows nothing else."""
        change = Change(action, None, "server", before, after)
        await self._parts.writer.submit(lambda batch: note(batch, by, at, change))

    async def audit(self, asked: AuditFilter, limit: int) -> Sequence[AuditRecord]:
        """Return deeds, newest first."""
        found = await self._parts.desk.all(REGISTRY.audit, structs.asdict(asked) | {"limit": limit})
        return [rows.to_audit(row) for row in found]

    async def set_margin(self, slot: Slot, pct: str, at: int, by: Actor = HOUSE) -> MarginRow:
        """Put a margin in force, as a new version of the table."""
        return await self._parts.writer.submit(
            lambda batch: deeds.set_margin(batch, slot, pct, at, by), then=self._add_margin
        )

    async def unset_margin(self, slot: Slot, at: int, by: Actor = HOUSE) -> MarginRow:
        """Take a margin out of force, as a new version of the table."""
        return await self._parts.writer.submit(
            lambda batch: deeds.unset_margin(batch, slot, at, by), then=self._add_margin
        )

    async def set_cap(self, new_id: str, place: CapPlace, limit: int, at: int, by: Actor = HOUSE) -> Standing:
        """Put a spend cap in force, or change its limit, and return how it stands."""
        day = date_of(at)
        counted = await cap_deeds.count(self._parts.desk, place.tenant, day)
        asked = Cap(new_id, place, limit, day, at)
        return await self._parts.writer.submit(lambda batch: cap_deeds.set_cap(batch, asked, counted, by))

    async def unset_cap(self, place: CapPlace, at: int, by: Actor = HOUSE) -> Standing:
        """Take a spend cap out of force, and return how it stood."""
        return await self._parts.writer.submit(lambda batch: cap_deeds.unset_cap(batch, place, at, by))

    async def caps(
        self, tenant: str | None, at: int, limit: int, after: str = "", *, percent: int = 0
    ) -> Sequence[Standing]:
        """Return the spend caps in force, by id, as they stand at a time."""
        day = date_of(at)
        asked = {"tenant": tenant, "day": day, "after": after, "limit": limit, "percent": percent}
        return [rows.to_standing(row, day) for row in await self._parts.desk.all(REGISTRY.caps, asked)]

    async def use_rates(self, card: RateCard, at: int) -> None:
        """Keep a rate card, then put it in force."""
        await self._parts.writer.submit(
            lambda batch: keep_card(batch.connection, card, at), then=lambda _: self._use_card(card)
        )

    async def margin_rows(self) -> Sequence[MarginRow]:
        """Return the margins in force, oldest first."""
        newest = {row.slot: row for row in map(rows.to_margin, await self._parts.desk.all(REGISTRY.margins))}
        return sorted((row for row in newest.values() if row.pct is not None), key=lambda row: row.version)

    async def entries(self, tenant: str, limit: int, before_seq: int | None = None) -> Sequence[Entry]:
        """Return a wallet's entries, newest first."""
        below = _SEQ_MAX if before_seq is None else before_seq
        found = await self._parts.desk.all(REGISTRY.entries, (tenant, below, limit))
        return [rows.to_entry(row) for row in found]

    async def entry(self, entry: str) -> Entry:
        """Return an entry by its id."""
        row = await self._parts.desk.one(LEDGER.find_entry, (entry,))
        if row is None:
            raise deeds.not_found(f"entry {entry}")
        return rows.to_entry(row)

    async def calls(self, tenant: str, limit: int, before: str = "") -> Sequence[CallRecord]:
        """Return a tenant's calls, newest first."""
        if before:
            found = await self._parts.desk.all(REGISTRY.calls_before, (tenant, before, limit))
        else:
            found = await self._parts.desk.all(REGISTRY.calls, (tenant, limit))
        return [rows.to_call(row) for row in found]

    async def exposures(self, limit: int) -> Sequence[Exposure]:
        """Return exposures, newest first."""
        return [rows.to_exposure(row) for row in await self._parts.desk.all(REGISTRY.exposures, (limit,))]

    async def holds(self) -> Sequence[Hold]:
        """Return every open hold, oldest first."""
        return [rows.to_hold(row) for row in await self._parts.desk.all(REGISTRY.open_holds)]

    async def held(self) -> Held:
        """Return what all open holds come to."""
        return Held(*(await self._parts.desk.all(REGISTRY.held))[0])

    async def verify(self, tenant: str | None = None) -> Verdict:
        """Check the whole ledger, or one tenant's, as of one moment, on a thread and a connection of its own."""
        return await asyncio.to_thread(verify_file, self._parts.path, tenant or "")
