"""What the house may ask of a database. One suite of tests runs against every one of them and a dict model."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from proxy.ledger.call import CallRecord, Ending, Receipt
from proxy.ledger.cap import Capped, CapPlace, Standing
from proxy.ledger.entry import Entry
from proxy.ledger.exposure import Exposure
from proxy.ledger.hold import Hold, HoldRequest
from proxy.ledger.transitions import Deposit
from proxy.ledger.wallet import Short, Wallet
from proxy.ledger.work import OpenWork, Work
from proxy.pricing.card import RateCard
from proxy.pricing.cascade import MarginTable, Slot
from proxy.tenants.actor import HOUSE, Actor
from proxy.tenants.key import Key, KeyHolder
from proxy.tenants.tenant import Tenant, TenantState


class OwnedObject(Struct, frozen=True):
    """An object at a provider, and the tenant that made it through Faregate.

    `tokens` is what continuing from it may add to a request's input; None while it is not known. `lot` is what a file
    can cost as a batch (`proxy/bounds/lot.py`), as JSON; empty for all other objects.
    """

    integration: str
    id: str
    tenant: str
    kind: str
    call: str
    created_at: int
    tokens: int | None = None
    lot: str = ""


class Ledger(Protocol):
    """The wallet's verbs, each durable when it returns. LedgerUnavailable: nothing could be committed."""

    async def hold(self, request: HoldRequest) -> Hold | Short | Capped:
        """Reserve a call's worst case on the wallet and on every spend cap that covers the call, or on none of them.

        What was missing is Short where the wallet lacks it, Capped where a cap does. Asked again for the same call:
        its hold.

        Raises InvariantBroken if that call is over, is another tenant's, or if there is no such tenant.
        """
        ...

    async def raise_hold(self, call: str, more: int, cost_more: int) -> Hold | None:
        """Take more for a running call; None if wallet or caps do not leave it. Raises NoHold if it has none."""
        ...

    async def end(self, ending: Ending) -> Receipt:
        """End a hold, in one transaction with its entry, its exposure, its call row and its object's tokens.

        What it held on spend caps is given back, and what it was charged or waived is counted on those in force.

        Ending a call that is over changes nothing and returns a receipt with `already`. Raises NoHold if the
        call never had a hold, InvariantBroken if it is another tenant's.
        """
        ...

    def checkpoint(self, call: str, evidence: str) -> None:
        """Keep what was seen of a running call (a bill's JSON). Does not wait; rides in the next batch."""
        ...

    def record(self, record: CallRecord) -> None:
        """Keep a call that had no hold (free, refused). Does not wait; dropped when the queue is full."""
        ...

    async def deposit(self, given: Deposit) -> Entry | Short:
        """Write a credit, adjustment or refund. The same entry id again returns the entry that was made.

        Raises BadRequest if there is no such tenant, or if that id names another movement.
        """
        ...

    async def own(self, objects: Sequence[OwnedObject]) -> None:
        """Record who made these objects, before anything that names them is relayed. The first owner stays."""
        ...

    async def entrust(self, work: Work, objects: Sequence[OwnedObject]) -> Work:
        """Let a call's hold belong to an object from now on, and record what the call made, in one transaction.

        Returns whose work the object is: another's, if a call before it made the same one. Raises NoHold if the call
        never had a hold, InvariantBroken if it is another tenant's.
        """
        ...

    async def disown(self, integration: str, object_id: str) -> None:
        """Forget an object that its owner deleted."""
        ...

    async def open_holds(self, before_epoch: int) -> Sequence[Hold]:
        """Return the holds of workers that are gone, oldest first: what recovery must end.

        Holds of work that finishes later are not among them: they end with it.
        """
        ...

    @property
    def epoch(self) -> int:
        """The number of this start; holds of earlier ones are orphans."""
        ...


