"""The documents that the operator API answers and the command line prints: values in, plain JSON content out.

Amounts end in their unit: `_nanos` and `_micros` are integers, `_usd` is an exact decimal string.
Times are RFC 3339 in UTC; what is not set is null.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Raw, to_builtins

from proxy.clock import timestamp
from proxy.ledger.bill import read_bill, usages
from proxy.ledger.call import CallRecord
from proxy.ledger.entry import Entry
from proxy.ledger.exposure import Exposure
from proxy.ledger.hold import Hold
from proxy.ledger.wallet import Wallet
from proxy.money import floor_micros, format_usd
from proxy.pricing.card import ModelRates
from proxy.pricing.cascade import level_of
from proxy.store.doors import MarginRow, Verdict
from proxy.tenants.key import Key
from proxy.tenants.tenant import Tenant

Document = dict[str, Any]


def tenant_document(tenant: Tenant) -> Document:
    """Return a tenant: `id`, `name`, `state`, `test`, `created_at`."""
    return {
        "id": tenant.id,
        "name": tenant.name,
        "state": tenant.state.value,
        "test": tenant.test,
        "created_at": timestamp(tenant.created_at),
    }


def wallet_document(wallet: Wallet) -> Document:
    """Return a wallet. What remains is the balance less what is on hold; the minimum is not taken off."""
    return {
        "credits_remaining_micros": max(0, floor_micros(wallet.balance - wallet.held)),
        "credits_held_micros": floor_micros(wallet.held),
        "balance_usd": format_usd(wallet.balance),
        "held_usd": format_usd(wallet.held),
        "minimum_usd": format_usd(wallet.minimum),
    }


def balance_document(tenant: Tenant, wallet: Wallet) -> Document:
    """Return a tenant's wallet with the tenant's id and name."""
    return {"tenant": tenant.id, "name": tenant.name, **wallet_document(wallet)}


def key_document(key: Key) -> Document:
    """Return a key without its secret; `hint` is the secret's end."""
    return {
        "id": key.id,
        "tenant": key.tenant,
        "app": key.app,
        "scopes": list(key.scopes),
        "integrations": list(key.integrations),
        "models": list(key.models),
        "hint": key.hint,
        "created_at": timestamp(key.created_at),
        "expires_at": _time(key.expires_at),
        "revoked_at": _time(key.revoked_at),
    }


def entry_document(entry: Entry) -> Document:
    """Return an entry as the ledger's list shows it; only a call's has `call`."""
    document: Document = {
        "id": entry.id,
        "kind": entry.kind,
        "amount_nanos": entry.amount_nanos,
        "waived_nanos": entry.waived_nanos,
        "balance_after_nanos": entry.balance_after_nanos,
        "created_at": timestamp(entry.created_at),
        "period": entry.period,
    }
    if entry.bill:
        bill = read_bill(entry.bill)
        used = usages(bill)
        document["call"] = {
            "id": bill.call,
            "integration": bill.integration,
            "endpoint": bill.endpoint,
            "model": bill.model,
            "usage": used.own,
            "other_models": used.others,
            "certainty": bill.certainty.value,
            "upstream_cost_nanos": bill.upstream_cost_nanos,
            "charge_nanos": bill.charge_nanos,
        }
    return document


def entry_details(entry: Entry) -> Document:
    """Return all of an entry: its place in the chain, and the bill as it is stored and hashed."""
    return entry_document(entry) | {
        "tenant": entry.tenant,
        "seq": entry.seq,
        "reference": entry.reference,
        "previous": entry.previous,
        "hash": entry.hash,
        "bill": Raw(entry.bill.encode()) if entry.bill else None,
    }


def call_document(record: CallRecord) -> Document:
    """Return a call that is over, charged or not."""
    return {
        "id": record.id,
        "key": record.key,
        "integration": record.integration,
        "endpoint": record.endpoint,
        "model": record.model,
        "outcome": record.outcome.value,
        "status": record.status,
        "refusal": record.refusal or None,
        "started_at": timestamp(record.started_at),
        "ended_at": timestamp(record.ended_at),
    }


def margin_document(row: MarginRow) -> Document:
    """Return a margin in force; `meter` is written `INTEGRATION.UNIT`."""
    tenant, integration, unit = row.slot
    return {
        "level": level_of(row.slot),
        "tenant": tenant,
        "integration": integration,
        "meter": f"{integration}.{unit}" if unit else None,
        "pct": row.pct,
        "version": row.version,
        "set_at": timestamp(row.set_at),
    }


def verdict_document(verdict: Verdict) -> Document:
    """Return what verification found; `ok` decides."""
    return {
        "ok": verdict.ok,
        "wallets": verdict.wallets,
        "entries": verdict.entries,
        "open_holds": verdict.open_holds,
        "faults": [to_builtins(fault) for fault in verdict.faults],
    }


def exposure_document(exposure: Exposure) -> Document:
    """Return upstream cost that no tenant was charged for."""
    return {
        "call": exposure.call,
        "tenant": exposure.tenant,
        "integration": exposure.integration,
        "exposure_nanos": exposure.nanos,
        "reason": exposure.reason,
        "at_most": exposure.at_most,
        "at": timestamp(exposure.at),
    }


def hold_document(hold: Hold) -> Document:
    """Return an open hold."""
    return {
        "call": hold.call,
        "tenant": hold.tenant,
        "integration": hold.integration,
        "endpoint": hold.endpoint,
        "model": hold.model,
        "held_nanos": hold.wallet_nanos,
        "upstream_cost_nanos": hold.cost_nanos,
        "waived": hold.waived,
        "created_at": timestamp(hold.created_at),
    }


def rates_documents(integration: str, models: Iterable[ModelRates]) -> list[Document]:
    """Return an integration's models with their limits and rates, in the order of the rates file."""
    return [
        {
            "integration": integration,
            "match": list(model.match),
            "window": model.window,
            "output_max": model.output_max,
            "rates": [to_builtins(rate) for rate in model.rates],
        }
        for model in models
    ]


def _time(micros: int | None) -> str | None:
    return None if micros is None else timestamp(micros)
