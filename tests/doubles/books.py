"""Builds what the ledger's tests need: ids, a clock, a rate card, bills, requests and endings."""

from collections.abc import Mapping

from proxy.ids import ulid
from proxy.ledger.bill import Bill, Part
from proxy.ledger.call import CallRecord, Ending, Outcome
from proxy.ledger.cap import Marks
from proxy.ledger.entry import Kind
from proxy.ledger.hold import HoldRequest
from proxy.ledger.transitions import Deposit
from proxy.ledger.wallet import Ask
from proxy.money import Quantity
from proxy.pricing.card import Conditions, ModelRates, Rate, RateCard
from proxy.pricing.cascade import MarginTable
from proxy.pricing.formula import Prices, Used, price
from proxy.tenants.key import Key
from proxy.tenants.tenant import Tenant
from proxy.usage.certainty import Certainty

NOW = 1_795_248_000_000_000
"""2026-11-21, 08:00 UTC."""

TODAY = "2026-11-21"

CARD = RateCard(
    "card-1",
    {
        "acme": (
            ModelRates(
                ("m-1",),
                (
                    Rate("input_tokens", "1", 1_000_000),
                    Rate("output_tokens", "4", 1_000_000),
                    Rate("audio_seconds", "0.006", 60),
                ),
            ),
        )
    },
)
"""One input token costs 1,000 nano-USD, one output token 4,000: 1,200 and 4,800 with the default margin."""


class StillClock:
    """A clock that stands."""

    def now(self) -> int:
        """Return NOW."""
        return NOW

    def monotonic(self) -> float:
        """Return 0."""
        return 0.0


def make_id(prefix: str, number: int) -> str:
    """Return the id with this number: larger numbers sort later."""
    return f"{prefix}_{ulid(NOW // 1000, number)}"


def make_tenant(number: int = 1, *, name: str = "acme", test: bool = False) -> Tenant:
    """Return a tenant."""
    return Tenant(make_id("tnt", number), name, test=test, created_at=NOW)


def make_key(tenant: Tenant, number: int = 1) -> Key:
    """Return a key of a tenant."""
    return Key(make_id("key", number), tenant.id, app="tool", hint="abcd", created_at=NOW)


MARKS = Marks("tool", make_id("key", 1), "acme", "m-1")
"""What caps go by, of the calls that `make_request` asks for."""


def credit(tenant: str, nanos: int, number: int = 1, *, kind: Kind = Kind.CREDIT, forced: bool = False) -> Deposit:
    """Return a deposit of an amount, negative ones included."""
    return Deposit(make_id("led", 10_000_000 + number), tenant, kind, nanos, NOW, TODAY, forced=forced)


def make_request(
    tenant: str,
    number: int,
    *,
    least: int = 1_000_000,
    most: int | None = None,
    waived: bool = False,
    card: RateCard = CARD,
    margins: int = 0,
    period: str = TODAY,
    marks: Marks = MARKS,
) -> HoldRequest:
    """Ask for between `least` and `most` nano-USD (`least` exactly, without `most`) for the call of a number."""
    ask = Ask(0, least, least if most is None else most, floor=least)
    cost = ask.most * 10 // 12
    return HoldRequest(
        call=make_id("call", number),
        tenant=tenant,
        key=marks.key,
        integration=marks.integration,
        endpoint="chat",
        model=marks.model,
        ask=ask,
        cost_most=cost,
        rate_card=card.version,
        margins=margins,
        waived=waived,
        at=NOW,
        period=period,
        app=marks.app,
    )


def make_bill(
    tenant: str,
    number: int,
    used: Mapping[str, Quantity],
    *,
    certainty: Certainty = Certainty.EXACT,
    card: RateCard = CARD,
    margins: MarginTable | None = None,
) -> Bill:
    """Price what the call of a number used."""
    table = margins or MarginTable()
    conditions = Conditions(date=TODAY)
    rates = card.find("acme", "m-1")
    assert rates is not None
    priced = price(Prices(card, table, tenant, "acme"), [Used("m-1", rates, used, conditions)])
    return Bill(
        call=make_id("call", number),
        integration="acme",
        endpoint="chat",
        model="m-1",
        certainty=certainty,
        rate_card=card.version,
        margins=table.version,
        parts=(Part("m-1", "m-1", dict(used), conditions),),
        lines=priced.lines,
        upstream_cost_nanos=priced.cost_nanos,
        charge_nanos=priced.charge_nanos,
        unpriced=priced.unpriced,
    )


def make_record(tenant: str, number: int, *, outcome: Outcome = Outcome.ANSWERED, status: int = 200) -> CallRecord:
    """Return the record of the call of a number."""
    return CallRecord(
        make_id("call", number), tenant, make_id("key", 1), "acme", "chat", "m-1", outcome, status, NOW, NOW + 500_000
    )


def settle(
    tenant: str,
    number: int,
    *,
    tokens: int = 100,
    certainty: Certainty = Certainty.EXACT,
    unseen: bool = False,
    margins: MarginTable | None = None,
) -> Ending:
    """End the call of a number with a bill over input tokens, at 1,200 nano-USD each."""
    bill = make_bill(tenant, number, {"input_tokens": tokens}, certainty=certainty, margins=margins)
    return Ending(make_record(tenant, number), make_id("led", number), bill, unseen=unseen)


def release(tenant: str, number: int, *, exposed: int = 0, unseen: bool = False) -> Ending:
    """End the call of a number without a bill."""
    record = make_record(tenant, number, outcome=Outcome.UPSTREAM_ERROR, status=502)
    return Ending(record, make_id("led", number), exposed=exposed, unseen=unseen)
