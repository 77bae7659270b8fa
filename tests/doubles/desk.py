"""A real SQLite store and what else the operator API is handed, with calls that were metered by hand."""

from decimal import Decimal
from pathlib import Path

from doubles.acme import make_house
from msgspec import structs
from prometheus_client import CollectorRegistry

from proxy.errors import BadConfig, BadRequest
from proxy.ids import ulid
from proxy.ledger.bill import Bill, Part
from proxy.ledger.call import CallRecord, Ending, Outcome
from proxy.ledger.hold import Hold, HoldRequest
from proxy.ledger.wallet import Ask
from proxy.price_lists.report import FoundModel, FoundPrice, Report
from proxy.pricing.card import Conditions, ModelRates, Rate, RateCard
from proxy.pricing.formula import Prices, Used, price
from proxy.store.sqlite.books import SqliteBooks
from proxy.store.sqlite.store import SqliteStore
from proxy.tenants.actor import Actor
from proxy.usage.certainty import Certainty
from proxy.web.operator.documents.rates import RatesSync
from proxy.web.operator.documents.reload import ReloadDocument
from proxy.web.operator.doors import Names, OperatorDoors
from proxy.web.ops import Readiness

TOKEN = "the-admin-token"
NOW = 1_795_000_000_000_000  # 2026-11-18T11:06:40Z
CARD = RateCard(
    version="card-1",
    integrations={
        "acme": (
            ModelRates(
                match=("small", "small-*"),
                rates=(
                    Rate("input_tokens", "1.00", 1_000_000),
                    Rate("audio_seconds", "0.006"),
                    Rate("output_tokens", "4.00", 1_000_000),
                ),
                window=1000,
                output_max=100,
            ),
        ),
        "bolt": (ModelRates(match=("*",), rates=(Rate("input_tokens", "0"),)),),
    },
)


RELOADED = ReloadDocument(
    rate_card="card-2",
    previous_rate_card="card-1",
    integrations=("acme",),
    settings_changed=("providers.acme.api_key",),
    providers_changed=(),
    rates_changed=("acme", "bolt"),
    needs_restart=("listen",),
    warnings=("FAREGATE_X names no setting",),
)

_FOUND = FoundPrice(
    integration="acme",
    models=("small", "small-1", "small-2", "small-3"),
    unit="input_tokens",
    tier=None,
    context_above=None,
    per=1_000_000,
    ours_usd="1",
    lists={"one 1": "1.2", "two 2": "1.2"},
    change_pct="+20.0",
    verdict="accepted",
)
SYNCED = Report(
    at="2026-11-18T11:06:40.000000Z",
    lists=("one 1", "two 2"),
    integrations=("acme",),
    not_compared=("bolt",),
    prices={"accepted": 1, "jump": 1, "same": 3},
    accepted=(_FOUND,),
    new_models=(
        FoundModel(
            integration="acme",
            models=("large",),
            window=9,
            output_max=None,
            rates=(Rate("input_tokens", "3", 1_000_000, tier="batch", context_above=200_000),),
        ),
    ),
    quarantined=(structs.replace(_FOUND, tier="batch", context_above=1000, lists={"two 2": "9"}, verdict="jump"),),
    written=False,
)


class StillClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.micros = NOW

    def now(self) -> int:
        return self.micros

    def monotonic(self) -> float:
        return self.micros / 1e6


class CountedIds:
    """Ids in the order in which they are asked for."""

    def __init__(self) -> None:
        self.count = 0

    def new(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}_{ulid(NOW // 1000, self.count)}"


class Desk:
    """One store with its doors; `open` and `close` belong to the loop that uses it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock, self.ids, self.readiness = StillClock(), CountedIds(), Readiness()
        self.store = SqliteStore(path, self.clock)
        self.names = Names(frozenset(CARD.integrations), frozenset({"input_tokens", "audio_seconds", "output_tokens"}))
        self.reloads: ReloadDocument | BadConfig = RELOADED
        self.syncs: Report | BadRequest = SYNCED

    async def open(self) -> OperatorDoors:
        """Open the store and return what the API is handed."""
        await self.store.open(CARD)
        self.books = await SqliteBooks.open(self.path)
        return OperatorDoors(
            store=self.store,
            books=self.books,
            house=make_house,
            clock=self.clock,
            ids=self.ids,
            make_secret=lambda: f"fg-secret-{self.ids.new('key')}",
            admin_token=TOKEN,
            readiness=self.readiness,
            registry=CollectorRegistry(),
            names=lambda: self.names,
            reload=self.reload,
            sync=self.sync,
        )

    async def reload(self, by: Actor) -> ReloadDocument:
        """Read no files: say what a test has told, or fail with it."""
        if isinstance(self.reloads, BadConfig):
            raise self.reloads
        cards = ({"rate_card": card} for card in (self.reloads.previous_rate_card, self.reloads.rate_card))
        await self.store.note("server.reload", *cards, self.clock.now(), by)
        return self.reloads

    async def sync(self, by: Actor, write: bool) -> RatesSync:
        """Compare nothing: say what a test has told, or fail with it; what is written is reloaded."""
        if isinstance(self.syncs, BadRequest):
            raise self.syncs
        if not write:
            return RatesSync(self.syncs, None)
        found = structs.replace(self.syncs, written=True, files=("acme.synced.yaml",))
        return RatesSync(found, await self.reload(by))

    async def close(self) -> None:
        """Let go of the file. Closing twice is nothing."""
        await self.books.close()
        await self.store.close()

    async def hold(self, tenant: str, nanos: int) -> Hold:
        held = await self.store.hold(
            HoldRequest(
                call=self.ids.new("call"),
                tenant=tenant,
                key="key_1",
                integration="acme",
                endpoint="chat",
                model="small",
                ask=Ask(nanos, nanos, nanos),
                cost_most=nanos,
                rate_card=CARD.version,
                margins=self.store.margins().version,
                waived=False,
                at=self.clock.now(),
                period="2026-11-18",
            )
        )
        assert isinstance(held, Hold)
        return held

    async def call(self, tenant: str, tokens: int, seconds: Decimal = Decimal("1.5"), session: str = "") -> str:
        """Make a metered call of two models and settle it; return its id."""
        held = await self.hold(tenant, 100_000_000)
        conditions = Conditions(date=held.period)
        parts = (
            Part("small", "small", {"input_tokens": tokens, "audio_seconds": seconds}, conditions),
            Part("small-2", "small", {"input_tokens": 10}, conditions),
        )
        rates = CARD.find("acme", "small")
        assert rates is not None
        prices = Prices(CARD, self.store.margins(), tenant, "acme")
        priced = price(prices, [Used(part.model, rates, part.usage, conditions) for part in parts])
        bill = Bill(
            call=held.call,
            integration="acme",
            endpoint="chat",
            model="small",
            certainty=Certainty.EXACT,
            rate_card=held.rate_card,
            margins=held.margins,
            parts=parts,
            lines=priced.lines,
            upstream_cost_nanos=priced.cost_nanos,
            charge_nanos=priced.charge_nanos,
        )
        record = structs.replace(self.record(tenant, held.call), session=session)
        await self.store.end(Ending(record, self.ids.new("led"), bill))
        return held.call

    def record(self, tenant: str, call: str, outcome: Outcome = Outcome.ANSWERED) -> CallRecord:
        return CallRecord(
            id=call,
            tenant=tenant,
            key="key_1",
            integration="acme",
            endpoint="chat",
            model="small",
            outcome=outcome,
            status=200,
            started_at=NOW,
            ended_at=NOW + 1_500_000,
        )
