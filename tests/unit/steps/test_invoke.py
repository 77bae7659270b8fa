"""The same bytes, our credentials, once; and the one case in which it is twice."""

import gzip
import json
from typing import Any

import pytest
from doubles.acme import (
    ASK_USAGE,
    CALL,
    HOLDER,
    MODELS,
    SECRET,
    TENANT,
    PaperAnswer,
    PaperUpstream,
    make_endpoint,
    make_head,
    make_hold,
    make_integration,
    make_permit,
    make_route,
)
from doubles.books import CARD, NOW, TODAY, credit, make_id
from doubles.model import ModelStore
from msgspec import structs

from proxy.bounds.asking import Need
from proxy.errors import Refusal, Refused
from proxy.ledger.cap import CapPlace, Span
from proxy.ledger.hold import Hold
from proxy.providers.permit import FreeRoute, Permit
from proxy.providers.splices import Splices
from proxy.steps.estimate import estimate
from proxy.steps.hold import hold
from proxy.steps.invoke import ERROR_BODY_BYTES_MAX, Invoked, ReadAnswer, Refusing, invoke, outbound, plan
from proxy.tenants.key import KeyHolder
from proxy.upstream.door import Failure, UpstreamFailed

HEAD = make_head("/acme/v1/chat", ("Authorization", "Bearer fg-key"), ("X-Custom", "kept"), ("Accept-Encoding", "gzip"))
STREAMING = make_endpoint(usage_splice=ASK_USAGE, output_splice=True)
UNKNOWN_OPTION = b'{"error":{"message":"Unknown parameter: stream_options"}}'


def stream(body: dict[str, Any] | bytes | None = None, query: str = "") -> Permit:
    if isinstance(body, bytes):
        return make_permit(body, route=make_route(STREAMING, query=query))
    return make_permit({"stream": True, **(body or {})}, route=make_route(STREAMING, query=query))


async def send(
    permit: Permit,
    *answers: PaperAnswer | UpstreamFailed,
    leave: Hold | FreeRoute | None = None,
    need: Need | None = None,
    ledger: ModelStore | None = None,
    refusing: Refusing | None = None,
) -> tuple[Invoked, PaperUpstream]:
    upstream = PaperUpstream(*answers)
    invoked = await invoke(
        HEAD, permit, leave or make_hold(), need, upstream, ledger or ModelStore(), refusing or Refusing(set())
    )
    return invoked, upstream


def error(status: int, body: bytes, *headers: tuple[str, str]) -> PaperAnswer:
    return PaperAnswer(body, status=status, headers=[("content-type", "application/json"), *headers])


# --- What is sent


async def test_the_same_bytes_go_out() -> None:
    raw = b'{ "model" : "m-1",\n\t"messages":[] }'
    permit, leave = make_permit(raw, route=make_route(query="alt=json&q=%20")), make_hold()
    answer = PaperAnswer(b"{}")
    invoked, upstream = await send(permit, answer, leave=leave)
    (request, shown), *more = upstream.sent
    assert more == []
    assert shown is leave
    assert request.body is raw
    assert (request.integration, request.method, request.target) == ("acme", "POST", "/v1/chat?alt=json&q=%20")
    assert request.headers == [("X-Custom", "kept"), ("Accept-Encoding", "gzip")]
    assert invoked.answer is answer
    assert invoked.splices == Splices()


async def test_neither_key_leaves_with_the_request() -> None:
    permit = make_permit(
        route=make_route(
            query="a=1&key=fg-abc&b=fg-abc&c=%66g-abc&key&d", integration=make_integration(key_in=("query:key",))
        )
    )
    request = outbound(HEAD, permit, Splices())
    assert request.target == "/v1/chat?a=1&d"
    assert "fg-" not in str(request.headers)
    assert SECRET not in str(request.headers)


async def test_a_query_of_nothing_but_the_key_leaves_no_question_mark() -> None:
    permit = make_permit(route=make_route(query="key=fg-abc", integration=make_integration(key_in=("query:key",))))
    assert outbound(HEAD, permit, Splices()).target == "/v1/chat"


async def test_what_the_file_strips_is_stripped() -> None:
    head = make_head("/", ("Acme-Project", "mine"), ("x", "y"))
    assert outbound(head, make_permit(), Splices()).headers == [("x", "y")]


