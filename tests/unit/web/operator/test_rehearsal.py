"""A rehearsed call holds what the real one would: the same steps, on the same request."""

import json
from typing import Any

import pytest
from doubles.acme import MODELS, make_endpoint, make_integration
from doubles.desk import CARD
from msgspec import structs

from proxy.clock import date_of
from proxy.errors import BadRequest, Refused
from proxy.ledger.cap import Cap, CapPlace, Span, Standing, Window
from proxy.ledger.wallet import Wallet
from proxy.providers.endpoint import ModelAt, ObjectRule
from proxy.steps.authorize import authorize
from proxy.steps.estimate import estimate
from proxy.steps.hold import hold
from proxy.tenants.key import Key, KeyHolder
from proxy.tenants.tenant import Tenant
from proxy.web.operator.doors import DOORS
from proxy.web.operator.rehearsal import PaperLedger, Payer, Scene, _route, find_endpoint, find_payer, rehearse


async def scene(api, tenant: str | None, model: str = "small", **changes: Any) -> Scene:
    payer = await find_payer(api.client.app[DOORS], tenant) if tenant else None
    endpoint = make_endpoint(**changes)
    return Scene(make_integration(endpoint), endpoint, model, payer)


def paper(tenant: str, balance: int, *caps: Standing) -> Payer:
    """A tenant that is on no record, with a key that has a label."""
    key = Key("key_1", tenant, app="bot")
    return Payer(KeyHolder(key, Tenant(tenant, "paper")), PaperLedger(Wallet(tenant, balance), caps))


@pytest.mark.parametrize("splice", [True, False])
@pytest.mark.parametrize("limit", [None, 50])
async def test_it_holds_what_the_call_holds(api, doors, tenant: str, splice: bool, limit: int | None) -> None:
    asked = {"model": "small", "messages": [{"role": "user", "content": "Why?"}]}
    raw = json.dumps(asked | ({"max_tokens": limit} if limit else {}))
    plan = await scene(api, tenant, output_splice=splice)
    told = await rehearse(doors, plan, raw)
    holder = KeyHolder(Key("key_1", tenant), await api.store.find_tenant(tenant))
    permit = await authorize(_route(plan), holder, raw.encode(), api.store)
    need = estimate(permit, date_of(api.clock.now()))
    held = await hold(api.ids.new("call"), permit, need, api.store, api.clock.now(), "")
    assert (told.granted_nanos, told.least_nanos, told.most_nanos) == (held.wallet_nanos, need.ask.least, need.ask.most)
    assert told.upstream_cost_most_nanos == need.cost_most


async def test_a_request_without_a_maximum_on_little_money_is_told_its_limit(api, doors) -> None:
    poor = structs.replace(await scene(api, None, output_splice=True), payer=paper("t", 3_000_000))
    longer = structs.replace(CARD.integrations["acme"][0], output_max=8192)
    richer = structs.replace(CARD, integrations={"acme": (longer,)})
    doors.store._card = richer
    told = await rehearse(doors, poor, '{"model": "small", "messages": []}')
    assert told.granted_nanos is not None
    assert told.least_nanos < told.granted_nanos < told.most_nanos
    assert told.output_limit is not None
    assert told.output_limit * 4_800 <= told.granted_nanos


async def test_without_a_tenant_nothing_is_granted(api, doors) -> None:
    told = await rehearse(doors, await scene(api, None), '{"max_tokens": 10}')
    assert (told.granted_nanos, told.output_limit) == (None, None)
    assert told.most_nanos > 0


async def test_a_request_that_names_no_model_is_given_it(api, doors, tenant: str) -> None:
    named = await rehearse(doors, await scene(api, tenant), '{"model":"small","max_tokens":10}')
    unnamed = await rehearse(doors, await scene(api, tenant), '{"max_tokens":10}')
    assert named == unnamed
    with pytest.raises(BadRequest, match="asks for the model 'small-2', not for 'small'"):
        await rehearse(doors, await scene(api, tenant), '{"model": "small-2"}')


