"""What the server has written down, read as an operator reads it: over its own API."""

from dataclasses import dataclass, field
from typing import Any

from support.desk import Desk

PAGE = 1000


@dataclass
class Written:
    """All that is on record of one call; `model` is the name that its plan has."""

    model: str
    tenant: str
    ids: list[str] = field(default_factory=list)
    outcome: str = ""
    entries: list[dict[str, Any]] = field(default_factory=list)
    exposures: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Books:
    """Every call by its name, and each wallet: nanos credited, left and held."""

    calls: dict[str, Written]
    wallets: dict[str, tuple[int, int, int]]
    sound: bool
    open_holds: int


def read_books(desk: Desk, tenants: list[str]) -> Books:
    """Read everything. Whatever cannot be told to be of a call by its name is of a call by its id."""
    calls: dict[str, Written] = {}
    by_id: dict[str, Written] = {}
    wallets = {}

    def known(call: str, name: str) -> Written:
        if call not in by_id:
            by_id[call] = calls.setdefault(name, Written(name, ""))
        return by_id[call]

    for tenant in tenants:
        for record in pages(desk, "/calls", tenant, "id"):
            name = record["model"] or record["id"]
            written = calls.setdefault(name, Written(name, tenant))
            written.ids.append(record["id"])
            written.outcome = record["outcome"]
            by_id[record["id"]] = written
        credited = left = 0
        for entry in pages(desk, "/ledger", tenant, "id"):
            left += entry["amount_nanos"]
            if entry["kind"] == "call":
                of = entry["call"]
                known(of["id"], of["model"]).entries.append(entry)
            else:
                credited += entry["amount_nanos"]
        balance = desk.ask("GET", f"/balances/{tenant}")
        if nanos(balance["balance_usd"]) != left:
            left = -1  # a wallet that is not the sum of its entries: no honest one is below zero here
        wallets[tenant] = (credited, left, nanos(balance["held_usd"]))
        for exposure in pages(desk, "/exposures", tenant, "row"):
            known(exposure["call"], exposure["call"]).exposures.append(exposure)
    verdict = desk.ask("GET", "/verify")
    return Books(calls, wallets, verdict["ok"], verdict["open_holds"])


def pages(desk: Desk, path: str, tenant: str, cursor: str) -> list[dict[str, Any]]:
    """Return every row of a list, newest first."""
    page = desk.ask("GET", path, tenant=tenant, limit=PAGE)
    rows = page["data"]
    while page["has_more"]:
        page = desk.ask("GET", path, tenant=tenant, limit=PAGE, before=rows[-1][cursor])
        rows += page["data"]
    return list(rows)


def nanos(usd: str) -> int:
    """Return an exact decimal amount in nanos."""
    sign = -1 if usd.startswith("-") else 1
    whole, _, fraction = usd.lstrip("-").partition(".")
    return sign * (int(whole) * 10**9 + int(f"{fraction:0<9}"))
