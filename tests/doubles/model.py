"""The ledger as dicts and integers: what every store must agree with. Its arithmetic is its own, and plain.

It keeps no hashes and prices nothing: `verify` only adds up.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase

from msgspec import structs

from proxy.errors import BadConfig, BadRequest, InvariantBroken
from proxy.ledger.bill import write_bill
from proxy.ledger.call import CallRecord, Ending, NoHold, Receipt
from proxy.ledger.cap import Cap, Capped, CapPlace, Standing, Window
from proxy.ledger.entry import Entry
from proxy.ledger.exposure import Exposure
from proxy.ledger.hold import Hold, HoldRequest, HoldState
from proxy.ledger.transitions import Deposit
from proxy.ledger.wallet import Short, Wallet
from proxy.ledger.work import OpenWork, Work
from proxy.pricing.card import RateCard
from proxy.pricing.cascade import MarginTable, Slot
from proxy.store.doors import AuditFilter, AuditRecord, Held, MarginRow, OwnedObject, Verdict, WalletView
from proxy.tenants.actor import HOUSE, Actor
from proxy.tenants.key import Key, KeyHolder
from proxy.tenants.tenant import Tenant, TenantState
from proxy.usage.certainty import Certainty


class ModelStore:
    """Implements `doors.Store` in memory; opening it again is a new start on the same data."""

    def __init__(self) -> None:
        self.epoch = 0
        self._tenants: dict[str, Tenant] = {}
        self._keys: dict[str, tuple[Key, str]] = {}
        self._wallets: dict[str, Wallet] = {}
        self._holds: dict[str, Hold] = {}
        self._entries: dict[str, list[Entry]] = {}
        self._calls: dict[str, CallRecord] = {}
        self._receipts: dict[str, Receipt] = {}
        self._exposures: list[Exposure] = []
        self._objects: dict[tuple[str, str], OwnedObject] = {}
        self._work: dict[tuple[str, str], Work] = {}
        self._margins: list[MarginRow] = []
        self._caps: dict[CapPlace, Cap] = {}
        self._lifted: dict[CapPlace, str] = {}
        self._audit: list[AuditRecord] = []
        self._card: RateCard | None = None
        self._cards: dict[str, RateCard] = {}

    async def open(self, card: RateCard) -> None:
        self.epoch += 1
        await self.use_rates(card, 0)

    async def close(self) -> None:
        pass

    # The ledger.

    async def hold(self, request: HoldRequest) -> Hold | Short | Capped:
        if request.call in self._holds:
            known = self._holds[request.call]
            if known.tenant != request.tenant or known.state != "held":
                raise InvariantBroken(request.call)
            return known
        wallet = self._known(request.tenant)
        free, ask = wallet.balance - wallet.minimum - wallet.held, request.ask
        over = [self._stand(cap, request.period) for cap in self._over(request)]
        left = max(0, min((each.left for each in over), default=10**18))
        money = left if request.waived else min(free, left)
        if money < ask.least:
            if not request.waived and free <= left:
                return Short(wallet.balance, wallet.held, wallet.minimum, ask.least)
            full = [each for each in over if max(0, each.left) < ask.least]
            spent = [each for each in full if each.unspent < ask.least]
            last = max(spent, key=lambda s: (s.resets_at, -s.left)) if spent else min(full, key=lambda s: s.left)
            return Capped(last, ask.least)
        granted = max(ask.least, min(ask.most, money, ask.base + max(ask.floor, money // ask.share)))
        if request.waived and ask.most <= left:
            granted = ask.most
        cost = -(-request.cost_most * granted // ask.most) if ask.most else request.cost_most
        on_wallet = 0 if request.waived else granted
        facts = (request.call, request.tenant, request.key, request.integration, request.endpoint, request.model)
        versions = (request.rate_card, request.margins, request.waived, request.at, request.period, self.epoch)
        caps = (request.app, granted if over else 0, tuple((each.cap.id, each.window.window) for each in over))
        hold = Hold(*facts, on_wallet, min(cost, request.cost_most), *versions, HoldState.HELD, "", *caps)
        self._reserve(request.tenant, on_wallet)
        self._holds[request.call] = hold
        return hold

    async def raise_hold(self, call: str, more: int, cost_more: int) -> Hold | None:
        hold = self._find(call)
        wallet = self._wallets[hold.tenant]
        for cap in self._caps.values():
            windows = [window for known, window in hold.windows if known == cap.id]
            if windows and more > max(0, self._stand(cap, windows[0]).left):
                return None
        if hold.windows:
            hold = structs.replace(hold, cap_nanos=hold.cap_nanos + more)
        if not hold.waived:
            if more > wallet.balance - wallet.minimum - wallet.held:
                return None
            self._reserve(hold.tenant, more)
            hold = structs.replace(hold, wallet_nanos=hold.wallet_nanos + more)
        self._holds[call] = structs.replace(hold, cost_nanos=hold.cost_nanos + cost_more)
        return self._holds[call]

    async def end(self, ending: Ending) -> Receipt:
        record, bill = ending.record, ending.bill
        hold = self._find(record.id)
        if hold.state != "held":
            wallet = self._wallets[hold.tenant]
            before = self._receipts[record.id]
            return structs.replace(before, balance_nanos=wallet.balance, held_nanos=wallet.held, already=True)
        wallet = self._wallets[hold.tenant]
        charge, cost = (bill.charge_nanos, bill.upstream_cost_nanos) if bill else (0, 0)
        waived = charge if hold.waived else 0
        paid = charge - waived
        free = max(0, wallet.balance - wallet.minimum - wallet.held)
        exact = bill is not None and bill.certainty is Certainty.EXACT
        paid = min(paid, hold.wallet_nanos + (free if exact else 0))
        short = charge - waived - paid
        unseen = max(0, hold.cost_nanos - cost) if ending.unseen else 0
        exposure = ending.exposed + unseen if bill else max(ending.exposed, unseen)
        exposure += -(-cost * short // charge) if short else 0
        self._reserve(hold.tenant, -hold.wallet_nanos)
        if bill is not None:
            final = structs.replace(bill, exposure_nanos=exposure, shortfall_nanos=short)
            self._enter(
                hold.tenant, ending.entry_id, "call", -paid, waived, record.ended_at, hold.period, hold.call,
                write_bill(final),
            )  # fmt: skip
            self._count_tokens(hold.call, sum(int(n) for p in bill.parts for n in p.usage.values()))
        if exposure:
            reason = ending.reason or record.outcome.value
            self._exposures.append(
                Exposure(hold.call, hold.tenant, hold.integration, exposure, reason, ending.unseen, record.ended_at)
            )
        state = HoldState.SETTLED if bill else HoldState.RELEASED
        asked = paid + waived
        after = [self._stand(cap, hold.period) for cap in self._over(hold)]
        near = [s for s in after if (s.window.spent - asked) * 5 < s.cap.limit * 4 <= s.window.spent * 5 and asked]
        self._holds[hold.call] = structs.replace(hold, state=state, evidence="")
        near = [self._stand(each.cap, hold.period) for each in near]
        self._calls[record.id] = record
        wallet = self._wallets[hold.tenant]
        entry_id = ending.entry_id if bill else ""
        amounts = (paid, waived, exposure, short, wallet.balance, wallet.held)
        self._receipts[record.id] = Receipt(*amounts, entry_id)
        return structs.replace(self._receipts[record.id], near=tuple(near))

    def checkpoint(self, call: str, evidence: str) -> None:
        hold = self._holds.get(call)
        if hold is not None and hold.state == "held":
            self._holds[call] = structs.replace(hold, evidence=evidence)

    def record(self, record: CallRecord) -> None:
        self._calls.setdefault(record.id, record)

    async def deposit(self, given: Deposit) -> Entry | Short:
        if given.tenant not in self._wallets:
            raise BadRequest("no tenant", code="not_found", status=404)
        for made in (entry for entries in self._entries.values() for entry in entries):
            if made.id == given.entry_id:
                if (made.tenant, made.kind, made.amount_nanos) != (given.tenant, given.kind, given.amount_nanos):
                    raise BadRequest("another movement", code="conflict", status=409)
                return made
        wallet = self._wallets[given.tenant]
        free = wallet.balance - wallet.minimum - wallet.held
        if given.amount_nanos < 0 and not given.forced and free < -given.amount_nanos:
            return Short(wallet.balance, wallet.held, wallet.minimum, -given.amount_nanos)
        return self._enter(
            given.tenant, given.entry_id, given.kind.value, given.amount_nanos, 0, given.at, given.period,
            given.reference, "",
        )  # fmt: skip

    async def own(self, objects: Sequence[OwnedObject]) -> None:
        for made in objects:
            first = self._objects.setdefault((made.integration, made.id), made)
            if first.tenant == made.tenant and made.tokens is not None:
                self._objects[made.integration, made.id] = structs.replace(first, tokens=made.tokens)

    async def entrust(self, work: Work, objects: Sequence[OwnedObject]) -> Work:
        if self._find(work.call).tenant != work.tenant:
            raise InvariantBroken(work.call)
        if work.call not in {each.call for each in self._work.values()}:
            self._work.setdefault((work.integration, work.object), work)
        if (work.integration, work.object) not in self._work:
            raise InvariantBroken(work.call)
        await self.own(objects)
        return self._work[work.integration, work.object]

    async def disown(self, integration: str, object_id: str) -> None:
        self._objects.pop((integration, object_id), None)

    async def open_holds(self, before_epoch: int) -> Sequence[Hold]:
        entrusted = {work.call for work in self._work.values()}
        return [hold for hold in await self.holds() if hold.epoch < before_epoch and hold.call not in entrusted]

    # The directory.

    async def holder(self, secret_hash: str) -> KeyHolder | None:
        for key, known in self._keys.values():
            if known == secret_hash:
                return KeyHolder(key, self._tenants[key.tenant])
        return None

    async def wallet(self, tenant: str) -> Wallet:
        wallet = self._wallets.get(tenant, Wallet(tenant))
        return structs.replace(wallet, head="")

    def rate_card(self) -> RateCard:
        assert self._card is not None
        return self._card

    def margins(self) -> MarginTable:
        last = {row.slot: row.pct for row in self._margins}
        slots = {slot: Decimal(pct) for slot, pct in last.items() if pct is not None}
        return MarginTable(len(self._margins), slots)

    async def owned(self, integration: str, object_id: str) -> OwnedObject | None:
        return self._objects.get((integration, object_id))

    async def tables(self, rate_card: str, margins: int) -> tuple[RateCard, MarginTable]:
        if rate_card not in self._cards:
            raise InvariantBroken(rate_card)
        last = {row.slot: row.pct for row in self._margins if row.version <= margins}
        return self._cards[rate_card], MarginTable(margins, {s: Decimal(p) for s, p in last.items() if p is not None})

    async def open_work(self) -> Sequence[OpenWork]:
        found = [OpenWork(work, self._holds[work.call]) for work in self._work.values()]
        return sorted((each for each in found if each.hold.state == "held"), key=lambda each: each.work.call)

    async def work_behind(self, integration: str, object_id: str) -> OpenWork | None:
        made = self._objects.get((integration, object_id))
        return next((each for each in await self.open_work() if made and each.work.call == made.call), None)

    # The registry.

    async def create_tenant(self, tenant: Tenant, by: Actor = HOUSE) -> Tenant:
        if tenant.id in self._tenants:
            raise BadRequest("exists", code="conflict", status=409)
        self._note(by, tenant.created_at, "tenant.create", tenant.id, tenant.id)
        self._tenants[tenant.id] = tenant
        self._wallets[tenant.id] = Wallet(tenant.id)
        return tenant

    async def find_tenant(self, name_or_id: str) -> Tenant:
        if name_or_id in self._tenants:
            return self._tenants[name_or_id]
        named = [tenant for tenant in self._tenants.values() if tenant.name == name_or_id]
        if not named:
            raise BadRequest("none", code="not_found", status=404)
        if len(named) > 1:
            raise BadRequest("several", code="ambiguous", status=409)
        return named[0]

    async def tenants(self, limit: int, after: str = "") -> Sequence[WalletView]:
        ids = sorted(each for each in self._tenants if each > after)[:limit]
        return [WalletView(self._tenants[each], await self.wallet(each)) for each in ids]

    async def set_tenant_state(self, tenant: str, state: TenantState, at: int, by: Actor = HOUSE) -> Tenant:
        self._must_exist(tenant)
        if self._tenants[tenant].state is not state:
            self._note(by, at, f"tenant.{'suspend' if state == 'suspended' else 'resume'}", tenant, tenant)
        self._tenants[tenant] = structs.replace(self._tenants[tenant], state=state)
        return self._tenants[tenant]

    async def set_minimum(self, tenant: str, minimum: int, at: int, by: Actor = HOUSE) -> Wallet:
        self._must_exist(tenant)
        if self._wallets[tenant].minimum != minimum:
            self._note(by, at, "tenant.minimum", tenant, tenant)
        self._wallets[tenant] = structs.replace(self._wallets[tenant], minimum=minimum)
        return await self.wallet(tenant)

    async def credit(self, given: Deposit, by: Actor = HOUSE) -> Entry | Short:
        for made in self._entries.get(given.tenant, []):
            if given.reference and made.reference == given.reference and made.kind in ("credit", "adjustment"):
                if made.amount_nanos != given.amount_nanos:
                    raise BadRequest("another amount", code="conflict", status=409)
                return made
        written = await self.deposit(given)
        if isinstance(written, Entry):
            self._note(by, given.at, f"{given.kind.value}.create", given.tenant, written.id)
        return written

    async def create_key(self, key: Key, secret_hash: str, by: Actor = HOUSE) -> Key:
        self._add_key(key, secret_hash)
        self._note(by, key.created_at, "key.create", key.tenant, key.id)
        return key

    def _add_key(self, key: Key, secret_hash: str) -> None:
        self._must_exist(key.tenant)
        if key.id in self._keys or secret_hash in {known for _, known in self._keys.values()}:
            raise BadRequest("exists", code="conflict", status=409)
        self._keys[key.id] = (key, secret_hash)

    async def keys(self, tenant: str | None, limit: int, after: str = "") -> Sequence[Key]:
        found = (key for key, _ in self._keys.values() if key.tenant == (tenant or key.tenant) and key.id > after)
        return sorted(found, key=lambda key: key.id)[:limit]

    async def find_key(self, key: str) -> Key:
        if key not in self._keys:
            raise BadRequest("none", code="not_found", status=404)
        return self._keys[key][0]

    async def rotate_key(self, old: str, new: Key, secret_hash: str, until: int, by: Actor = HOUSE) -> Key:
        known = await self.find_key(old)
        if known.revoked_at is not None or known.replaced_by or (known.expires_at or until + 1) <= new.created_at:
            raise BadRequest("over", code="conflict", status=409)
        self._add_key(new, secret_hash)
        ends = until if known.expires_at is None else min(until, known.expires_at)
        self._keys[old] = (structs.replace(known, replaced_by=new.id, expires_at=ends), self._keys[old][1])
        self._note(by, new.created_at, "key.rotate", known.tenant, old)
        return new

    def used(self, key: str, at: int) -> None:
        if key in self._keys:
            known, secret_hash = self._keys[key]
            self._keys[key] = (structs.replace(known, last_used_at=at), secret_hash)

    async def keep_uses(self) -> None:
        pass

    async def note(
        self, action: str, before: Mapping[str, object], after: Mapping[str, object], at: int, by: Actor = HOUSE
    ) -> None:
        self._note(by, at, action, None, "server")

    async def audit(self, asked: AuditFilter, limit: int) -> Sequence[AuditRecord]:
        found = [
            deed
            for deed in self._audit
            if asked.tenant in (None, deed.tenant)
            and asked.who in (None, deed.by.who)
            and asked.action in (None, deed.action, deed.action.split(".")[0])
            and (asked.since is None or deed.at >= asked.since)
            and (asked.until is None or deed.at < asked.until)
            and (asked.before is None or deed.seq < asked.before)
        ]
        return found[::-1][:limit]

    def _note(self, by: Actor, at: int, action: str, tenant: str | None, target: str) -> None:
        self._audit.append(AuditRecord(len(self._audit) + 1, at, by, action, tenant, target, "", ""))

    async def revoke_key(self, key: str, at: int, by: Actor = HOUSE) -> Key:
        if key not in self._keys:
            raise BadRequest("none", code="not_found", status=404)
        known, secret_hash = self._keys[key]
        if known.revoked_at is None:
            self._note(by, at, "key.revoke", known.tenant, key)
            self._keys[key] = (structs.replace(known, revoked_at=at), secret_hash)
        return self._keys[key][0]

    # Spend caps: nothing is counted as it happens; each question adds up all holds and entries again.

    async def set_cap(self, new_id: str, place: CapPlace, limit: int, at: int, by: Actor = HOUSE) -> Standing:
        self._must_exist(place.tenant)
        key = self._keys[place.key][0] if place.key in self._keys else None
        if place.key and (key is None or key.tenant != place.tenant):
            raise BadRequest("no key", code="not_found", status=404)
        if key is not None and place.app not in ("", key.app):
            raise BadRequest("another app")
        day = datetime.fromtimestamp(at / 1e6, UTC).date().isoformat()
        known = self._caps.get(place)
        if known is None:
            known = Cap(self._lifted.get(place, new_id), place, limit, day, at)
        if place not in self._caps or known.limit != limit:
            self._note(by, at, "cap.set", place.tenant, known.id)
            known = structs.replace(known, limit=limit, set_at=at)
        self._caps[place] = known
        return self._stand(known, day)

    async def unset_cap(self, place: CapPlace, at: int, by: Actor = HOUSE) -> Standing:
        if place not in self._caps:
            raise BadRequest("none", code="not_found", status=404)
        stood = self._stand(self._caps[place], datetime.fromtimestamp(at / 1e6, UTC).date().isoformat())
        self._lifted[place] = self._caps.pop(place).id
        self._note(by, at, "cap.unset", place.tenant, stood.cap.id)
        return stood

    async def caps(
        self, tenant: str | None, at: int, limit: int, after: str = "", *, percent: int = 0
    ) -> Sequence[Standing]:
        day = datetime.fromtimestamp(at / 1e6, UTC).date().isoformat()
        found = [cap for cap in self._caps.values() if cap.place.tenant == (tenant or cap.place.tenant)]
        stands = [self._stand(cap, day) for cap in sorted(found, key=_id) if cap.id > after]
        return [s for s in stands if (s.window.spent + s.window.held) * 100 >= s.cap.limit * percent][:limit]

    def _over(self, call: Hold | HoldRequest) -> list[Cap]:
        """Return the caps that a call is under, by id."""
        found = [cap for cap in self._caps.values() if cap.place.tenant == call.tenant and self._fits(cap, call)]
        return sorted((cap for cap in found if self._cut(cap, call.period) >= self._cut(cap, cap.since)), key=_id)

    def _fits(self, cap: Cap, call: Hold | HoldRequest) -> bool:
        key, place = call.key, cap.place
        while place.key and key != place.key:
            key = next((known.id for known, _ in self._keys.values() if known.replaced_by == key), place.key + "?")
            if key == place.key + "?":
                return False
        same = place.app in ("", call.app) and place.integration in ("", call.integration)
        return same and (not place.model or fnmatchcase(call.model, place.model))

    def _cut(self, cap: Cap, day: str) -> str:
        return day[: 10 if cap.place.span == "daily" else 7]

    def _stand(self, cap: Cap, day: str) -> Standing:
        window = self._cut(cap, day)
        held = sum(h.cap_nanos for h in self._holds.values() if h.state == "held" and (cap.id, window) in h.windows)
        spent = 0
        for entry in self._entries.get(cap.place.tenant, []):
            in_window = entry.kind == "call" and entry.period.startswith(window)
            if in_window and self._fits(cap, self._holds[entry.reference]):
                spent += entry.waived_nanos - entry.amount_nanos
        keys = self._successors(cap.place.key) if cap.place.key else ()
        seen = structs.replace(cap, keys=tuple(keys))
        return Standing(seen, Window(cap.id, window, cap.place.tenant, spent, held))

    def _successors(self, key: str) -> list[str]:
        after = self._keys[key][0].replaced_by if key in self._keys else ""
        return [key, *(self._successors(after) if after else [])]

    async def set_margin(self, slot: Slot, pct: str, at: int, by: Actor = HOUSE) -> MarginRow:
        tenant, integration, unit = slot
        try:
            wrong = not -100 <= Decimal(pct) <= 1_000_000 or (unit is not None and integration is None)
        except ArithmeticError:
            wrong = True
        if wrong:
            raise BadRequest("wrong margin")
        if tenant is not None:
            self._must_exist(tenant)
        row = MarginRow(slot, str(Decimal(pct)), len(self._margins) + 1, at)
        self._margins.append(row)
        self._note(by, at, "margin.set", tenant, " ".join(part for part in slot if part) or "everything")
        return row

    async def unset_margin(self, slot: Slot, at: int, by: Actor = HOUSE) -> MarginRow:
        if slot not in {row.slot for row in await self.margin_rows()}:
            raise BadRequest("none", code="not_found", status=404)
        row = MarginRow(slot, None, len(self._margins) + 1, at)
        self._margins.append(row)
        self._note(by, at, "margin.unset", slot[0], " ".join(part for part in slot if part) or "everything")
        return row

    async def use_rates(self, card: RateCard, at: int) -> None:
        if self._cards.setdefault(card.version, card) != card:
            raise BadConfig("another rate card has this version")
        self._card = card

    async def margin_rows(self) -> Sequence[MarginRow]:
        newest = {row.slot: row for row in self._margins}
        return sorted((row for row in newest.values() if row.pct is not None), key=lambda row: row.version)

    async def entries(self, tenant: str, limit: int, before_seq: int | None = None) -> Sequence[Entry]:
        found = [e for e in self._entries.get(tenant, []) if before_seq is None or e.seq < before_seq]
        return found[::-1][:limit]

    async def entry(self, entry: str) -> Entry:
        for made in (each for entries in self._entries.values() for each in entries):
            if made.id == entry:
                return made
        raise BadRequest("none", code="not_found", status=404)

    async def calls(self, tenant: str, limit: int, before: str = "") -> Sequence[CallRecord]:
        found = [c for c in self._calls.values() if c.tenant == tenant and (not before or c.id < before)]
        return sorted(found, key=lambda call: call.id, reverse=True)[:limit]

    async def exposures(self, limit: int) -> Sequence[Exposure]:
        return self._exposures[::-1][:limit]

    async def holds(self) -> Sequence[Hold]:
        return sorted((h for h in self._holds.values() if h.state == "held"), key=lambda hold: hold.call)

    async def held(self) -> Held:
        found = await self.holds()
        return Held(len(found), sum(hold.wallet_nanos for hold in found))

    async def verify(self, tenant: str | None = None) -> Verdict:
        wallets = [wallet for wallet in self._wallets.values() if tenant in (None, wallet.tenant)]
        entries = [entry for wallet in wallets for entry in self._entries.get(wallet.tenant, [])]
        holds = [hold for hold in await self.holds() if tenant in (None, hold.tenant)]
        ok = sum(wallet.balance for wallet in wallets) == sum(entry.amount_nanos for entry in entries)
        return Verdict(ok, len(wallets), len(entries), len(holds))

    def _known(self, tenant: str) -> Wallet:
        if tenant not in self._wallets:
            raise InvariantBroken(tenant)
        return self._wallets[tenant]

    def _find(self, call: str) -> Hold:
        if call not in self._holds:
            raise NoHold(call)
        return self._holds[call]

    def _must_exist(self, tenant: str) -> None:
        if tenant not in self._tenants:
            raise BadRequest("none", code="not_found", status=404)

    def _reserve(self, tenant: str, nanos: int) -> None:
        wallet = self._wallets[tenant]
        self._wallets[tenant] = structs.replace(wallet, held=wallet.held + nanos)

    def _enter(
        self, tenant: str, entry_id: str, kind: str, amount: int, waived: int, at: int, period: str, ref: str, bill: str
    ) -> Entry:
        wallet = self._wallets[tenant]
        balance, seq = wallet.balance + amount, wallet.seq + 1
        entry = Entry(entry_id, tenant, seq, kind, amount, waived, balance, at, period, ref, bill, "", "")
        self._entries.setdefault(tenant, []).append(entry)
        self._wallets[tenant] = structs.replace(wallet, balance=balance, seq=seq)
        return entry

    def _count_tokens(self, call: str, tokens: int) -> None:
        for name, made in self._objects.items():
            if made.call == call:
                self._objects[name] = structs.replace(made, tokens=tokens)


def _id(cap: Cap) -> str:
    return cap.id