class Directory(Protocol):
    """Finds the party behind a key, and what is in force now. Answers may be a moment old, at most 2 s."""

    async def holder(self, secret_hash: str) -> KeyHolder | None:
        """Return the key with this hash, revoked and expired ones included, or None."""
        ...

    def used(self, key: str, at: int) -> None:
        """Note that a key was used. Does not wait: it costs a call nothing."""
        ...

    async def wallet(self, tenant: str) -> Wallet:
        """Return a tenant's wallet as it was a moment ago; admission never relies on it."""
        ...

    def rate_card(self) -> RateCard:
        """Return the rate card in force."""
        ...

    def margins(self) -> MarginTable:
        """Return the margin table in force."""
        ...

    async def owned(self, integration: str, object_id: str) -> OwnedObject | None:
        """Return an object that was made through Faregate, or None."""
        ...

    async def tables(self, rate_card: str, margins: int) -> tuple[RateCard, MarginTable]:
        """Return the rate card and the margin table of these versions: what a call was held with.

        Raises InvariantBroken for a card that is not kept.
        """
        ...

    async def open_work(self) -> Sequence[OpenWork]:
        """Return all work that is not over, oldest first."""
        ...

    async def work_behind(self, integration: str, object_id: str) -> OpenWork | None:
        """Return the work that is not over and that an object is, or comes from; None if there is none."""
        ...


class WalletView(Struct, frozen=True):
    """A wallet and the tenant that it belongs to."""

    tenant: Tenant
    wallet: Wallet


class MarginRow(Struct, frozen=True):
    """What was last said of a margin, and when; without `pct` it was unset."""

    slot: Slot
    pct: str | None
    version: int
    set_at: int


class Held(Struct, frozen=True):
    """How many holds are open, and what they reserve together."""

    holds: int
    nanos: int


class Fault(Struct, frozen=True):
    """One thing that verification found wrong, in a sentence.

    `entry` is the id of an entry, a call or a spend cap; empty: the wallet.
    """

    tenant: str
    entry: str
    problem: str


class Verdict(Struct, frozen=True):
    """What verification found. `ok` is true when there are no faults."""

    ok: bool
    wallets: int
    entries: int
    open_holds: int
    faults: tuple[Fault, ...] = ()


class AuditRecord(Struct, frozen=True):
    """One deed of an operator. `before` and `after` are JSON objects, or empty where there was nothing.

    `action` is a noun and a verb (`key.rotate`); `target` is the id of what was changed; `seq` has no gaps.
    """

    seq: int
    at: int
    by: Actor
    action: str
    tenant: str | None
    target: str
    before: str
    after: str


class AuditFilter(Struct, frozen=True):
    """Which deeds: None is "any". `action` may be a noun alone; `since` is included, `until` is not.

    `before` is the `seq` of a deed: only older ones.
    """

    tenant: str | None = None
    who: str | None = None
    action: str | None = None
    since: int | None = None
    until: int | None = None
    before: int | None = None


