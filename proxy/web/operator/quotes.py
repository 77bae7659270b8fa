"""What a call would cost and hold, found by the code that prices and holds calls."""

from math import ceil
from typing import Annotated

from msgspec import Meta, Struct

from proxy.clock import date_of
from proxy.errors import BadRequest, Refusal, Refused
from proxy.ledger.bill import Bill, Part
from proxy.ledger.cap import Capped
from proxy.ledger.explain import Explained, explain
from proxy.ledger.hold import Hold, HoldRequest
from proxy.ledger.wallet import Ask, Short
from proxy.money import Quantity, format_usd
from proxy.pricing.card import Conditions
from proxy.pricing.context import context_of
from proxy.pricing.formula import Priced, Prices, Used, price
from proxy.steps.hold import CAPPED
from proxy.tenants.key import KeyHolder
from proxy.usage.certainty import Certainty
from proxy.web.operator.amounts import DecimalNumber
from proxy.web.operator.documents.error import Problem
from proxy.web.operator.documents.exact import exact
from proxy.web.operator.documents.explanation import Unpriced, line_document
from proxy.web.operator.documents.quotes import Quote, QuotedCost, QuotedHold
from proxy.web.operator.doors import OperatorDoors, Visit
from proxy.web.operator.rates import must_know, unpriced
from proxy.web.operator.rehearsal import Payer, Scene, find_endpoint, find_payer, rehearse

COUNT_MAX = 10**12
Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """A call that was not made: quantities that it would use, the request that it would send, or both.

    `usage` has quantities by unit, beside the tokens. `body` is the text of a request to the `endpoint`. Without a
    tenant the margins are those of one that has none of its own. Spend caps on a key or an app count with that `key`.
    """

    integration: str
    model: str
    tenant: str = ""
    key: str = ""
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    usage: dict[str, DecimalNumber] = {}
    tier: str | None = None
    region: str | None = None
    endpoint: str = ""
    body: str | None = None


async def quote(visit: Visit, body: Question) -> Quote:
    """Quote a call: what it would cost for the quantities named, and what it would hold for the request given.

    Nothing is sent, held or written. The rates and margins are those of now.
    """
    doors = visit.doors
    used = _quantities(doors, body)
    if not used and body.body is None:
        raise BadRequest("say what would be used (input_tokens, output_tokens, usage), or give the request's body")
    if body.key and not body.tenant:
        raise BadRequest("key: name its tenant too")
    payer = await find_payer(doors, body.tenant, body.key) if body.tenant else None
    tenant = payer.holder.tenant.id if payer else ""
    prices = Prices(doors.store.rate_card(), doors.store.margins(), tenant, body.integration)
    cost, charge = _cost(prices, body, used, date_of(doors.clock.now()))
    held: QuotedHold | None = None
    refusal: Problem | None = None
    try:
        if body.body is not None:
            integration, endpoint = find_endpoint(doors, body.integration, body.endpoint)
            held = await rehearse(doors, Scene(integration, endpoint, body.model, payer), body.body)
        else:
            held, refusal = await _held(body, cost.upstream_cost_nanos, charge, payer)
    except Refused as refused:
        refusal = Problem(refused.refusal.code, refused.message)
    return Quote(
        integration=body.integration,
        model=body.model,
        tenant=tenant or None,
        rate_card=prices.card.version,
        margins=prices.margins.version,
        cost=cost if used else None,
        hold=held,
        refusal=refusal,
    )


def _quantities(doors: OperatorDoors, asked: Question) -> dict[str, Quantity]:
    used: dict[str, Quantity] = {}
    for unit, number in asked.usage.items():
        if unit not in doors.units:
            raise BadRequest(f"usage: {unit!r} is no unit; known are {', '.join(sorted(doors.units))}")
        if not (number.is_finite() and 0 <= number <= COUNT_MAX):
            raise BadRequest(f"usage: {unit}: {number} is not between 0 and {COUNT_MAX}")
        used[unit] = int(number) if number == int(number) else number
    for unit, count in (("input_tokens", asked.input_tokens), ("output_tokens", asked.output_tokens)):
        if count is not None:
            if unit in used:
                raise BadRequest(f"usage: {unit} is given twice")
            used[unit] = count
    return used