async def test_a_free_route_goes_with_its_token() -> None:
    token = FreeRoute("models")
    permit = make_permit(route=make_route(MODELS), rates=None, prices=None)
    _, upstream = await send(permit, PaperAnswer(b"{}"), leave=token)
    assert upstream.sent[0][1] is token


# --- What is spliced in


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ({}, True),
        ({"stream_options": {"usage": False}}, True),
        ({"stream_options": None}, True),
        ({"stream_options": {"usage": True}}, False),  # asked for by the caller, who then also gets the frame
    ],
)
def test_usage_is_asked_for_in_streams(body: dict[str, Any], asked: bool) -> None:
    splices = plan(stream(body), make_hold(), None, Refusing(set()))
    assert splices == (Splices(ASK_USAGE) if asked else Splices())


def test_usage_is_not_asked_for_where_it_comes_by_itself_or_is_unknown() -> None:
    whole = make_permit({}, route=make_route(STREAMING))
    assert plan(whole, make_hold(), None, Refusing(set())) == Splices()
    assert plan(stream(), make_hold(), None, Refusing({("acme", "chat", "stream_options.usage")})) == Splices()
    assert plan(stream(), make_hold(), None, Refusing({("other", "chat", "stream_options.usage")})) == Splices(
        ASK_USAGE
    )


def test_usage_is_asked_for_without_a_stream_where_the_data_says_so() -> None:
    asking = structs.replace(ASK_USAGE, always=True)
    route = make_route(make_endpoint(usage_splice=asking))
    assert plan(make_permit({}, route=route), make_hold(), None, Refusing(set())) == Splices(asking)
    asked = make_permit({"stream_options": {"usage": True}}, route=route)
    assert plan(asked, make_hold(), None, Refusing(set())) == Splices()


async def test_the_spliced_request_differs_in_that_member_alone() -> None:
    raw = b'{ "model":"m-1", "stream" : true }'
    invoked, upstream = await send(stream(raw), PaperAnswer(b""))
    request = upstream.sent[0][0]
    assert request.body == b'{"stream_options":{"usage":true}, "model":"m-1", "stream" : true }'
    assert request.headers == [("X-Custom", "kept"), ("accept-encoding", "identity")]
    assert invoked.splices.usage is ASK_USAGE


async def test_a_member_that_cannot_be_set_is_the_callers_mistake() -> None:
    with pytest.raises(Refused, match="The request cannot be read: stream_options is not an object") as caught:
        await send(stream({"stream_options": 5}), PaperAnswer(b""))
    assert caught.value.refusal is Refusal.MALFORMED_REQUEST


async def capped(balance: int) -> tuple[Permit, Need, Hold, ModelStore]:
    """Return a call that states no maximum, held in `fair` mode out of a wallet."""
    store = ModelStore()
    await store.open(CARD)
    await store.create_tenant(TENANT)
    await store.deposit(credit(TENANT.id, balance))
    permit = make_permit({}, route=make_route(STREAMING))
    need = estimate(permit, TODAY)
    return permit, need, await hold(CALL, permit, need, store, NOW, ""), store


async def test_the_output_limit_matches_the_hold() -> None:
    permit, need, held, store = await capped(10_000_000)
    assert need.ask.least < held.wallet_nanos < need.ask.most
    invoked, upstream = await send(permit, PaperAnswer(b"{}"), leave=held, need=need, ledger=store)
    limit = invoked.splices.limit
    assert limit is not None
    assert json.loads(upstream.sent[0][0].body) == {"model": "m-1", "max_tokens": limit}
    assert need.ask.base + limit * 4_800 <= held.wallet_nanos < need.ask.base + (limit + 1) * 4_800


async def test_no_limit_where_the_models_maximum_is_held() -> None:
    permit, need, held, store = await capped(10_000_000_000)
    assert held.wallet_nanos == need.ask.most
    invoked, upstream = await send(permit, PaperAnswer(b"{}"), leave=held, need=need, ledger=store)
    assert invoked.splices.limit is None
    assert upstream.sent[0][0].body is permit.raw


