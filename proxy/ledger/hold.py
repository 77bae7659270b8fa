"""A hold: the durable reservation of a call's worst case, from before it is sent until exactly one ending."""

from enum import StrEnum

from msgspec import Struct

from proxy.ledger.wallet import Ask
from proxy.money import ceil_div


class HoldState(StrEnum):
    """`held` until it ends, then `settled` (an entry was written) or `released` (none was), for ever."""

    HELD = "held"
    SETTLED = "settled"
    RELEASED = "released"


class HoldRequest(Struct, frozen=True):
    """What `steps/hold.py` asks the ledger for, with the versions that will price the call.

    `cost_most` is upstream's price of the worst case (no margin): what is exposed if nothing is ever seen.
    """

    call: str
    tenant: str
    key: str
    integration: str
    endpoint: str
    model: str
    ask: Ask
    cost_most: int
    rate_card: str
    margins: int
    waived: bool
    at: int
    period: str
    app: str = ""


class Hold(Struct, frozen=True):
    """A committed hold. Having one is what allows a metered request to be sent.

    `wallet_nanos` is what was taken out of available money; `cost_nanos` is upstream's share of it;
    `evidence` is the last checkpoint's bill as JSON, empty while nothing was seen. `windows` names the windows of
    spend caps, as (cap, window), on each of which `cap_nanos` is held until the end, whatever becomes of the caps.
    """

    call: str
    tenant: str
    key: str
    integration: str
    endpoint: str
    model: str
    wallet_nanos: int
    cost_nanos: int
    rate_card: str
    margins: int
    waived: bool
    created_at: int
    period: str
    epoch: int
    state: HoldState = HoldState.HELD
    evidence: str = ""
    app: str = ""
    cap_nanos: int = 0
    windows: tuple[tuple[str, str], ...] = ()

    @property
    def covered(self) -> int | None:
        """What the call may come to by this hold; None where nothing limits it: it is waived, and under no cap."""
        if not self.waived:
            return self.wallet_nanos
        return self.cap_nanos if self.windows else None


def open_hold(request: HoldRequest, granted: int, epoch: int, windows: tuple[tuple[str, str], ...] = ()) -> Hold:
    """Make the hold that a grant of `granted` nano-USD amounts to: on the wallet unless waived, and on each window."""
    ask = request.ask
    cost = request.cost_most
    if ask.most:
        cost = ceil_div(cost * granted, ask.most)
    return Hold(
        call=request.call,
        tenant=request.tenant,
        key=request.key,
        integration=request.integration,
        endpoint=request.endpoint,
        model=request.model,
        wallet_nanos=0 if request.waived else granted,
        cost_nanos=min(cost, request.cost_most),
        rate_card=request.rate_card,
        margins=request.margins,
        waived=request.waived,
        created_at=request.at,
        period=request.period,
        epoch=epoch,
        app=request.app,
        cap_nanos=granted if windows else 0,
        windows=windows,
    )