def _cost(prices: Prices, asked: Question, used: dict[str, Quantity], today: str) -> tuple[QuotedCost, int]:
    """Return the price of quantities, and the charge rounded up: what holding exactly them would take."""
    must_know(prices.card, asked.integration)
    rates = prices.card.find(asked.integration, asked.model)
    if rates is None:
        raise unpriced(prices.card, asked.integration, asked.model)
    conditions = Conditions(asked.tier, context_of(used), today, asked.region)
    priced = price(prices, [Used(asked.model, rates, used, conditions)])
    explained = explain(_bill(prices, asked, used, conditions, priced), prices.tenant, prices.card, prices.margins)
    return _cost_document(priced, explained), ceil(explained.charge)


def _bill(prices: Prices, asked: Question, used: dict[str, Quantity], conditions: Conditions, priced: Priced) -> Bill:
    return Bill(
        call="",
        integration=asked.integration,
        endpoint=asked.endpoint,
        model=asked.model,
        certainty=Certainty.EXACT,
        rate_card=prices.card.version,
        margins=prices.margins.version,
        parts=(Part(asked.model, asked.model, used, conditions),),
        lines=priced.lines,
        upstream_cost_nanos=priced.cost_nanos,
        charge_nanos=priced.charge_nanos,
        unpriced=priced.unpriced,
    )


def _cost_document(priced: Priced, explained: Explained) -> QuotedCost:
    return QuotedCost(
        lines=[line_document(each) for each in explained.lines],
        unpriced=[Unpriced(model, unit) for model, unit in priced.unpriced],
        exact_upstream_cost_nanos=exact(explained.cost),
        exact_charge_nanos=exact(explained.charge),
        upstream_cost_nanos=priced.cost_nanos,
        charge_nanos=priced.charge_nanos,
    )


async def _held(asked: Question, cost: int, charge: int, payer: Payer | None) -> tuple[QuotedHold, Problem | None]:
    """Return what holding exactly a charge would take, and why it would be refused."""
    granted = None
    refusal = None
    if payer is not None:
        begun = await payer.ledger.hold(_paper(asked, cost, charge, payer.holder))
        if isinstance(begun, Hold):
            granted = begun.wallet_nanos
        else:
            refusal = _refusal(begun)
    held = QuotedHold(
        endpoint=None,
        least_nanos=charge,
        most_nanos=charge,
        upstream_cost_most_nanos=cost,
        granted_nanos=granted,
        output_limit=None,
    )
    return held, refusal


def _paper(asked: Question, cost: int, charge: int, holder: KeyHolder) -> HoldRequest:
    """Return the hold that a call would ask for if it were known to cost exactly this."""
    return HoldRequest(
        call="",
        tenant=holder.tenant.id,
        key=holder.key.id,
        integration=asked.integration,
        endpoint="",
        model=asked.model,
        ask=Ask(charge, charge, charge),
        cost_most=cost,
        rate_card="",
        margins=0,
        waived=holder.waived,
        at=0,
        period="",
        app=holder.key.app,
    )


def _refusal(missing: Short | Capped) -> Problem:
    needed = f"the call may cost {format_usd(missing.needed)} USD"
    if isinstance(missing, Short):
        available = max(0, missing.balance - missing.minimum - missing.held)
        said = f"{needed}, and {format_usd(available)} USD is available"
        return Problem(Refusal.BALANCE_EXHAUSTED.code, said)
    standing = missing.standing
    place = standing.cap.place
    said = f"{needed}, and the {place} of {format_usd(standing.cap.limit)} USD leaves"
    return Problem(CAPPED[place.span].code, f"{said} {format_usd(max(0, standing.left))} USD")
