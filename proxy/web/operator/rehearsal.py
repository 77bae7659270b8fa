"""A call rehearsed up to its hold: the steps that real calls take, on a wallet of paper. Nothing is sent or written."""

from collections.abc import Sequence

from msgspec import DecodeError, Struct, json

from proxy.bounds.asking import output_limit
from proxy.clock import date_of
from proxy.errors import BadRequest
from proxy.ledger.cap import Capped, Standing
from proxy.ledger.hold import Hold, HoldRequest
from proxy.ledger.transitions import begin
from proxy.ledger.wallet import Short, Wallet
from proxy.providers.endpoint import Endpoint, taken_apart
from proxy.providers.integration import Integration
from proxy.providers.route import Route
from proxy.steps.authorize import authorize
from proxy.steps.estimate import estimate
from proxy.steps.hold import hold
from proxy.tenants.key import Key, KeyHolder
from proxy.tenants.tenant import Tenant
from proxy.web.operator.documents.quotes import QuotedHold
from proxy.web.operator.doors import OperatorDoors

_NOBODY = KeyHolder(Key("", ""), Tenant("", ""))
_PAPER_CALL = "call"
_PAGE = "the top-up page"

CAPS_MAX = 1_000
"""Spend caps of one tenant that a rehearsal looks at."""


class PaperLedger:
    """Grants holds as a wallet and its tenant's spend caps would now, and forgets them."""

    def __init__(self, wallet: Wallet, caps: Sequence[Standing] = ()) -> None:
        self._wallet = wallet
        self._caps = caps

    async def hold(self, request: HoldRequest) -> Hold | Short | Capped:
        """Say what wallet and caps would."""
        covering = [standing for standing in self._caps if standing.cap.covers(request)]
        begun = begin(self._wallet, request, 0, covering)
        return begun[1] if isinstance(begun, tuple) else begun


class Payer(Struct, frozen=True):
    """Who would pay: a tenant with one of its keys, or with a key that has no id and no label."""

    holder: KeyHolder
    ledger: PaperLedger


class Scene(Struct, frozen=True):
    """Who would call what. Without a payer nothing is granted: there is no wallet to take it from."""

    integration: Integration
    endpoint: Endpoint
    model: str
    payer: Payer | None


async def find_payer(doors: OperatorDoors, tenant: str, key: str = "") -> Payer:
    """Return a tenant as it stands now. Raises BadRequest if it, or such a key of it, is not there."""
    store = doors.store
    found = await store.find_tenant(tenant)
    used = await store.find_key(key) if key else Key("", found.id)
    if used.tenant != found.id:
        raise BadRequest(f"key: {key} is another tenant's, not of {found.id}")
    caps = await store.caps(found.id, doors.clock.now(), CAPS_MAX)
    return Payer(KeyHolder(used, found), PaperLedger(await store.wallet(found.id), caps))


async def rehearse(doors: OperatorDoors, scene: Scene, text: str) -> QuotedHold:
    """Return what a request would hold. Raises Refused as the call would be, BadRequest for another model's request."""
    endpoint = scene.endpoint
    if endpoint.free:
        raise BadRequest(f"endpoint: {endpoint.name} is free: it holds nothing and costs nothing")
    holder = scene.payer.holder if scene.payer else _NOBODY
    permit = await authorize(_route(scene), holder, _body(scene, text), doors.store)
    if permit.model != scene.model:
        raise BadRequest(f"body: it asks for the model {permit.model!r}, not for {scene.model!r}")
    now = doors.clock.now()
    need = estimate(permit, date_of(now))
    granted = limit = None
    if scene.payer is not None:
        held = await hold(_PAPER_CALL, permit, need, scene.payer.ledger, now, _PAGE)
        granted = held.wallet_nanos
        limit = None if held.covered is None else output_limit(need, held.covered)
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
    parameters = taken_apart(endpoint.model.path, scene.model)
    if parameters is None:
        raise BadRequest(f"model: {endpoint.name} names its models {endpoint.model.path}, which {scene.model!r} is not")
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
