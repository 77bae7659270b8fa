"""Entries of the ledger, as its list shows them and with all that is stored."""

from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType

from proxy.clock import timestamp
from proxy.ledger.bill import read_bill, usages
from proxy.ledger.entry import Entry
from proxy.ledger.wallet import Wallet
from proxy.money import Quantity
from proxy.web.operator.documents.page import Time
from proxy.web.operator.documents.wallets import wallet_fields


class ChargedCall(Struct, frozen=True, kw_only=True):
    """What a call's entry says of it. `usage` is of `model`, `other_models` has the usage of any others.

    A turn of a WebSocket has `session`, the id of that one's own call.
    """

    id: str
    integration: str
    endpoint: str
    model: str
    usage: dict[str, Quantity]
    other_models: dict[str, dict[str, Quantity]]
    certainty: str
    upstream_cost_nanos: int
    charge_nanos: int
    session: str | UnsetType = UNSET


class EntryDocument(Struct, frozen=True, kw_only=True):
    """One row of a wallet's ledger. Only a call's has `call`."""

    id: str
    kind: str
    amount_nanos: int
    waived_nanos: int
    balance_after_nanos: int
    created_at: Time
    period: str
    call: ChargedCall | UnsetType = UNSET


class EntryDetails(EntryDocument, frozen=True, kw_only=True):
    """All of an entry: its place in the chain, and the bill as it is stored and hashed."""

    tenant: str
    seq: int
    reference: str
    previous: str
    hash: str
    bill: Raw | None


class CreditDocument(EntryDocument, frozen=True, kw_only=True):
    """The entry of a credit, and the wallet as it is now. `already`: the reference had it, and nothing was written."""

    tenant: str
    reference: str
    already: bool
    credits_remaining_micros: int
    credits_held_micros: int
    balance_usd: str
    held_usd: str
    minimum_usd: str


class EntryList(Struct, frozen=True):
    """A page of entries, newest first."""

    data: list[EntryDocument]
    has_more: bool


def entry_document(entry: Entry, session: str = "") -> EntryDocument:
    """Show an entry, and the session that its call is a turn of."""
    return EntryDocument(**_fields(entry, session))


def entry_details(entry: Entry, session: str = "") -> EntryDetails:
    """Show all of an entry."""
    return EntryDetails(
        **_fields(entry, session),
        tenant=entry.tenant,
        seq=entry.seq,
        reference=entry.reference,
        previous=entry.previous,
        hash=entry.hash,
        bill=Raw(entry.bill.encode()) if entry.bill else None,
    )


def credit_document(entry: Entry, wallet: Wallet, *, already: bool) -> CreditDocument:
    """Show what a credit wrote, now or before."""
    about: dict[str, Any] = {"tenant": entry.tenant, "reference": entry.reference, "already": already}
    return CreditDocument(**_fields(entry), **about, **wallet_fields(wallet))


def _fields(entry: Entry, session: str = "") -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": entry.kind,
        "amount_nanos": entry.amount_nanos,
        "waived_nanos": entry.waived_nanos,
        "balance_after_nanos": entry.balance_after_nanos,
        "created_at": timestamp(entry.created_at),
        "period": entry.period,
        "call": _call(entry.bill, session) if entry.bill else UNSET,
    }


def _call(text: str, session: str) -> ChargedCall:
    bill = read_bill(text)
    used = usages(bill)
    return ChargedCall(
        id=bill.call,
        integration=bill.integration,
        endpoint=bill.endpoint,
        model=bill.model,
        usage=used.own,
        other_models=used.others,
        certainty=bill.certainty.value,
        upstream_cost_nanos=bill.upstream_cost_nanos,
        charge_nanos=bill.charge_nanos,
        session=session or UNSET,
    )
