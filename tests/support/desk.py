"""The operator's side of a running house over HTTP: many times faster than starting the command line for each look."""

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from support.house import House


@dataclass(frozen=True)
class Account:
    """A tenant with a key and money."""

    id: str
    key: str
    key_id: str


@dataclass
class Desk:
    """Asks the operator API of a house."""

    house: House
    made: int = 0

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Make one request and return the document."""
        token = (self.house.folder / "books.db.admin-token").read_text().strip()
        request = urllib.request.Request(
            f"{self.house.operator}/admin/v1{path}{'?' + urlencode(query) if query else ''}",
            data=json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={"Authorization": f"Bearer {token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()!r}") from None

    def account(self, usd: str = "10", **key: Any) -> Account:
        """Make a tenant with credit and a key; `key` is what else is said of the key."""
        self.made += 1
        tenant = self.ask("POST", "/tenants", {"name": f"tenant-{self.made}"})["id"]
        if usd != "0":
            self.ask("POST", "/credits", {"tenant": tenant, "amount_usd": usd})
        made = self.ask("POST", "/keys", {"tenant": tenant, **key})
        return Account(tenant, made["key"], made["id"])

    def charges(self, account: Account) -> list[dict[str, Any]]:
        """Return an account's ledger entries of calls, oldest first."""
        entries = self.ask("GET", "/ledger", tenant=account.id, limit=1000)["data"]
        return [entry for entry in reversed(entries) if entry["kind"] == "call"]

    def calls(self, account: Account) -> list[dict[str, Any]]:
        """Return the records of an account's calls that are over, oldest first."""
        return list(reversed(self.ask("GET", "/calls", tenant=account.id, limit=1000)["data"]))

    def last_call(self, account: Account, number: int = 1, within_s: float = 5.0) -> dict[str, Any]:
        """Return the newest record once there are `number` of them; records of refusals are written in batches."""
        deadline = time.monotonic() + within_s
        while len(calls := self.calls(account)) < number:
            assert time.monotonic() < deadline, f"{len(calls)} calls are on record, not {number}"
            time.sleep(0.02)
        return calls[-1]

    def balance(self, account: Account) -> dict[str, Any]:
        """Return the document of an account's wallet."""
        return dict(self.ask("GET", f"/balances/{account.id}"))

    def held_nanos(self, account: Account) -> int:
        """Return what running calls hold, to the nano."""
        held = self.balance(account)["held_usd"]
        whole, _, fraction = held.partition(".")
        return int(whole) * 10**9 + int(f"{fraction:0<9}")

    def settled(self, account: Account, calls: int = 1, within_s: float = 10.0) -> list[dict[str, Any]]:
        """Wait until so many calls are over and nothing is on hold; return the account's charges."""
        self.last_call(account, calls, within_s)
        deadline = time.monotonic() + within_s
        while held := self.held_nanos(account):
            assert time.monotonic() < deadline, f"{held} nano-USD are still on hold"
            time.sleep(0.02)
        return self.charges(account)

    def exposures(self, account: Account) -> list[dict[str, Any]]:
        """Return what was exposed for an account's calls, newest first."""
        data = self.ask("GET", "/exposures", limit=1000)["data"]
        return [exposure for exposure in data if exposure["tenant"] == account.id]

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that carry these labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        samples = [line for line in self.house.metrics().splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in samples if all(each in line for each in wanted))

    def verify(self) -> None:
        """The books must be in order, and nothing on hold."""
        verdict = self.ask("GET", "/verify")
        assert (verdict["ok"], verdict["open_holds"]) == (True, 0), verdict