async def test_a_waived_call_is_not_limited() -> None:
    permit, need, held, _ = await capped(10_000_000)
    waived = structs.replace(held, waived=True, wallet_nanos=0)
    assert plan(permit, waived, need, Refusing(set())).limit is None
    under_a_cap = structs.replace(waived, cap_nanos=held.wallet_nanos, windows=(("cap_1", TODAY),))
    assert plan(permit, under_a_cap, need, Refusing(set())).limit == plan(permit, held, need, Refusing(set())).limit


# --- Sent twice: only what cannot have been processed


@pytest.mark.parametrize("status", [400, 422])
async def test_a_refused_usage_option_is_left_out_and_remembered(status: int) -> None:
    refusing = Refusing(set())
    good = PaperAnswer(b"data: {}\n\n")
    permit = stream()
    invoked, upstream = await send(permit, error(status, UNKNOWN_OPTION), good, refusing=refusing)
    first, second = (request for request, _ in upstream.sent)
    assert b"stream_options" in first.body
    assert second.body is permit.raw
    assert ("Accept-Encoding", "gzip") in second.headers
    assert invoked.answer is good
    assert invoked.splices == Splices()
    assert refusing.options == {("acme", "chat", "stream_options.usage")}


async def test_a_retry_that_fails_too_teaches_nothing() -> None:
    refusing = Refusing(set())
    invoked, upstream = await send(stream(), error(400, UNKNOWN_OPTION), error(400, b"still wrong"), refusing=refusing)
    assert len(upstream.sent) == 2
    assert (invoked.answer.status, refusing.options) == (400, set())
    assert await invoked.answer.read() == b"still wrong"


@pytest.mark.parametrize(
    ("permit", "answer"),
    [
        (stream(), error(400, b'{"error":"messages is missing"}')),  # names nothing of ours
        (stream(), error(500, UNKNOWN_OPTION)),  # may have been processed
        (stream(), error(409, UNKNOWN_OPTION)),
        (stream({"stream_options": {"usage": True}}), error(400, UNKNOWN_OPTION)),  # the caller's own option
        (make_permit(), error(400, UNKNOWN_OPTION)),  # nothing was spliced
    ],
)
async def test_any_other_error_stands(permit: Permit, answer: PaperAnswer) -> None:
    refusing = Refusing(set())
    invoked, upstream = await send(permit, answer, refusing=refusing)
    assert len(upstream.sent) == 1
    assert invoked.answer.status == answer.status
    assert refusing.options == set()


async def test_a_failure_on_the_wire_is_not_repeated() -> None:
    for failure in Failure:
        upstream = PaperUpstream(UpstreamFailed(failure, sent=True), PaperAnswer(b""))
        with pytest.raises(UpstreamFailed):
            await invoke(HEAD, stream(), make_hold(), None, upstream, ModelStore(), Refusing(set()))
        assert len(upstream.sent) == 1


async def test_a_refused_output_limit_is_left_out_only_once_the_maximum_is_held() -> None:
    permit, need, held, store = await capped(45_000_000)
    assert held.wallet_nanos < need.ask.most
    complaint = error(400, b'{"error":"max_tokens is not supported"}')
    invoked, upstream = await send(permit, complaint, PaperAnswer(b"{}"), leave=held, need=need, ledger=store)
    assert len(upstream.sent) == 2
    assert upstream.sent[1][0].body is permit.raw
    assert invoked.splices.limit is None
    assert (await store.wallet(TENANT.id)).held == need.ask.most


async def test_what_is_raised_for_a_waived_call_is_what_its_cap_lacks() -> None:
    _, _, _, store = await capped(10_000_000)
    place = CapPlace(TENANT.id, Span.DAILY)
    permit = make_permit({}, route=make_route(STREAMING))
    permit = structs.replace(permit, holder=KeyHolder(HOLDER.key, structs.replace(TENANT, test=True)))
    need = estimate(permit, TODAY)
    await store.set_cap("cap_1", place, need.ask.most - 1, NOW)
    held = await hold(make_id("call", 2), permit, need, store, NOW, "")
    assert held.cap_nanos < need.ask.most
    await store.set_cap("cap_1", place, need.ask.most, NOW)
    complaint = error(400, b'{"error":"max_tokens is not supported"}')
    _, upstream = await send(permit, complaint, PaperAnswer(b"{}"), leave=held, need=need, ledger=store)
    assert len(upstream.sent) == 2
    [standing] = await store.caps(TENANT.id, NOW, 1)
    assert standing.window.held == need.ask.most


