"""May this key make this call? Refusals before the body, refusals after it, and what a permit then says."""

import json
from typing import Any

import pytest
from doubles.acme import (
    ANSWER,
    HOLDER,
    MODELS,
    make_endpoint,
    make_head,
    make_integration,
    make_object,
    make_permit,
    make_route,
)
from doubles.books import CARD
from msgspec import structs

from proxy.errors import Refusal, Refused
from proxy.pricing.card import RateCard
from proxy.pricing.cascade import MarginTable
from proxy.providers.endpoint import ModelAt, RefuseRule
from proxy.providers.integration import Policy
from proxy.providers.match import Match
from proxy.providers.permit import FreeRoute, Permit
from proxy.providers.request import Takes
from proxy.providers.route import Route
from proxy.steps.authorize import MODEL_LENGTH_MAX, admit_holder, authorize, free_token
from proxy.store.doors import OwnedObject
from proxy.tenants.key import KeyHolder
from proxy.tenants.tenant import TenantState

MARGINS = MarginTable(7)


class Books:
    """A directory with the card of `books`, and objects."""

    def __init__(self, *objects: OwnedObject) -> None:
        self._objects = {(each.integration, each.id): each for each in objects}

    def rate_card(self) -> RateCard:
        return CARD

    def margins(self) -> MarginTable:
        return MARGINS

    async def owned(self, integration: str, object_id: str) -> OwnedObject | None:
        return self._objects.get((integration, object_id))


def holder(**changes: Any) -> KeyHolder:
    return KeyHolder(structs.replace(HOLDER.key, **changes), HOLDER.tenant)


async def allow(body: Any, route: Route | None = None, key: KeyHolder = HOLDER, *objects: OwnedObject) -> Permit:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await authorize(route or make_route(), key, raw, Books(*objects))


async def refused(body: Any, route: Route | None = None, key: KeyHolder = HOLDER, *objects: OwnedObject) -> Refused:
    with pytest.raises(Refused) as caught:
        await allow(body, route, key, *objects)
    return caught.value


# --- Before the body


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        (holder(), None),
        (holder(scopes=("unmetered",)), None),
        (holder(integrations=("acme", "other")), None),
        (holder(scopes=("billing:read", "billing:write")), Refusal.KEY_SCOPE),
        (holder(scopes=()), Refusal.KEY_SCOPE),
        (holder(integrations=("other",)), Refusal.KEY_SCOPE),
        (KeyHolder(HOLDER.key, structs.replace(HOLDER.tenant, state=TenantState.SUSPENDED)), Refusal.SUSPENDED),
        # Suspension is told before anything else.
        (
            KeyHolder(
                structs.replace(HOLDER.key, scopes=()), structs.replace(HOLDER.tenant, state=TenantState.SUSPENDED)
            ),
            Refusal.SUSPENDED,
        ),
    ],
)
def test_admits_a_holder(who: KeyHolder, refusal: Refusal | None) -> None:
    if refusal is None:
        admit_holder(make_route(), who)
        return
    with pytest.raises(Refused) as caught:
        admit_holder(make_route(), who)
    assert caught.value.refusal is refusal


# --- The permit


async def test_a_permit_says_what_the_later_steps_need() -> None:
    raw = b'{ "model":"m-1","stream":true }'
    route = make_route()
    permit = await allow(raw, route)
    assert permit.raw is raw
    assert permit.body == {"model": "m-1", "stream": True}
    assert (permit.route, permit.holder, permit.model, permit.streamed) == (route, HOLDER, "m-1", True)
    assert permit.rates is CARD.find("acme", "m-1")
    assert permit.prices is not None
    assert (permit.prices.card, permit.prices.margins) == (CARD, MARGINS)
    assert (permit.prices.tenant, permit.prices.integration) == (HOLDER.tenant.id, "acme")


@pytest.mark.parametrize(
    ("stream", "streamed"),
    [({}, False), ({"stream": None}, False), ({"stream": False}, False), ({"stream": True}, True)],
)
async def test_streams_where_the_request_says_so(stream: dict[str, Any], streamed: bool) -> None:
    assert (await allow({"model": "m-1", **stream})).streamed is streamed


async def test_streams_where_the_route_always_does() -> None:
    route = make_route(make_endpoint(stream="", streams_always=True))
    assert (await allow({"model": "m-1"}, route)).streamed


@pytest.mark.parametrize(("stream", "streamed"), [({}, True), ({"stream": None}, True), ({"stream": False}, False)])
async def test_streams_unless_the_request_says_no(stream: dict[str, Any], streamed: bool) -> None:
    route = make_route(make_endpoint(streams_always=True))
    assert (await allow({"model": "m-1", **stream}, route)).streamed is streamed


