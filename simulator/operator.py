"""The operator, whose hand changes prices, keys and money while calls run; and his own memory of what he did."""

import asyncio
import contextlib
from decimal import Decimal
from typing import Any

from msgspec import Struct, structs

from proxy.clock import date_of
from proxy.errors import BadRequest, LedgerUnavailable
from proxy.ledger.cap import CapPlace, Span
from proxy.ledger.entry import Entry, Kind
from proxy.ledger.transitions import Deposit
from proxy.pricing.card import RateCard
from proxy.pricing.cascade import Slot
from proxy.tenants.key import Key, hash_secret
from proxy.tenants.tenant import Tenant, TenantState
from simulator.chance import Chance
from simulator.house import Server

FIRST_MARGIN = Decimal(20)
"""What the house takes before anybody has set a margin."""


class Account:
    """A tenant with its keys, and what was paid in."""

    def __init__(self, tenant: Tenant, secrets: list[str]) -> None:
        self.tenant = tenant
        self.secrets = secrets
        self.deposits: dict[str, int] = {}
        self.doubtful: dict[str, int] = {}


class Spell(Struct):
    """Something that was in force from `since`, at the latest from `surely`; for ever, or until the next spell."""

    what: Any
    since: float
    surely: float


class Operator:
    """Sets up the accounts of a world, and does one deed after the other."""

    def __init__(self, chance: Chance, card: RateCard) -> None:
        self.accounts: list[Account] = []
        self.cards: dict[str, RateCard] = {card.version: card}
        self.card_spells = [Spell(card.version, -1.0, -1.0)]
        self.margins: dict[int, dict[str, Decimal]] = {0: {"": FIRST_MARGIN}}
        self.card = card
        self._chance = chance
        self._dice = chance.dice("operator")
        self._numbers = 0

    async def settle_in(self, server: Server, accounts: int, usd: Decimal) -> None:
        """Make tenants with keys and money."""
        for number in range(accounts):
            tenant = Tenant(server.doors.ids.new("tnt"), f"tenant {number}", created_at=server.doors.clock.now())
            await server.store.create_tenant(tenant)
            account = Account(tenant, [])
            for label in range(2):
                secret = f"fg-{number}-{label}"
                key = Key(server.doors.ids.new("key"), tenant.id, app=f"app {label}", hint=secret[-4:], created_at=0)
                await server.store.create_key(key, hash_secret(secret))
                account.secrets.append(secret)
            self.accounts.append(account)
            await self.pay(server, account, int(usd * 1_000_000_000))
            # Prices of odd parts of a nano, so that how they are rounded shows.
            await server.store.set_margin((tenant.id, None, None), "7.77", server.doors.clock.now())

    async def pay(self, server: Server, account: Account, nanos: int, kind: Kind = Kind.CREDIT) -> None:
        """Pay in, or take back. Whether a payment was made that was not acknowledged, the books tell."""
        now = server.doors.clock.now()
        given = Deposit(server.doors.ids.new("led"), account.tenant.id, kind, nanos, now, date_of(now), "by hand")
        account.doubtful[given.entry_id] = nanos
        try:
            made = await server.store.deposit(given)
        except LedgerUnavailable:
            return
        del account.doubtful[given.entry_id]
        if isinstance(made, Entry):
            account.deposits[given.entry_id] = nanos

    async def deed(self, server: Server, fault: str) -> None:
        """Do something in the middle of everything. What the ledger cannot take now is not done."""
        deeds = {
            "margin_change": self._change_margin,
            "rates_change": self._change_rates,
            "suspended": self._suspend,
            "key_revoked": self._revoke,
            "cap_set": self._cap,
            "correction": self._correct,
        }
        with contextlib.suppress(LedgerUnavailable, BadRequest):
            await deeds[fault](server, self._dice.choice(self.accounts))

    async def _change_margin(self, server: Server, account: Account) -> None:
        pct = self._dice.choice(("0", "12.5", "33", "100"))
        tenant = self._dice.choice(("", account.tenant.id))
        slot: Slot = (tenant or None, None, None)
        # One that is committed and never acknowledged is found in the books, by its version.
        _ = await server.store.set_margin(slot, pct, server.doors.clock.now())

    async def _change_rates(self, server: Server, _account: Account) -> None:
        self._numbers += 1
        factor = self._dice.choice((Decimal("0.5"), Decimal(2), Decimal("1.1")))
        card = repriced(self.card, f"card {self._numbers}", factor)
        self.cards[card.version] = card
        began = asyncio.get_running_loop().time()
        self.card_spells.append(Spell(card.version, began, began))
        await server.store.use_rates(card, server.doors.clock.now())
        self.card = card

    async def _suspend(self, server: Server, account: Account) -> None:
        now = server.doors.clock.now()
        _ = await server.store.set_tenant_state(account.tenant.id, TenantState.SUSPENDED, now)
        await asyncio.sleep(self._dice.uniform(0.1, 5.0))
        _ = await server.store.set_tenant_state(account.tenant.id, TenantState.ACTIVE, now)

    async def _revoke(self, server: Server, account: Account) -> None:
        for key in await server.store.keys(account.tenant.id, 10):
            if key.revoked_at is None and key.app == "app 1":
                _ = await server.store.revoke_key(key.id, server.doors.clock.now())

    async def _cap(self, server: Server, account: Account) -> None:
        place = CapPlace(account.tenant.id, self._dice.choice(list(Span)))
        if self._dice.random() < 0.3:
            _ = await server.store.unset_cap(place, server.doors.clock.now())
            return
        limit = self._dice.choice((0, 200_000, 5_000_000_000))
        _ = await server.store.set_cap(server.doors.ids.new("cap"), place, limit, server.doors.clock.now())

    async def _correct(self, server: Server, account: Account) -> None:
        await self.pay(server, account, -self._dice.randint(1, 200_000), Kind.ADJUSTMENT)


def repriced(card: RateCard, version: str, factor: Decimal) -> RateCard:
    """Return a card on which everything costs so many times as much."""
    integrations = {
        name: tuple(
            structs.replace(
                model, rates=tuple(structs.replace(r, usd=f"{Decimal(r.usd) * factor:f}") for r in model.rates)
            )
            for model in models
        )
        for name, models in card.integrations.items()
    }
    return structs.replace(card, version=version, integrations=integrations)