async def test_where_the_maximum_cannot_be_held_the_error_stands() -> None:
    permit, need, held, store = await capped(10_000_000)
    complaint = error(400, b'{"error":"max_tokens is not supported"}')
    invoked, upstream = await send(permit, complaint, PaperAnswer(b"{}"), leave=held, need=need, ledger=store)
    assert len(upstream.sent) == 1
    assert invoked.answer.status == 400
    assert (await store.wallet(TENANT.id)).held == held.wallet_nanos


# --- What the provider says of us


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        (401, b'{"error":"bad key sk-operator of org-secret"}', Refusal.UPSTREAM_AUTH),
        (429, b'{"error":"no credit left in org-secret"}', Refusal.UPSTREAM_FUNDS),
        (301, b"", Refusal.UPSTREAM_REDIRECT),
        (302, b"", Refusal.UPSTREAM_REDIRECT),
        (307, b"", Refusal.UPSTREAM_REDIRECT),
        (308, b"", Refusal.UPSTREAM_REDIRECT),
    ],
)
async def test_errors_about_the_operators_account_are_ours(status: int, body: bytes, refusal: Refusal) -> None:
    with pytest.raises(Refused) as caught:
        await send(make_permit(), error(status, body, ("location", "https://evil.test")))
    assert caught.value.refusal is refusal
    assert "org-secret" not in caught.value.message
    assert "evil" not in caught.value.message


async def test_a_redirect_is_let_go_of() -> None:
    answer = PaperAnswer(status=302)
    with pytest.raises(Refused):
        await send(make_permit(), answer)
    assert answer.aborted


async def test_a_rate_limit_of_the_provider_is_the_callers_to_see() -> None:
    invoked, _ = await send(make_permit(), error(429, b'{"error":"slow down"}', ("retry-after", "3")))
    assert invoked.answer.status == 429
    assert ("retry-after", "3") in invoked.answer.headers


async def test_a_compressed_error_is_judged_by_what_it_says() -> None:
    packed = gzip.compress(b'{"error":"no credit left"}')
    with pytest.raises(Refused) as caught:
        await send(make_permit(), error(429, packed, ("Content-Encoding", "gzip")))
    assert caught.value.refusal is Refusal.UPSTREAM_FUNDS


async def test_a_compressed_complaint_about_our_option_is_understood() -> None:
    packed = error(400, gzip.compress(UNKNOWN_OPTION), ("content-encoding", "gzip"))
    _, upstream = await send(stream(), packed, PaperAnswer(b""))
    assert len(upstream.sent) == 2


async def test_our_secret_never_comes_back() -> None:
    body = b'{"error":"you sent Bearer sk-operator"}'
    for answer in (error(400, body), error(400, gzip.compress(body), ("content-encoding", "gzip"))):
        invoked, _ = await send(make_permit(), answer)
        assert await invoked.answer.read() == b'{"error":"you sent Bearer [redacted]"}'
        assert "content-encoding" not in dict(invoked.answer.headers)
        assert answer.closed


async def test_an_error_that_cannot_be_decoded_stays_as_it_came() -> None:
    invoked, _ = await send(make_permit(), error(400, b"not gzip at all", ("content-encoding", "gzip")))
    assert await invoked.answer.read() == b"not gzip at all"
    assert ("content-encoding", "gzip") in invoked.answer.headers


async def test_an_error_cut_short_is_relayed_as_far_as_it_came() -> None:
    answer = PaperAnswer(b"half an ", UpstreamFailed(Failure.CUT, sent=True), status=500)
    invoked, _ = await send(make_permit(), answer)
    assert await invoked.answer.read() == b"half an "
    assert answer.aborted


async def test_an_endless_error_is_read_to_a_limit() -> None:
    answer = PaperAnswer(*[b"x" * 65_536] * 100, status=500)
    invoked, _ = await send(make_permit(), answer)
    assert ERROR_BODY_BYTES_MAX <= len(await invoked.answer.read()) < ERROR_BODY_BYTES_MAX + 65_536


async def test_a_read_answer_is_read_once() -> None:
    answer = ReadAnswer(400, [], b"body")
    answer.abort()
    answer.close()
    assert [await answer.read(), await answer.read()] == [b"body", b""]