async def test_a_model_in_the_path(api, doors, tenant: str) -> None:
    plan = await scene(api, tenant, path="/v1/models/{model}/chat")
    in_path = structs.replace(plan.endpoint, model=ModelAt(path="model"))
    plan = structs.replace(plan, endpoint=in_path)
    assert (await rehearse(doors, plan, '{"max_tokens": 1}')).granted_nanos
    in_part = structs.replace(plan.endpoint, model=ModelAt(path="{model}"))
    assert (await rehearse(doors, structs.replace(plan, endpoint=in_part), '{"max_tokens": 1}')).granted_nanos
    of_owner = structs.replace(plan.endpoint, model=ModelAt(path="{owner}/{model}"))
    with pytest.raises(BadRequest, match=r"names its models .owner./.model., which 'small' is not"):
        await rehearse(doors, structs.replace(plan, endpoint=of_owner), '{"max_tokens": 1}')


async def test_it_is_refused_as_the_call_would_be(api, doors, tenant: str) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        await rehearse(doors, await scene(api, tenant), "{")
    with pytest.raises(Refused, match="has no price here"):
        await rehearse(doors, await scene(api, tenant, model="large"), '{"model": "large"}')
    poor = structs.replace(await scene(api, tenant), payer=paper(tenant, 0))
    with pytest.raises(Refused) as refused:
        await rehearse(doors, poor, '{"max_tokens": 10}')
    assert refused.value.refusal.code == "balance_exhausted"


async def test_what_cannot_be_rehearsed(api, doors) -> None:
    plan = await scene(api, None)
    with pytest.raises(BadRequest, match="models is free: it holds nothing"):
        await rehearse(doors, structs.replace(plan, endpoint=MODELS), "{}")
    about = structs.replace(plan.endpoint, objects=ObjectRule(at="answer_id"))
    with pytest.raises(BadRequest, match="about an object that exists"):
        await rehearse(doors, structs.replace(plan, endpoint=about), "{}")


def test_endpoints_are_found_by_name(doors) -> None:
    integration, endpoint = find_endpoint(doors, "acme", "chat")
    assert (integration.name, endpoint.name) == ("acme", "chat")
    with pytest.raises(BadRequest, match="'bolt' is not switched on; on are: acme"):
        find_endpoint(doors, "bolt", "chat")
    with pytest.raises(BadRequest, match="models is no metered endpoint of acme; name one of chat"):
        find_endpoint(doors, "acme", "models")


async def test_caps_leave_what_they_leave_the_call(api, doors, tenant: str) -> None:
    plan = await scene(api, tenant)
    asked = '{"max_tokens": 10}'
    need = (await rehearse(doors, plan, asked)).most_nanos
    place = CapPlace(tenant, Span.MONTHLY, key="key_1", model="sm*")
    for limit, spent, code in ((need, 0, None), (need + 7, 8, "spend_cap_monthly"), (0, 0, "spend_cap_monthly")):
        standing = Standing(Cap("cap_1", place, limit, "2026-11-18", 0, ("key_1",)), Window("", "2026-11", "", spent))
        capped = structs.replace(plan, payer=paper(tenant, 10**10, standing))
        if code is None:
            assert (await rehearse(doors, capped, asked)).granted_nanos == need
            continue
        with pytest.raises(Refused) as refused:
            await rehearse(doors, capped, asked)
        assert refused.value.refusal.code == code


async def test_a_payer_is_a_tenant_with_a_key_of_its_own(api, doors, tenant: str) -> None:
    other = await api.done("POST", "/tenants", {"name": "Other"})
    key = await api.done("POST", "/keys", {"tenant": tenant, "app": "bot", "models": ["large"]})
    found = await find_payer(doors, "Acme", key["id"])
    assert (found.holder.tenant.id, found.holder.key.app) == (tenant, "bot")
    assert (await find_payer(doors, tenant)).holder.key.id == ""
    with pytest.raises(BadRequest, match=f"{key['id']} is another tenant's"):
        await find_payer(doors, other["id"], key["id"])
    with pytest.raises(Refused, match="small"):
        await rehearse(doors, structs.replace(await scene(api, tenant), payer=found), '{"max_tokens": 10}')
