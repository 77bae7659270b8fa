"""Invoke: the same bytes to the provider, once, with our credentials; the splice where the data asks for one.

Nothing that may have been processed is sent again. The one exception cannot have been: a 400 or 422 that names an
option which we spliced in is sent again without it.
"""

from collections.abc import Sequence

from msgspec import Struct, structs

from proxy.bounds.asking import Need, output_limit
from proxy.calls.head import Head
from proxy.errors import Refusal, refuse
from proxy.ledger.hold import Hold
from proxy.providers.endpoint import UsageSplice
from proxy.providers.json_path import look
from proxy.providers.permit import FreeRoute, Permit
from proxy.providers.route import without_keys
from proxy.providers.splices import Splices
from proxy.store.doors import Ledger
from proxy.upstream.door import Answer, Headers, Outbound, Upstream, UpstreamFailed
from proxy.upstream.headers import upward, value_of, without
from proxy.wire.decoding import Decoder
from proxy.wire.splice import splice

ERROR_BODY_BYTES_MAX = 1_000_000
REDACTED = "[redacted]"


class ReadAnswer:
    """An answer that was read whole: errors are, before they are judged."""

    framed = True

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self._read = False

    async def read(self) -> bytes:
        """Return the body once, then nothing."""
        body = b"" if self._read else self.body
        self._read = True
        return body

    @property
    def ended(self) -> bool:
        """Whether the body was read."""
        return self._read

    def abort(self) -> None:
        """There is nothing to stop."""

    def close(self) -> None:
        """There is nothing to let go of."""


class Invoked(Struct):
    """A provider's answer, and what had been spliced into the request that it answers."""

    answer: Answer
    splices: Splices


class Refusing(Struct):
    """Usage options that a route was found not to know: (integration, endpoint, option). Kept while we run."""

    options: set[tuple[str, str, str]]


async def invoke(
    head: Head,
    permit: Permit,
    leave: Hold | FreeRoute,
    need: Need | None,
    upstream: Upstream,
    ledger: Ledger,
    refusing: Refusing,
) -> Invoked:
    """Send the call and return its answer. Raises UpstreamFailed, or Refused for what the provider says of us:
    upstream_auth, upstream_funds, upstream_redirect.
    """
    splices = plan(permit, leave, need, refusing)
    answer = await _send(head, permit, leave, splices, upstream)
    if isinstance(answer, ReadAnswer) and answer.status in (400, 422):
        fewer = await _fewer(answer, splices, leave, need, ledger)
        if fewer is not None:
            second = await _send(head, permit, leave, fewer, upstream)
            if splices.usage and not fewer.usage and second.status < 400:
                refusing.options.add(_option(permit, splices.usage))
            answer, splices = second, fewer
    _judge(answer, permit)
    return Invoked(answer, splices)


def plan(permit: Permit, leave: Hold | FreeRoute, need: Need | None, refusing: Refusing) -> Splices:
    """Decide what must be edited into this request: nothing, for most."""
    endpoint = permit.route.endpoint
    usage = endpoint.usage_splice
    if usage and (not (permit.streamed or usage.always) or look(permit.body, usage.set) is True):
        usage = None
    if usage and _option(permit, usage) in refusing.options:
        usage = None
    if need is None or need.parameter is None or not isinstance(leave, Hold) or leave.covered is None:
        return Splices(usage)
    return Splices(usage, output_limit(need, leave.covered), need.parameter)


def outbound(head: Head, permit: Permit, splices: Splices) -> Outbound:
    """Return the request as the provider will see it, but for our credentials."""
    route = permit.route
    body = permit.raw
    headers = upward(head.headers, route.integration.strip)
    if splices.limit is not None:
        body = _spliced(body, splices.limit_at, str(splices.limit).encode())
    if splices.usage is not None:
        body = _spliced(body, splices.usage.set.split("."), b"true")
        headers = [*without(headers, "accept-encoding"), ("accept-encoding", "identity")]
    query = without_keys(route.query, route.integration.key_in)
    target = f"{route.path}?{query}" if query else route.path
    return Outbound(route.integration.name, head.method, target, headers, body, route.place)


def _spliced(body: bytes, path: Sequence[str], value: bytes) -> bytes:
    try:
        return splice(body, path, value)
    except ValueError as error:
        refuse(Refusal.MALFORMED_REQUEST, f"The request cannot be read: {error}.")


async def _send(head: Head, permit: Permit, leave: Hold | FreeRoute, splices: Splices, upstream: Upstream) -> Answer:
    answer = await upstream.send(outbound(head, permit, splices), leave)
    if answer.status < 400:
        return answer
    headers, body = _decoded(answer.headers, await _read_error(answer))
    return _clean(ReadAnswer(answer.status, headers, body), permit.route.integration.api_key)


def _clean(answer: ReadAnswer, secret: str) -> ReadAnswer:
    """Take the operator's key out of an error: some providers repeat what they refuse."""
    if not secret:
        return answer
    headers = [(name, value.replace(secret, REDACTED)) for name, value in answer.headers]
    return ReadAnswer(answer.status, headers, answer.body.replace(secret.encode(), REDACTED.encode()))


def _decoded(headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """Undo an error's encoding, so that it can be judged and cleaned; what cannot be decoded stays as it came."""
    encoding = value_of(headers, "content-encoding")
    if not encoding:
        return headers, body
    decoder = Decoder(encoding)
    text = decoder.feed(body) + decoder.finish()
    return (headers, body) if decoder.failed else (without(headers, "content-encoding"), text)


async def _read_error(answer: Answer) -> bytes:
    pieces, size = [], 0
    try:
        while size < ERROR_BODY_BYTES_MAX and (piece := await answer.read()):
            pieces.append(piece)
            size += len(piece)
    except UpstreamFailed:
        answer.abort()
    finally:
        answer.close()  # also if the call is interrupted here
    return b"".join(pieces)


async def _fewer(
    answer: ReadAnswer,
    splices: Splices,
    leave: Hold | FreeRoute,
    need: Need | None,
    ledger: Ledger,
) -> Splices | None:
    """Return the splices without the one that this error names, or None to let the error stand.

    A refused output limit leaves the provider free to answer up to the model's maximum, so that much is held first.
    """
    if splices.usage is not None and splices.usage.named.encode() in answer.body:
        return structs.replace(splices, usage=None)
    if splices.limit is None or need is None or not isinstance(leave, Hold):
        return None
    if splices.limit_at[-1].encode() not in answer.body:
        return None
    more = max(need.ask.most - (leave.covered or 0), 0)
    raised = await ledger.raise_hold(leave.call, more, max(need.cost_most - leave.cost_nanos, 0))
    return structs.replace(splices, limit=None) if raised is not None else None


def _judge(answer: Answer, permit: Permit) -> None:
    """Refuse answers that speak of the operator's account, or point elsewhere."""
    integration = permit.route.integration
    if 300 <= answer.status < 400:
        answer.abort()
        refuse(Refusal.UPSTREAM_REDIRECT, f"{integration.name} answered with a redirect, which is not followed.")
    if not isinstance(answer, ReadAnswer):
        return
    for error in integration.upstream_errors:
        if answer.status == error.status and error.contains.encode() in answer.body:
            refuse(
                _REFUSALS[error.refusal],
                f"{integration.name} refused the operator's account. The operator must look into it.",
            )


_REFUSALS = {refusal.code: refusal for refusal in (Refusal.UPSTREAM_AUTH, Refusal.UPSTREAM_FUNDS)}


def _option(permit: Permit, usage: UsageSplice) -> tuple[str, str, str]:
    return permit.route.integration.name, permit.route.endpoint.name, usage.set
