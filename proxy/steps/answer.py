"""Answer: what is told beside the provider's own bytes: a refusal in its envelope, the charge in the head."""

from proxy.calls.sink import Sink
from proxy.errors import Refused
from proxy.ledger.bill import Bill
from proxy.ledger.call import Receipt
from proxy.money import floor_micros, format_usd
from proxy.providers.envelope import Envelope

PLAIN = Envelope(
    body={"error": {"message": "{message}", "type": "{type}", "param": None, "code": "{code}", "{facts}": True}},
    types={"402": "insufficient_quota"},
    default_type="invalid_request_error",
)
"""The envelope where no integration is known yet."""


async def refuse_call(sink: Sink, refused: Refused, envelope: Envelope, call_id: str) -> None:
    """Tell the caller why, as its SDK understands it; an answer already under way is broken off instead."""
    if sink.started:
        sink.cut()
        return
    refusal = refused.refusal
    headers = [
        ("content-type", "application/json"),
        ("faregate-call-id", call_id),
        ("faregate-refusal", refusal.code),
    ]
    if envelope.headers:
        headers += envelope.heads(refused, call_id)
    if "retry_after" in refused.facts:
        headers.append(("retry-after", str(refused.facts["retry_after"])))
    if not refused.again:
        headers.append(("x-should-retry", "false"))
    await sink.send(refusal.status, headers, envelope.render(refused, call_id))


def charge_headers(bill: Bill | None, receipt: Receipt | None) -> list[tuple[str, str]]:
    """Return the headers that tell a tenant what the call cost and what is left; never its margin."""
    if bill is None:
        return []
    if receipt is None:
        return [("faregate-charge-usd", format_usd(bill.charge_nanos))]
    charge = receipt.paid_nanos + receipt.waived_nanos
    left = max(0, floor_micros(receipt.balance_nanos - receipt.held_nanos))
    return [("faregate-charge-usd", format_usd(charge)), ("faregate-balance-micros", str(left))]
