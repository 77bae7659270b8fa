"""Wallets: what a tenant has, and what is on hold. What remains is the balance less what is on hold, never below 0;
the minimum is not taken off.
"""

from typing import Any

from msgspec import Struct

from proxy.ledger.wallet import Wallet
from proxy.money import floor_micros, format_usd
from proxy.tenants.tenant import Tenant


class BalanceDocument(Struct, frozen=True, kw_only=True):
    """A tenant's wallet."""

    tenant: str
    name: str
    credits_remaining_micros: int
    credits_held_micros: int
    balance_usd: str
    held_usd: str
    minimum_usd: str


def balance_document(tenant: Tenant, wallet: Wallet) -> BalanceDocument:
    """Show a tenant's wallet."""
    return BalanceDocument(tenant=tenant.id, name=tenant.name, **wallet_fields(wallet))


def wallet_fields(wallet: Wallet) -> dict[str, Any]:
    """Return the five fields that every document with a wallet has."""
    return {
        "credits_remaining_micros": max(0, floor_micros(wallet.balance - wallet.held)),
        "credits_held_micros": floor_micros(wallet.held),
        "balance_usd": format_usd(wallet.balance),
        "held_usd": format_usd(wallet.held),
        "minimum_usd": format_usd(wallet.minimum),
    }
