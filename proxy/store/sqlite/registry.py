"""The operator's door: deeds go to the writer, reads to a connection of their own."""

import asyncio
from collections.abc import Sequence

from proxy.errors import BadRequest
from proxy.ledger.call import CallRecord
from proxy.ledger.entry import Entry
from proxy.ledger.exposure import Exposure
from proxy.ledger.hold import Hold
from proxy.pricing.cascade import Slot
from proxy.store.doors import Held, MarginRow, Verdict, WalletView
from proxy.store.sqlite import deeds, rows
from proxy.store.sqlite.directory import SqliteDirectory
from proxy.store.sqlite.statements import LEDGER, REGISTRY
from proxy.store.sqlite.verify import verify_file
from proxy.tenants.key import Key
from proxy.tenants.tenant import Tenant, TenantState

_SEQ_MAX = 2**63 - 1
_TENANT_COLUMNS = 5


class SqliteRegistry(SqliteDirectory):
    """Implements `doors.Registry`; what it changes, the directory under it learns when it is committed."""

    async def create_tenant(self, tenant: Tenant) -> Tenant:
        """Add a tenant and its empty wallet."""
        return await self._parts.writer.submit(lambda batch: deeds.create_tenant(batch, tenant))

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

    async def set_tenant_state(self, tenant: str, state: TenantState) -> Tenant:
        """Suspend or resume."""
        return await self._parts.writer.submit(
            lambda batch: deeds.set_tenant_state(batch, tenant, state), then=self._forget_holders
        )

    async def create_key(self, key: Key, secret_hash: str) -> Key:
        """Add a key."""
        return await self._parts.writer.submit(
            lambda batch: deeds.create_key(batch, key, secret_hash), then=self._forget_holders
        )

    async def keys(self, tenant: str | None, limit: int, after: str = "") -> Sequence[Key]:
        """Return keys by id."""
        if tenant is None:
            found = await self._parts.desk.all(REGISTRY.keys, (after, limit))
        else:
            found = await self._parts.desk.all(REGISTRY.tenant_keys, (tenant, after, limit))
        return [rows.to_key(row) for row in found]

    async def find_key(self, key: str) -> Key:
        """Return a key by its id."""
        row = await self._parts.desk.one(REGISTRY.find_key, (key,))
        if row is None:
            raise deeds.not_found(f"key {key}")
        return rows.to_key(row)

    async def revoke_key(self, key: str, at: int) -> Key:
        """Revoke a key from `at` on."""
        return await self._parts.writer.submit(
            lambda batch: deeds.revoke_key(batch, key, at), then=self._forget_holders
        )

    async def set_margin(self, slot: Slot, pct: str, at: int) -> MarginRow:
        """Put a margin in force, as a new version of the table."""
        return await self._parts.writer.submit(
            lambda batch: deeds.set_margin(batch, slot, pct, at), then=self._add_margin
        )

    async def margin_rows(self) -> Sequence[MarginRow]:
        """Return the margins in force, oldest first."""
        newest = {row.slot: row for row in map(rows.to_margin, await self._parts.desk.all(REGISTRY.margins))}
        return sorted(newest.values(), key=lambda row: row.version)

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
