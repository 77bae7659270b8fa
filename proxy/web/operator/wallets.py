"""Money by hand: credits and corrections in, balances out."""

from msgspec import Struct

from proxy.clock import date_of
from proxy.errors import BadRequest
from proxy.ledger.entry import Kind
from proxy.ledger.transitions import Deposit
from proxy.ledger.wallet import Short
from proxy.money import format_usd
from proxy.web.operator.amounts import DecimalNumber, read_usd
from proxy.web.operator.documents.entries import CreditDocument, credit_document
from proxy.web.operator.documents.wallets import BalanceDocument, balance_document
from proxy.web.operator.doors import Visit

REFERENCE_LENGTH_MAX = 200


class NewCredit(Struct, frozen=True, forbid_unknown_fields=True):
    """How much, for whom. A negative amount is an adjustment; `force` lets it go below the minimum.

    A tenant's `reference` names one entry: asked again with the same amount it writes nothing and answers that entry,
    with another amount it is refused (409). Without a reference every request writes an entry.
    """

    tenant: str
    amount_usd: DecimalNumber
    reference: str = ""
    force: bool = False


async def create_credit(visit: Visit, body: NewCredit) -> CreditDocument:
    """Write a credit or an adjustment into a tenant's ledger, once for its reference."""
    doors = visit.doors
    amount = read_usd("amount_usd", body.amount_usd)
    if not amount:
        raise BadRequest("amount_usd: an amount of zero changes nothing")
    if len(body.reference) > REFERENCE_LENGTH_MAX or not body.reference.isprintable():
        raise BadRequest(f"reference: at most {REFERENCE_LENGTH_MAX} printable characters")
    tenant = await doors.store.find_tenant(body.tenant)
    given = Deposit(
        entry_id=doors.ids.new("led"),
        tenant=tenant.id,
        kind=Kind.CREDIT if amount > 0 else Kind.ADJUSTMENT,
        amount_nanos=amount,
        at=visit.now,
        period=date_of(visit.now),
        reference=body.reference,
        forced=body.force,
    )
    written = await doors.store.credit(given, visit.by)
    if isinstance(written, Short):
        raise BadRequest(_too_much(written), code="balance_exhausted", status=409)
    wallet = await doors.store.wallet(tenant.id)
    return credit_document(written, wallet, already=written.id != given.entry_id)


async def show_balance(visit: Visit, tenant: str) -> BalanceDocument:
    """Show what a tenant has left and what is on hold."""
    store = visit.doors.store
    found = await store.find_tenant(tenant)
    return balance_document(found, await store.wallet(found.id))


def _too_much(short: Short) -> str:
    free = format_usd(max(0, short.balance - short.held - short.minimum))
    return f"only {free} USD can be taken ({format_usd(short.held)} USD are on hold); force it to go below"
