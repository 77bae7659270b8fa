"""What the operator does inside a batch. Each deed looks first and raises BadRequest before it writes anything.

What it changes it also notes in the audit log; a deed that finds nothing to change notes nothing.
"""

from decimal import Decimal

from msgspec import structs

from proxy.errors import BadRequest
from proxy.ledger.entry import Entry
from proxy.ledger.transitions import Deposit
from proxy.ledger.wallet import Short, Wallet
from proxy.money import format_usd, parse_decimal
from proxy.pricing.cascade import PCT_MAX, PCT_MIN, Slot, level_of
from proxy.store.doors import MarginRow
from proxy.store.sqlite import verbs
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.rows import key_row, tenant_row, to_entry, to_key, to_margin, to_tenant
from proxy.store.sqlite.statements import REGISTRY
from proxy.store.sqlite.trail import Change, key_facts, note, when
from proxy.tenants.actor import HOUSE, Actor
from proxy.tenants.key import Key
from proxy.tenants.tenant import Tenant, TenantState


def not_found(what: str) -> BadRequest:
    """Make the error that says that something does not exist."""
    return BadRequest(f"there is no {what}", code="not_found", status=404)


def conflict(why: str) -> BadRequest:
    """Make the error that says that something is in the way."""
    return BadRequest(why, code="conflict", status=409)


def create_tenant(batch: Batch, tenant: Tenant, by: Actor = HOUSE) -> Tenant:
    """Add a tenant and its empty wallet."""
    if batch.connection.execute(REGISTRY.find_tenant, (tenant.id,)).fetchone() is not None:
        raise conflict(f"the tenant {tenant.id} exists already")
    batch.connection.execute(REGISTRY.insert_tenant, tenant_row(tenant))
    batch.connection.execute(REGISTRY.insert_wallet, (tenant.id,))
    made = {"name": tenant.name, "test": tenant.test}
    note(batch, by, tenant.created_at, Change("tenant.create", tenant.id, tenant.id, None, made))
    return tenant


def set_tenant_state(batch: Batch, tenant: str, state: TenantState, at: int, by: Actor = HOUSE) -> Tenant:
    """Suspend or resume."""
    found = _tenant(batch, tenant)
    if found.state is state:
        return found
    batch.connection.execute(REGISTRY.write_tenant_state, (state.value, tenant))
    action = "tenant.suspend" if state is TenantState.SUSPENDED else "tenant.resume"
    note(batch, by, at, Change(action, tenant, tenant, {"state": found.state}, {"state": state}))
    return structs.replace(found, state=state)


def set_minimum(batch: Batch, tenant: str, minimum: int, at: int, by: Actor = HOUSE) -> Wallet:
    """Set down to where a wallet may go."""
    wallet = batch.find_wallet(tenant)
    if wallet is None:
        raise not_found(f"tenant {tenant}")
    if wallet.minimum == minimum:
        return wallet
    batch.connection.execute(REGISTRY.write_minimum, (minimum, tenant))
    changed = structs.replace(wallet, minimum=minimum)
    batch.move(changed)  # verbs that come later in this batch see it
    before, after = {"minimum_usd": format_usd(wallet.minimum)}, {"minimum_usd": format_usd(minimum)}
    note(batch, by, at, Change("tenant.minimum", tenant, tenant, before, after))
    return changed


def credit(batch: Batch, given: Deposit, by: Actor = HOUSE) -> Entry | Short:
    """Write a credit or an adjustment once for its reference. Raises BadRequest (409) for another amount."""
    if given.reference:
        batch.flush()
        row = batch.connection.execute(REGISTRY.find_credit, (given.tenant, given.reference)).fetchone()
        if row is not None:
            return _same(to_entry(row), given)
    written = verbs.deposit(batch, given)
    if isinstance(written, Entry):
        before = {"balance_usd": format_usd(written.balance_after_nanos - written.amount_nanos)}
        after = {
            "balance_usd": format_usd(written.balance_after_nanos),
            "amount_usd": format_usd(written.amount_nanos),
            "reference": written.reference,
        }
        note(batch, by, given.at, Change(f"{written.kind}.create", given.tenant, written.id, before, after))
    return written


def _same(made: Entry, given: Deposit) -> Entry:
    if made.amount_nanos != given.amount_nanos:
        raise conflict(
            f"the reference {given.reference!r} names {made.id} of {format_usd(made.amount_nanos)} USD, "
            f"not {format_usd(given.amount_nanos)}; give this one a reference of its own"
        )
    return made


def create_key(batch: Batch, key: Key, secret_hash: str, by: Actor = HOUSE) -> Key:
    """Add a key to a tenant that exists."""
    _insert_key(batch, key, secret_hash)
    note(batch, by, key.created_at, Change("key.create", key.tenant, key.id, None, key_facts(key)))
    return key


