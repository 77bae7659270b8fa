"""The provider's side of a session: our key in the tenant's place, and what a refusal may say."""

from collections.abc import Sequence
from typing import Any

import pytest
from doubles.acme import SECRET, PaperAnswer, make_hold, make_integration, make_route
from doubles.conversation import PaperSocket, knock
from doubles.scene import KEY

from proxy.calls.head import WEBSOCKET
from proxy.errors import Refusal, Refused
from proxy.steps.connect import Connected, Declined, connect, plain_protocol
from proxy.upstream.door import Offer, Opened, Outbound


class Door:
    """A provider that opens, or declines, as it is told."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.asked: list[tuple[Outbound, list[Offer]]] = []

    async def open(self, request: Outbound, offers: Sequence[Offer], _: Any) -> Opened:
        self.asked.append((request, list(offers)))
        return self.opened

    async def send(self, request: Outbound, leave: Any) -> Any:
        raise NotImplementedError


INTEGRATION = make_integration(key_in=("bearer", "query:key"), key_protocols=("token,",))


async def test_the_tenants_key_stays_here_wherever_it_is() -> None:
    door = Door(Opened([("sec-websocket-protocol", "token"), ("x-id", "1")], PaperSocket(), 0))
    head = knock(f"model=m-1&key={KEY}", ("Sec-WebSocket-Protocol", f"token, {KEY}"), ("x-mine", "1"))
    route = make_route(query=head.target.partition("?")[2], integration=INTEGRATION)
    found = await connect(head, route, make_hold(), door)
    assert isinstance(found, Connected)
    assert found.protocol == "token"
    assert found.headers == [("x-id", "1")]
    [(request, offers)] = door.asked
    assert request.target == "/v1/chat?model=m-1"
    assert request.method == "GET"
    assert [name for name, _ in request.headers] == ["x-mine"]
    assert [(offer.text, offer.key) for offer in offers] == [("token", False), ("", True)]
    assert KEY not in repr(door.asked)


async def test_a_provider_that_chooses_our_key_chooses_the_tenants() -> None:
    door = Door(Opened([], PaperSocket(), 1))
    head = knock("", ("Sec-WebSocket-Protocol", f"token, {KEY}"))
    found = await connect(head, make_route(integration=INTEGRATION), make_hold(), door)
    assert isinstance(found, Connected)
    assert found.protocol == KEY


async def test_a_refusal_is_read_whole_and_without_our_key() -> None:
    answer = PaperAnswer(
        b"bad ", SECRET.encode(), status=400, headers=[("x-key", SECRET), ("content-type", "text/plain")]
    )
    found = await connect(knock(), make_route(integration=INTEGRATION), make_hold(), Door(Opened([], answer=answer)))
    assert found == Declined(400, [("content-type", "text/plain")], b"bad [redacted]")


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        (401, b"", Refusal.UPSTREAM_AUTH),
        (429, b"no credit left", Refusal.UPSTREAM_FUNDS),
        (200, b"", Refusal.UPSTREAM_UNREACHABLE),
        (302, b"", Refusal.UPSTREAM_UNREACHABLE),
    ],
)
async def test_what_speaks_of_the_operator_is_not_passed_on(status: int, body: bytes, refusal: Refusal) -> None:
    answer = PaperAnswer(body, status=status, headers=())
    with pytest.raises(Refused) as caught:
        await connect(knock(), make_route(integration=INTEGRATION), make_hold(), Door(Opened([], answer=answer)))
    assert caught.value.refusal is refusal


def test_a_refused_opening_takes_a_protocol_that_is_no_key() -> None:
    def offers(names: str) -> str:
        return plain_protocol(knock("", ("Sec-WebSocket-Protocol", names)), INTEGRATION)

    assert offers("realtime, token, fg-1") == "realtime"
    assert offers(f"token, {KEY}") == "token"
    assert plain_protocol(knock(), INTEGRATION) == ""
    assert knock().method == WEBSOCKET