@pytest.mark.parametrize("value", ["true", 1, 0, [], {}])
async def test_a_stream_that_could_be_read_two_ways_is_refused(value: Any) -> None:
    answer = await refused({"model": "m-1", "stream": value})
    assert (answer.refusal, answer.message) == (Refusal.MALFORMED_REQUEST, "stream must be true or false.")


# --- The model


async def test_a_model_in_the_path_is_read_without_its_escapes() -> None:
    route = make_route(make_endpoint("/models/{model}:run", model=ModelAt(path="model")), model="m%2D1")
    assert (await allow({}, route)).model == "m-1"


async def test_a_model_may_stand_in_another_place() -> None:
    route = make_route(make_endpoint(model=ModelAt(body="one.model", other="two.model")))
    assert (await allow({"one": {"model": "m-1"}, "two": {"model": "m-2"}}, route)).model == "m-1"
    assert (await allow({"two": {"model": "m-1"}}, route)).model == "m-1"
    assert (await refused({}, route)).refusal is Refusal.MALFORMED_REQUEST


async def test_a_fixed_model_serves_where_none_is_named() -> None:
    fallback = make_route(make_endpoint(model=ModelAt(body="model", fixed="m-1")))
    assert (await allow({}, fallback)).model == "m-1"
    assert (await allow({"model": None}, fallback)).model == "m-1"
    assert (await refused({"model": "m-2"}, fallback)).refusal is Refusal.UNPRICED_MODEL
    assert (await allow({"model": "m-9"}, make_route(make_endpoint(model=ModelAt(fixed="m-1"))))).model == "m-1"


@pytest.mark.parametrize(
    ("model", "refusal"),
    [
        (None, Refusal.MALFORMED_REQUEST),
        ("", Refusal.MALFORMED_REQUEST),
        (1, Refusal.MALFORMED_REQUEST),
        (["m-1"], Refusal.MALFORMED_REQUEST),
        ({"name": "m-1"}, Refusal.MALFORMED_REQUEST),
        ("m-1\n", Refusal.MALFORMED_REQUEST),
        ("m-1\u200b", Refusal.MALFORMED_REQUEST),
        ("m-1é", Refusal.MALFORMED_REQUEST),
        ("m" * (MODEL_LENGTH_MAX + 1), Refusal.MALFORMED_REQUEST),
        ("m" * MODEL_LENGTH_MAX, Refusal.UNPRICED_MODEL),
        ("M-1", Refusal.UNPRICED_MODEL),
        ("m-1 ", Refusal.UNPRICED_MODEL),
        ("m-12", Refusal.UNPRICED_MODEL),
    ],
)
async def test_no_rate_no_call(model: Any, refusal: Refusal) -> None:
    answer = await refused({"model": model})
    assert answer.refusal is refusal
    if refusal is Refusal.UNPRICED_MODEL:
        assert "has no price here, so it is not served. Check its name" in answer.message


async def test_a_key_may_be_kept_to_some_models() -> None:
    assert (await allow({"model": "m-1"}, None, holder(models=("m-1",)))).model == "m-1"
    answer = await refused({"model": "m-1"}, None, holder(models=("m-2",)))
    assert (answer.refusal, answer.message) == (Refusal.MODEL_NOT_ALLOWED, "This key may not use the model 'm-1'.")


async def test_a_name_of_the_operators_own_stands_for_a_model() -> None:
    integration = make_integration(policy=Policy(models={"ours": "m-1"}))
    permit = await allow({"model": "ours"}, make_route(integration=integration))
    assert (permit.model, permit.rates) == ("m-1", CARD.find("acme", "m-1"))
    assert (await allow({"model": "m-1"}, make_route(integration=integration))).model == "m-1"
    answer = await refused({"model": "ours"}, make_route(integration=integration), holder(models=("m-1",)))
    assert answer.refusal is Refusal.MODEL_NOT_ALLOWED, "a key is kept to names as its callers write them"


# --- The body


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "The request cannot be read: the body is not valid JSON (character 0)."),
        (b"[]", "The request cannot be read: the body must be a JSON object."),
        (b'{"model":"m-1","model":"m-2"}', "The request cannot be read: an object of the body has the same key twice."),
    ],
)
async def test_a_body_that_two_parsers_read_differently_is_refused(raw: bytes, said: str) -> None:
    answer = await refused(raw)
    assert (answer.refusal, answer.message) == (Refusal.MALFORMED_REQUEST, said)


