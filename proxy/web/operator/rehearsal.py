"""A call rehearsed up to its hold: the steps that real calls take, on a wallet of paper. Nothing is sent or written."""

from urllib.parse import quote

from msgspec import DecodeError, Struct, json

from proxy.bounds.asking import output_limit
from proxy.clock import date_of
from proxy.errors import BadRequest
from proxy.ledger.hold import Hold, HoldRequest
from proxy.ledger.transitions import begin
from proxy.ledger.wallet import Short, Wallet
from proxy.providers.endpoint import Endpoint
from proxy.providers.integration import Integration
from proxy.providers.route import Route
from proxy.steps.authorize import authorize
from proxy.steps.estimate import estimate
from proxy.steps.hold import hold
from proxy.tenants.key import Key, KeyHolder
from proxy.tenants.tenant import Tenant
from proxy.web.operator.documents.quotes import QuotedHold
from proxy.web.operator.doors import OperatorDoors

_NOBODY = Tenant("", "")
_PAPER_CALL = "call"
_PAGE = "the top-up page"


class Scene(Struct, frozen=True):
    """Who would call what. Without a tenant nothing is granted: there is no wallet to take it from."""

    integration: Integration
    endpoint: Endpoint
    model: str
    tenant: Tenant | None
    wallet: Wallet | None


class PaperLedger:
    """Grants holds as a wallet would now, and forgets them."""

    def __init__(self, wallet: Wallet) -> None:
        self._wallet = wallet

    async def hold(self, request: HoldRequest) -> Hold | Short:
        """Say what the wallet would."""
        begun = begin(self._wallet, request, 0)
        return begun if isinstance(begun, Short) else begun[1]


async def rehearse(doors: OperatorDoors, scene: Scene, text: str) -> QuotedHold:
    """Return what a request would hold. Raises Refused as the call would be, BadRequest for another model's request."""
    endpoint = scene.endpoint
    if endpoint.free:
        raise BadRequest(f"endpoint: {endpoint.name} is free: it holds nothing and costs nothing")
    tenant = scene.tenant or _NOBODY
    holder = KeyHolder(Key("", tenant.id), tenant)
    permit = await authorize(_route(scene), holder, _body(scene, text), doors.store)
    if permit.model != scene.model:
        raise BadRequest(f"body: it asks for the model {permit.model!r}, not for {scene.model!r}")
    now = doors.clock.now()
    need = estimate(permit, date_of(now))
    granted = limit = None
    if scene.wallet is not None:
        held = await hold(_PAPER_CALL, permit, need, PaperLedger(scene.wallet), now, _PAGE)
        granted = held.wallet_nanos
        limit = None if held.waived else output_limit(need, granted)
    return QuotedHold(
        endpoint=endpoint.name,
        least_nanos=need.ask.least,
        most_nanos=need.ask.most,
        upstream_cost_most_nanos=need.cost_most,
        granted_nanos=granted,
        output_limit=limit,
    )


def find_endpoint(doors: OperatorDoors, integration: str, name: str) -> tuple[Integration, Endpoint]:
    """Return an endpoint of an integration that is switched on. Raises BadRequest, naming those that there are."""
    found = doors.house().integrations.get(integration)
    if found is None:
        known = ", ".join(sorted(doors.house().integrations)) or "none"
        raise BadRequest(f"integration: {integration!r} is not switched on; on are: {known}")
    metered = [each for each in found.endpoints if not each.free and each.bound is not None]
    for endpoint in metered:
        if endpoint.name == name:
            return found, endpoint
    known = ", ".join(sorted(each.name for each in metered))
    raise BadRequest(f"endpoint: {name or 'none'} is no metered endpoint of {integration}; name one of {known}")


def _route(scene: Scene) -> Route:
    endpoint = scene.endpoint
    if endpoint.objects.at:
        raise BadRequest(f"endpoint: {endpoint.name} is about an object that exists; it cannot be quoted")
    parameters = {endpoint.model.path: quote(scene.model, safe="")} if endpoint.model.path else {}
    return Route(scene.integration, endpoint, endpoint.template.text, "", parameters)


def _body(scene: Scene, text: str) -> bytes:
    """Return the request; one that names no model where the endpoint's requests do is given this one."""
    where = scene.endpoint.model.body
    try:
        content = json.decode(text)
    except DecodeError:
        return text.encode()  # the call would be refused for it, in its own words
    if not where or "." in where or not isinstance(content, dict) or where in content:
        return text.encode()
    return json.encode({where: scene.model, **content})