class Registry(Protocol):
    """The operator's verbs over tenants, keys, money and margins, and his reads. BadRequest: that cannot be.

    What a verb changes and the line of the audit log that says so are one transaction; a verb that finds nothing to
    change writes none. `by` is who asked.
    """

    async def create_tenant(self, tenant: Tenant, by: Actor = HOUSE) -> Tenant:
        """Add a tenant and its empty wallet."""
        ...

    async def find_tenant(self, name_or_id: str) -> Tenant:
        """Return the tenant of this id, or of this name if it is unique."""
        ...

    async def tenants(self, limit: int, after: str = "") -> Sequence[WalletView]:
        """Return tenants by id."""
        ...

    async def set_tenant_state(self, tenant: str, state: TenantState, at: int, by: Actor = HOUSE) -> Tenant:
        """Suspend or resume."""
        ...

    async def set_minimum(self, tenant: str, minimum: int, at: int, by: Actor = HOUSE) -> Wallet:
        """Set down to where a wallet may go, in nano-USD. It binds calls that begin from now on."""
        ...

    async def credit(self, given: Deposit, by: Actor = HOUSE) -> Entry | Short:
        """Write a credit or an adjustment. The same tenant, reference and amount again return the first entry.

        Raises BadRequest (409) if that reference names another amount. No reference is never the same.
        """
        ...

    async def create_key(self, key: Key, secret_hash: str, by: Actor = HOUSE) -> Key:
        """Add a key."""
        ...

    async def keys(self, tenant: str | None, limit: int, after: str = "") -> Sequence[Key]:
        """Return keys by id."""
        ...

    async def find_key(self, key: str) -> Key:
        """Return one key; BadRequest 404 for an unknown one."""
        ...

    async def revoke_key(self, key: str, at: int, by: Actor = HOUSE) -> Key:
        """Revoke a key from `at` on. One that is revoked keeps its first time."""
        ...

    async def rotate_key(self, old: str, new: Key, secret_hash: str, until: int, by: Actor = HOUSE) -> Key:
        """Add a key in the place of another, which ends at `until` at the latest; return the new one.

        Raises BadRequest (409) if the old one is revoked, expired or replaced already.
        """
        ...

    async def keep_uses(self) -> None:
        """Write down when keys were last used, as far as `Directory.used` was told since the last time."""
        ...

    async def note(
        self, action: str, before: Mapping[str, object], after: Mapping[str, object], at: int, by: Actor = HOUSE
    ) -> None:
        """Write down a deed of which the database knows nothing else, such as files that were read anew."""
        ...

    async def audit(self, asked: AuditFilter, limit: int) -> Sequence[AuditRecord]:
        """Return deeds, newest first."""
        ...

    async def set_margin(self, slot: Slot, pct: str, at: int, by: Actor = HOUSE) -> MarginRow:
        """Put a margin in force, as a new version of the table."""
        ...

    async def unset_margin(self, slot: Slot, at: int, by: Actor = HOUSE) -> MarginRow:
        """Take a margin out of force, as a new version of the table. BadRequest (404) if there is none."""
        ...

    async def set_cap(self, new_id: str, place: CapPlace, limit: int, at: int, by: Actor = HOUSE) -> Standing:
        """Put a spend cap in force for calls that begin from now on, or change its limit; return how it stands.

        What the calls that it covers were charged or waived in its window is spent already. Calls that run are not
        held on a cap that is new, and counted when they end. `new_id` is for a place that had no cap before.
        Raises BadRequest if there is no such tenant or key.
        """
        ...

    async def unset_cap(self, place: CapPlace, at: int, by: Actor = HOUSE) -> Standing:
        """Take a spend cap out of force, and return how it stood. BadRequest (404) if there is none."""
        ...

    async def caps(
        self, tenant: str | None, at: int, limit: int, after: str = "", *, percent: int = 0
    ) -> Sequence[Standing]:
        """Return the spend caps in force of one tenant or of all, by id, in their windows of a time.

        With `percent`, only those of which at least so much is spent or held.
        """
        ...

    async def use_rates(self, card: RateCard, at: int) -> None:
        """Put a rate card in force for calls that begin from now on, and keep it for good under its version.

        Raises BadConfig if another card has that version.
        """
        ...

    async def margin_rows(self) -> Sequence[MarginRow]:
        """Return the margins in force."""
        ...

    async def wallet(self, tenant: str) -> Wallet:
        """Return a wallet as committed."""
        ...

    async def entries(self, tenant: str, limit: int, before_seq: int | None = None) -> Sequence[Entry]:
        """Return a wallet's entries, newest first."""
        ...

    async def entry(self, entry: str) -> Entry:
        """Return one entry of any wallet; BadRequest 404 for an unknown one."""
        ...

    async def calls(self, tenant: str, limit: int, before: str = "") -> Sequence[CallRecord]:
        """Return a tenant's calls, newest first."""
        ...

    async def exposures(self, limit: int) -> Sequence[Exposure]:
        """Return exposures, newest first."""
        ...

    async def holds(self) -> Sequence[Hold]:
        """Return every open hold."""
        ...

    async def held(self) -> Held:
        """Return what all open holds come to."""
        ...

    async def verify(self, tenant: str | None = None) -> Verdict:
        """Check chain, sums, holds and every charge against stored usage, rate card and margins."""
        ...


class Store(Ledger, Directory, Registry, Protocol):
    """One database, behind all its doors."""

    async def open(self, card: RateCard) -> None:
        """Create or upgrade the schema, start a new epoch, put a rate card in force. Raises BadConfig."""
        ...

    async def close(self) -> None:
        """Commit what is queued and let go of the files."""
        ...
