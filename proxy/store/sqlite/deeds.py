"""What the operator does inside a batch. Each deed looks first and raises BadRequest before it writes anything."""

from decimal import Decimal

from msgspec import structs

from proxy.errors import BadRequest
from proxy.money import parse_decimal
from proxy.pricing.cascade import PCT_MAX, PCT_MIN, Slot, level_of
from proxy.store.doors import MarginRow
from proxy.store.sqlite.batch import Batch
from proxy.store.sqlite.rows import key_row, tenant_row, to_key, to_tenant
from proxy.store.sqlite.statements import REGISTRY
from proxy.tenants.key import Key
from proxy.tenants.tenant import Tenant, TenantState


def not_found(what: str) -> BadRequest:
    """Make the error that says that something does not exist."""
    return BadRequest(f"there is no {what}", code="not_found", status=404)


def create_tenant(batch: Batch, tenant: Tenant) -> Tenant:
    """Add a tenant and its empty wallet."""
    if batch.connection.execute(REGISTRY.find_tenant, (tenant.id,)).fetchone() is not None:
        raise BadRequest(f"the tenant {tenant.id} exists already", code="conflict", status=409)
    batch.connection.execute(REGISTRY.insert_tenant, tenant_row(tenant))
    batch.connection.execute(REGISTRY.insert_wallet, (tenant.id,))
    return tenant


def set_tenant_state(batch: Batch, tenant: str, state: TenantState) -> Tenant:
    """Suspend or resume."""
    found = _tenant(batch, tenant)
    batch.connection.execute(REGISTRY.write_tenant_state, (state.value, tenant))
    return structs.replace(found, state=state)


def create_key(batch: Batch, key: Key, secret_hash: str) -> Key:
    """Add a key to a tenant that exists."""
    _tenant(batch, key.tenant)
    if batch.connection.execute(REGISTRY.key_taken, (key.id, secret_hash)).fetchone()[0]:
        raise BadRequest(f"the key {key.id} exists already", code="conflict", status=409)
    batch.connection.execute(REGISTRY.insert_key, (*key_row(key), secret_hash))
    return key


def revoke_key(batch: Batch, key: str, at: int) -> Key:
    """Revoke a key; one that is revoked keeps its first time."""
    batch.connection.execute(REGISTRY.revoke_key, (at, key))
    row = batch.connection.execute(REGISTRY.find_key, (key,)).fetchone()
    if row is None:
        raise not_found(f"key {key}")
    return to_key(row)


def set_margin(batch: Batch, slot: Slot, pct: str, at: int) -> MarginRow:
    """Put a margin in force: a new version of the table."""
    exact = _percent(pct)
    try:
        level_of(slot)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    tenant, integration, unit = slot
    if tenant is not None:
        _tenant(batch, tenant)
    values = (tenant, integration, unit, str(exact), at)
    version = batch.connection.execute(REGISTRY.insert_margin, values).lastrowid
    return MarginRow(slot, str(exact), version or 0, at)


def _percent(text: str) -> Decimal:
    try:
        pct = parse_decimal(text)
    except ValueError as error:
        raise BadRequest(f"the margin {error}") from None
    if not PCT_MIN <= pct <= PCT_MAX:
        raise BadRequest(f"a margin lies between {PCT_MIN} and {PCT_MAX} percent, and {text} does not")
    return pct


def _tenant(batch: Batch, tenant: str) -> Tenant:
    row = batch.connection.execute(REGISTRY.find_tenant, (tenant,)).fetchone()
    if row is None:
        raise not_found(f"tenant {tenant}")
    return to_tenant(row)
