"""Hold: reserve the worst case, durably, before anything is sent. What comes back is the leave to send."""

from typing import NoReturn, Protocol

from proxy.bounds.asking import Need, affordable
from proxy.clock import date_of
from proxy.errors import LedgerUnavailable, Refusal, refuse
from proxy.ledger.hold import Hold, HoldRequest
from proxy.ledger.wallet import Short
from proxy.money import format_usd
from proxy.providers.permit import Permit


class Holding(Protocol):
    """What this step needs of a ledger."""

    async def hold(self, request: HoldRequest) -> Hold | Short:
        """Reserve a call's worst case, or say what was missing."""
        ...


async def hold(call: str, permit: Permit, need: Need, ledger: Holding, now: int, top_up_url: str) -> Hold:
    """Return the committed hold. Raises Refused: balance_exhausted, request_too_large_for_balance, or
    ledger_unavailable, and then nothing is held.
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
