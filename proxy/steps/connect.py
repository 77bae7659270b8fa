"""Connect: open the provider's side of a session, with our key in the place of the tenant's."""

from collections.abc import Sequence

from msgspec import Struct

from proxy.calls.head import Head
from proxy.calls.socket import Socket
from proxy.errors import Refusal, refuse
from proxy.ledger.hold import Hold
from proxy.providers.integration import Integration
from proxy.providers.permit import FreeRoute
from proxy.providers.route import Route, without_keys
from proxy.providers.subprotocols import keys_in, offered
from proxy.upstream.door import Answer, Headers, Offer, Outbound, Upstream, UpstreamFailed
from proxy.upstream.headers import downward, upward, without

ERROR_BODY_BYTES_MAX = 100_000


class Connected(Struct, frozen=True):
    """A provider's side that is open: what goes into the answer to the caller, and its subprotocol, "" for none."""

    socket: Socket
    headers: Headers
    protocol: str


class Declined(Struct, frozen=True):
    """A provider's answer that is no WebSocket, read whole and cleaned of our key."""

    status: int
    headers: Headers
    body: bytes


async def connect(head: Head, route: Route, leave: Hold | FreeRoute, upstream: Upstream) -> Connected | Declined:
    """Open the provider's side. Raises UpstreamFailed, or Refused for what the provider says of us."""
    names = offered(head)
    opened = await upstream.open(_request(head, route), _offers(names, route.integration), leave)
    if opened.socket is not None:
        protocol = "" if opened.protocol is None else names[opened.protocol]
        passing = without(downward(opened.headers), "sec-websocket-protocol", "sec-websocket-extensions")
        return Connected(opened.socket, passing, protocol)
    if opened.answer is None:
        refuse(Refusal.UPSTREAM_UNREACHABLE, "The provider did not answer.")
    return await _declined(opened.answer, route.integration)


def plain_protocol(head: Head, integration: Integration) -> str:
    """Return the subprotocol for an answer that the provider is not asked for: the first that is no key."""
    names = offered(head)
    keys = keys_in(names, integration.key_protocols)
    return next((name for at, name in enumerate(names) if at not in keys), "")


def _request(head: Head, route: Route) -> Outbound:
    query = without_keys(route.query, route.integration.key_in)
    target = f"{route.path}?{query}" if query else route.path
    headers = without(upward(head.headers, route.integration.strip), "accept-encoding")
    return Outbound(route.integration.name, "GET", target, headers, b"", route.place)


def _offers(names: Sequence[str], integration: Integration) -> list[Offer]:
    """Offer what the caller offers, with our key wherever it has its own."""
    keys = keys_in(names, integration.key_protocols)
    return [
        Offer(name[: len(name) - len(keys[at])], key=True) if at in keys else Offer(name)
        for at, name in enumerate(names)
    ]


async def _declined(answer: Answer, integration: Integration) -> Declined:
    """Read an answer that is no WebSocket. Raises Refused for one that speaks of the operator's account."""
    pieces, size = [], 0
    try:
        while size < ERROR_BODY_BYTES_MAX and (piece := await answer.read()):
            pieces.append(piece)
            size += len(piece)
    except UpstreamFailed:
        pass  # what there is of it says enough
    finally:
        answer.abort()
    body = b"".join(pieces)
    if answer.status < 400:
        refuse(Refusal.UPSTREAM_UNREACHABLE, f"{integration.name} did not open a WebSocket.")
    for error in integration.upstream_errors:
        if answer.status == error.status and error.contains.encode() in body:
            refusal = next(one for one in Refusal if one.code == error.refusal)
            refuse(refusal, f"{integration.name} refused the operator's account. The operator must look into it.")
    secret = integration.api_key
    if secret:
        body = body.replace(secret.encode(), b"[redacted]")
    headers = [(name, value) for name, value in downward(answer.headers) if not secret or secret not in value]
    return Declined(answer.status, headers, body)