def revoke_key(batch: Batch, key: str, at: int, by: Actor = HOUSE) -> Key:
    """Revoke a key; one that is revoked keeps its first time."""
    found = _key(batch, key)
    if found.revoked_at is not None:
        return found
    batch.connection.execute(REGISTRY.revoke_key, (at, key))
    note(batch, by, at, Change("key.revoke", found.tenant, key, {"revoked_at": None}, {"revoked_at": when(at)}))
    return structs.replace(found, revoked_at=at)


def rotate_key(batch: Batch, old: str, new: Key, secret_hash: str, until: int, by: Actor = HOUSE) -> Key:
    """Add a key in the place of another one, which ends at `until` at the latest."""
    found, at = _key(batch, old), new.created_at
    if found.revoked_at is not None:
        raise conflict(f"{old} is revoked; create a new key instead")
    if found.replaced_by:
        raise conflict(f"{old} was rotated already; rotate {found.replaced_by}, which took its place")
    if found.expires_at is not None and found.expires_at <= at:
        raise conflict(f"{old} has expired; create a new key instead")
    _insert_key(batch, new, secret_hash)
    batch.connection.execute(REGISTRY.replace_key, (new.id, until, old))
    batch.caps.forget(found.tenant)  # a cap on the old key is one on the new key too
    after = {"expires_at": when(_key(batch, old).expires_at), "replaced_by": key_facts(new)}
    note(batch, by, at, Change("key.rotate", found.tenant, old, {"expires_at": when(found.expires_at)}, after))
    return new


def keep_uses(batch: Batch, uses: list[tuple[int, str]]) -> None:
    """Write down when keys were last used, each as (time, key)."""
    batch.connection.executemany(REGISTRY.write_use, uses)


def set_margin(batch: Batch, slot: Slot, pct: str, at: int, by: Actor = HOUSE) -> MarginRow:
    """Put a margin in force: a new version of the table."""
    exact = str(_percent(pct))
    before = _margin(batch, slot)
    return _write_margin(batch, MarginRow(slot, exact, 0, at), before, by)


def unset_margin(batch: Batch, slot: Slot, at: int, by: Actor = HOUSE) -> MarginRow:
    """Take a margin out of force: a new version of the table."""
    before = _margin(batch, slot)
    if before is None:
        raise not_found(f"margin for {slot_name(slot)}; `faregate margin list` shows those in force")
    return _write_margin(batch, MarginRow(slot, None, 0, at), before, by)


def slot_name(slot: Slot) -> str:
    """Write where a margin applies, for people: `tnt_... openai.output_tokens`."""
    tenant, integration, unit = slot
    return " ".join(filter(None, (tenant, f"{integration}.{unit}" if unit else integration))) or "everything"


def _write_margin(batch: Batch, row: MarginRow, before: str | None, by: Actor) -> MarginRow:
    version = batch.connection.execute(REGISTRY.insert_margin, (*row.slot, row.pct, row.set_at)).lastrowid
    facts = (None if pct is None else {"pct": pct} for pct in (before, row.pct))
    action = "margin.unset" if row.pct is None else "margin.set"
    note(batch, by, row.set_at, Change(action, row.slot[0], slot_name(row.slot), *facts))
    return structs.replace(row, version=version or 0)


def _margin(batch: Batch, slot: Slot) -> str | None:
    """Return the percentage in force at a slot that can be."""
    try:
        level_of(slot)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    if slot[0] is not None:
        _tenant(batch, slot[0])
    row = batch.connection.execute(REGISTRY.find_margin, slot).fetchone()
    return None if row is None else to_margin(row).pct


def _percent(text: str) -> Decimal:
    try:
        pct = parse_decimal(text)
    except ValueError as error:
        raise BadRequest(f"the margin {error}") from None
    if not PCT_MIN <= pct <= PCT_MAX:
        raise BadRequest(f"a margin lies between {PCT_MIN} and {PCT_MAX} percent, and {text} does not")
    return pct


def _insert_key(batch: Batch, key: Key, secret_hash: str) -> None:
    _tenant(batch, key.tenant)
    if batch.connection.execute(REGISTRY.key_taken, (key.id, secret_hash)).fetchone()[0]:
        raise conflict(f"the key {key.id} exists already")
    batch.connection.execute(REGISTRY.insert_key, (*key_row(key), secret_hash))


def _key(batch: Batch, key: str) -> Key:
    row = batch.connection.execute(REGISTRY.find_key, (key,)).fetchone()
    if row is None:
        raise not_found(f"key {key}")
    return to_key(row)


def _tenant(batch: Batch, tenant: str) -> Tenant:
    row = batch.connection.execute(REGISTRY.find_tenant, (tenant,)).fetchone()
    if row is None:
        raise not_found(f"tenant {tenant}")
    return to_tenant(row)