async def test_what_cannot_be_metered_yet_is_refused_in_the_words_of_the_data() -> None:
    rule = RefuseRule(Match("background", equals=True), "Leave out background.")
    route = make_route(make_endpoint(refuse=(rule,)))
    answer = await refused({"model": "m-1", "background": True}, route)
    assert (answer.refusal, answer.message) == (Refusal.MALFORMED_REQUEST, "Leave out background.")
    for background in (False, None, 1):
        await allow({"model": "m-1", "background": background}, route)


async def test_a_route_without_a_json_body_is_not_parsed() -> None:
    route = make_route(make_endpoint(json_body=False, free=True, bound=None))
    permit = await allow(b"\x00\x01", route)
    assert (permit.body, permit.raw) == ({}, b"\x00\x01")


# --- Free routes


async def test_a_free_route_has_neither_model_nor_price() -> None:
    permit = await allow(b"", make_route(MODELS))
    assert (permit.model, permit.rates, permit.prices, permit.streamed) == ("", None, None, False)
    assert free_token(permit) == FreeRoute("models")


def test_a_metered_route_never_gets_the_free_token() -> None:
    with pytest.raises(Refused) as caught:
        free_token(make_permit())
    assert caught.value.refusal is Refusal.INTERNAL_ERROR


# --- Objects


async def test_only_the_owner_may_name_an_object() -> None:
    mine, theirs = make_object("ans-1", tokens=42), make_object("ans-2", tenant="tnt_other", tokens=1)
    permit = await allow({"model": "m-1", "previous": "ans-1"}, None, HOLDER, mine, theirs)
    assert permit.known == {"ans-1": 42}
    for name in ("ans-2", "ans-3"):
        answer = await refused({"model": "m-1", "previous": name}, None, HOLDER, mine, theirs)
        assert answer.refusal is Refusal.NOT_FOUND
        assert answer.message == "The request names an object that this account did not create here."


async def test_the_path_names_objects_too_and_escapes_do_not_hide_them() -> None:
    mine = make_object("ans-1")
    for name in ("ans-1", "ans%2D1"):
        permit = await allow(b"", make_route(ANSWER, answer_id=name), HOLDER, mine)
        assert permit.known == {"ans-1": None}
    assert (await refused(b"", make_route(ANSWER, answer_id="ans-2"), HOLDER, mine)).refusal is Refusal.NOT_FOUND


async def test_unowned_objects_pass_where_the_operator_allows_them_but_those_of_others_never() -> None:
    lax = make_integration(policy=Policy(unowned_objects="allow"))
    theirs = make_object("ans-2", tenant="tnt_other")
    permit = await allow({"model": "m-1", "previous": "ans-9"}, make_route(integration=lax), HOLDER, theirs)
    assert permit.known == {"ans-9": None}
    answer = await refused({"model": "m-1", "previous": "ans-2"}, make_route(integration=lax), HOLDER, theirs)
    assert answer.refusal is Refusal.NOT_FOUND


async def test_a_key_escape_does_not_hide_an_object() -> None:
    raw = b'{"model":"m-1","pre\\u0076ious":"ans-2"}'
    assert (await refused(raw, None, HOLDER, make_object("ans-2", tenant="tnt_other"))).refusal is Refusal.NOT_FOUND


# --- Requests that are no JSON


async def test_a_form_names_its_model_like_json() -> None:
    takes = Takes(form=True, booleans=("stream",))
    raw = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % each
        for each in ((b"model", b"", b"m-1"), (b"stream", b"", b"true"), (b"file", b'; filename="a.wav"', b"RIFF" * 99))
    )
    route = make_route(make_endpoint(takes=takes))
    head = make_head("/acme/v1/chat", ("content-type", "multipart/form-data; boundary=x"))
    permit = await authorize(route, HOLDER, raw + b"--x--", Books(), head)
    assert (permit.model, permit.streamed, permit.raw) == ("m-1", True, raw + b"--x--")
    assert permit.search is not None
    assert permit.search.size == len(b'{"model":"m-1","stream":true,"file":""}')
    with pytest.raises(Refused, match="no end"):
        await authorize(route, HOLDER, raw, Books(), head)


async def test_a_model_in_the_query() -> None:
    endpoint = make_endpoint(takes=Takes(upload="audio", query=True), model=ModelAt(body="?.model"))
    permit = await authorize(make_route(endpoint, query="model=m-1"), HOLDER, b"RIFF", Books())
    assert (permit.model, len(permit.body["audio"])) == ("m-1", 4)
    with pytest.raises(Refused, match="must name a model"):
        await authorize(make_route(endpoint, query="model=m-1&model=m-2"), HOLDER, b"RIFF", Books())
