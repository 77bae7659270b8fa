"""Hold: reserve the worst case, durably, before anything is sent. What comes back is the leave to send."""

from typing import NoReturn, Protocol

from proxy.bounds.asking import Need, affordable
from proxy.clock import MICROS_PER_SECOND, date_of, timestamp
from proxy.errors import LedgerUnavailable, Refusal, Refused, refuse
from proxy.ledger.cap import Capped, Span
from proxy.ledger.hold import Hold, HoldRequest
from proxy.ledger.wallet import Short
from proxy.money import ceil_div, format_usd
from proxy.providers.permit import Permit

CAPPED = {Span.DAILY: Refusal.SPEND_CAP_DAILY, Span.MONTHLY: Refusal.SPEND_CAP_MONTHLY}
"""How a call is refused that a cap leaves too little for."""


class Holding(Protocol):
    """What this step needs of a ledger."""

    async def hold(self, request: HoldRequest) -> Hold | Short | Capped:
        """Reserve a call's worst case, or say what was missing, and where."""
        ...


async def hold(call: str, permit: Permit, need: Need, ledger: Holding, now: int, top_up_url: str) -> Hold:
    """Return the committed hold. Raises Refused: balance_exhausted, request_too_large_for_balance, spend_cap_daily,
    spend_cap_monthly or ledger_unavailable, and then nothing is held.
    """
    prices = permit.prices
    if prices is None:
        refuse(Refusal.INTERNAL_ERROR, "A call without prices cannot be held.")
    request = HoldRequest(
        call=call,
        tenant=permit.holder.tenant.id,
        key=permit.holder.key.id,
        integration=permit.route.integration.name,
        endpoint=permit.route.endpoint.name,
        model=permit.model,
        ask=need.ask,
        cost_most=need.cost_most,
        rate_card=prices.card.version,
        margins=prices.margins.version,
        waived=permit.holder.waived,
        at=now,
        period=date_of(now),
        app=permit.holder.key.app,
    )
    try:
        held = await ledger.hold(request)
    except LedgerUnavailable:
        refuse(
            Refusal.LEDGER_UNAVAILABLE,
            "The ledger cannot take the call now, so it was not sent. Try again shortly.",
        )
    if isinstance(held, Short):
        _refuse_short(held, need, top_up_url)
    if isinstance(held, Capped):
        _refuse_capped(held, need, now)
    return held


def _refuse_short(short: Short, need: Need, top_up_url: str) -> NoReturn:
    facts = {
        "balance": format_usd(short.balance),
        "held": format_usd(short.held),
        "needed": format_usd(short.needed),
        "top_up_url": top_up_url,
    }
    spendable = short.balance - short.minimum
    if short.needed > spendable >= need.small:
        tokens = affordable(need, spendable)
        refuse(
            Refusal.REQUEST_TOO_LARGE_FOR_BALANCE,
            f"The call may cost up to {facts['needed']} USD, more than the balance of {facts['balance']} USD. "
            f"The balance affords about {tokens} output tokens: lower the maximum, or top up at {top_up_url}.",
            affordable_output_tokens=tokens,
            **facts,
        )
    refuse(
        Refusal.BALANCE_EXHAUSTED,
        f"The balance of {facts['balance']} USD, of which {facts['held']} USD is held by running calls, does not "
        f"cover the {facts['needed']} USD that this call may cost. Top up at {top_up_url}.",
        **facts,
    )


def _refuse_capped(capped: Capped, need: Need, now: int) -> NoReturn:
    """Refuse a call that a spend cap has no room for.

    An SDK may try again by itself while running calls hold what is missing. Where it is spent, that has to wait for
    the next window, and where the call needs more than the cap, no waiting helps.
    """
    standing = capped.standing
    cap, window = standing.cap, standing.window
    facts: dict[str, object] = {
        "window": cap.place.span.value,
        "limit": format_usd(cap.limit),
        "spent": format_usd(window.spent),
        "held": format_usd(window.held),
        "needed": format_usd(capped.needed),
        "resets_at": timestamp(standing.resets_at),
    }
    if capped.needed > cap.limit:
        remedy = "That is more than the whole cap: lower the maximum, or ask your operator to raise the cap."
    elif capped.by_spending:
        remedy = f"It resets on {date_of(standing.resets_at)} at 00:00 UTC."
        facts["retry_after"] = max(1, ceil_div(standing.resets_at - now, MICROS_PER_SECOND))
    else:
        remedy = "Try again when running calls have ended."
    if standing.left >= need.small:
        remedy += f" Now it affords about {affordable(need, standing.left)} output tokens."
    of = f" for {cap.place.narrowed}" if cap.place.narrowed else ""
    refused = Refused(
        CAPPED[cap.place.span],
        f"The call may cost up to {facts['needed']} USD, and the {cap.place.span} spend cap of {facts['limit']} USD"
        f"{of} has {facts['spent']} USD spent and {facts['held']} USD held by running calls. {remedy}",
        **facts,
    )
    raise refused.not_soon() if capped.by_spending else refused
