"""Money by hand: credits and corrections in, balances out."""

from decimal import Decimal

from aiohttp import web
from msgspec import Struct

from proxy.clock import date_of
from proxy.errors import BadRequest
from proxy.ledger.entry import Kind
from proxy.ledger.transitions import Deposit
from proxy.ledger.wallet import Short
from proxy.money import format_usd
from proxy.web.operator.amounts import read_usd
from proxy.web.operator.documents import balance_document, entry_document, wallet_document
from proxy.web.operator.doors import DOORS
from proxy.web.operator.messages import answer, read_body

REFERENCE_LENGTH_MAX = 200


class NewCredit(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /credits`. A negative amount is an adjustment; `force` lets it go below the minimum.

    Asking twice writes two entries: `reference` is a note, not an idempotency key.
    """

    tenant: str
    amount_usd: Decimal
    reference: str = ""
    force: bool = False


async def create_credit(request: web.Request) -> web.Response:
    """Write a credit or an adjustment into a tenant's ledger."""
    doors = request.app[DOORS]
    asked = await read_body(request, NewCredit)
    amount = read_usd("amount_usd", asked.amount_usd)
    if len(asked.reference) > REFERENCE_LENGTH_MAX or not asked.reference.isprintable():
        raise BadRequest(f"reference: at most {REFERENCE_LENGTH_MAX} printable characters")
    tenant = await doors.store.find_tenant(asked.tenant)
    now = doors.clock.now()
    written = await doors.store.deposit(
        Deposit(
            entry_id=doors.ids.new("led"),
            tenant=tenant.id,
            kind=Kind.CREDIT if amount > 0 else Kind.ADJUSTMENT,
            amount_nanos=amount,
            at=now,
            period=date_of(now),
            reference=asked.reference,
            forced=asked.force,
        )
    )
    if isinstance(written, Short):
        raise BadRequest(_too_much(written), code="balance_exhausted", status=409)
    wallet = wallet_document(await doors.store.wallet(tenant.id))
    return answer(entry_document(written) | {"tenant": tenant.id, "reference": written.reference} | wallet, 201)


async def show_balance(request: web.Request) -> web.Response:
    """Show what a tenant has left and what is on hold."""
    store = request.app[DOORS].store
    tenant = await store.find_tenant(request.match_info["tenant"])
    return answer(balance_document(tenant, await store.wallet(tenant.id)))


def _too_much(short: Short) -> str:
    free = format_usd(max(0, short.balance - short.held - short.minimum))
    return f"only {free} USD can be taken ({format_usd(short.held)} USD are on hold); force it to go below"
