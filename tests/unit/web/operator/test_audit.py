from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from doubles.desk import NOW, RELOADED, TOKEN

from proxy.web.operator.routes import ROUTES

ANN = {"Authorization": f"Bearer {TOKEN}", "Faregate-Actor": "ann"}
DAY = 86_400_000_000


async def do(api, method: str, path: str, body: Any = None) -> Any:
    status, document = await api.ask(method, path, body, headers=ANN)
    assert status < 300, document
    return document


async def test_a_deed_says_who_when_what_from_and_to(api, tenant: str) -> None:
    await do(api, "POST", "/tenants/Acme/suspend")
    page = await api.done("GET", "/audit?limit=1")
    assert page == {
        "data": [
            {
                "seq": 3,
                "at": "2026-11-18T11:06:40.000000Z",
                "who": "ann",
                "via": "api",
                "address": "127.0.0.1",
                "action": "tenant.suspend",
                "tenant": tenant,
                "target": tenant,
                "before": {"state": "active"},
                "after": {"state": "suspended"},
            }
        ],
        "has_more": True,
    }


Deed = Callable[[Any, str, dict[str, Any]], Awaitable[Any]]
DEEDS: dict[str, tuple[Deed, str, object, object]] = {
    "create_tenant": (
        lambda api, _t, _k: do(api, "POST", "/tenants", {"name": "New"}),
        "tenant.create",
        None,
        {"name": "New", "test": False},
    ),
    "suspend_tenant": (
        lambda api, t, _: do(api, "POST", f"/tenants/{t}/suspend"),
        "tenant.suspend",
        {"state": "active"},
        {"state": "suspended"},
    ),
    "resume_tenant": (
        lambda api, _t, _k: do(api, "POST", "/tenants/Asleep/resume"),
        "tenant.resume",
        {"state": "suspended"},
        {"state": "active"},
    ),
    "set_minimum": (
        lambda api, t, _: do(api, "PUT", f"/tenants/{t}/minimum", {"minimum_usd": "-2.5"}),
        "tenant.minimum",
        {"minimum_usd": "0"},
        {"minimum_usd": "-2.5"},
    ),
    "create_key": (
        lambda api, t, _: do(api, "POST", "/keys", {"tenant": t, "app": "bot", "networks": ["10.0.0.0/8"]}),
        "key.create",
        None,
        {"app": "bot", "networks": ["10.0.0.0/8"], "expires_at": None},
    ),
    "rotate_key": (
        lambda api, _, key: do(api, "POST", f"/keys/{key['id']}/rotate"),
        "key.rotate",
        {"expires_at": None},
        {"expires_at": "2026-11-19T11:06:40.000000Z"},
    ),
    "revoke_key": (
        lambda api, _, key: do(api, "POST", f"/keys/{key['id']}/revoke"),
        "key.revoke",
        {"revoked_at": None},
        {"revoked_at": "2026-11-18T11:06:40.000000Z"},
    ),
    "create_credit": (
        lambda api, t, _: do(api, "POST", "/credits", {"tenant": t, "amount_usd": "-1", "reference": "oops"}),
        "adjustment.create",
        {"balance_usd": "10"},
        {"balance_usd": "9", "amount_usd": "-1", "reference": "oops"},
    ),
    "set_margin": (
        lambda api, t, _: do(api, "PUT", "/margins", {"pct": "15", "tenant": t, "meter": "acme.input_tokens"}),
        "margin.set",
        None,
        {"pct": "15"},
    ),
    "post_margin": (
        lambda api, _t, _k: do(api, "POST", "/margins", {"pct": "7", "integration": "acme"}),
        "margin.set",
        {"pct": "5"},
        {"pct": "7"},
    ),
    "set_cap": (
        lambda api, t, _: do(api, "PUT", "/caps", {"limit_usd": "2.5", "tenant": t, "window": "daily", "app": "bot"}),
        "cap.set",
        None,
        {"limit_usd": "2.5", "window": "daily", "app": "bot"},
    ),
    "unset_cap": (
        lambda api, t, _: do(api, "DELETE", f"/caps?tenant={t}&window=monthly"),
        "cap.unset",
        {"limit_usd": "7", "window": "monthly"},
        None,
    ),
    "reload": (
        lambda api, _t, _k: do(api, "POST", "/reload"),
        "server.reload",
        {"rate_card": RELOADED.previous_rate_card},
        {"rate_card": RELOADED.rate_card},
    ),
    "sync_rates": (
        lambda api, _t, _k: do(api, "POST", "/rates/sync", {"write": True}),
        "server.reload",
        {"rate_card": RELOADED.previous_rate_card},
        {"rate_card": RELOADED.rate_card},
    ),
    "unset_margin": (
        lambda api, _t, _k: do(api, "DELETE", "/margins?integration=acme"),
        "margin.unset",
        {"pct": "5"},
        None,
    ),
}


def test_every_route_that_changes_something_has_its_deed_below() -> None:
    assert {route.name for route in ROUTES if route.changes} == set(DEEDS)


@pytest.mark.parametrize("name", DEEDS)
async def test_every_change_is_on_record_and_no_secret_is(api, tenant: str, name: str) -> None:
    key = await api.done("POST", "/keys", {"tenant": tenant})
    await api.done("POST", "/tenants", {"name": "Asleep"})
    await api.done("POST", "/tenants/Asleep/suspend")
    await api.done("PUT", "/margins", {"pct": "5", "integration": "acme"})
    await api.done("PUT", "/caps", {"limit_usd": 7, "tenant": tenant, "window": "monthly"})
    count = (await api.done("GET", "/audit?limit=1"))["data"][0]["seq"]
    deed, action, before, after = DEEDS[name]
    answer = await deed(api, tenant, key)
    status, page = await api.ask("GET", "/audit")
    assert status == 200
    (newest, *_) = page["data"]
    assert (newest["seq"], newest["who"], newest["action"]) == (count + 1, "ann", action)
    for told, wanted in ((newest["before"], before), (newest["after"], after)):
        assert (told is None) == (wanted is None)
        assert wanted is None or {field: told[field] for field in wanted} == wanted
    for secret in (key["key"], answer.get("key"), key["hint"], TOKEN):
        assert secret is None or secret not in str(page)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/tenants/Acme/resume", None),
        ("PUT", "/tenants/Acme/minimum", {"minimum_usd": "0"}),
        ("POST", "/credits", {"tenant": "Acme", "amount_usd": "3", "reference": "r"}),
        ("POST", "/keys/{key}/revoke", None),
    ],
)
async def test_what_changes_nothing_is_not_on_record(api, tenant: str, method: str, path: str, body: Any) -> None:
    key = (await api.done("POST", "/keys", {"tenant": tenant}))["id"]
    await api.done("POST", f"/keys/{key}/revoke")
    await api.done("POST", "/credits", {"tenant": "Acme", "amount_usd": "3", "reference": "r"})
    before = await api.done("GET", "/audit")
    await api.done(method, path.format(key=key), body)
    assert await api.done("GET", "/audit") == before


async def test_what_was_refused_is_not_on_record(api, tenant: str) -> None:
    before = await api.done("GET", "/audit")
    await api.refused("POST", "/credits", {"tenant": tenant, "amount_usd": "-100"})
    await api.refused("PUT", "/margins", {"pct": "-101"})
    await api.refused("DELETE", "/margins?integration=acme")
    assert await api.done("GET", "/audit") == before


async def test_filters(api, tenant: str) -> None:
    api.clock.micros = NOW - DAY
    await api.done("POST", "/tenants", {"name": "Other"})
    await do(api, "POST", "/tenants/Other/suspend")
    api.clock.micros = NOW
    await do(api, "POST", "/keys", {"tenant": tenant})

    async def actions(query: str) -> list[str]:
        return [deed["action"] for deed in (await api.done("GET", f"/audit?{query}"))["data"]]

    assert await actions("") == ["key.create", "tenant.suspend", "tenant.create", "credit.create", "tenant.create"]
    assert await actions("tenant=Other") == ["tenant.suspend", "tenant.create"]
    assert await actions("who=ann") == ["key.create", "tenant.suspend"]
    assert await actions("action=tenant") == ["tenant.suspend", "tenant.create", "tenant.create"]
    assert await actions("action=tenant.suspend") == ["tenant.suspend"]
    assert await actions("action=ten") == []
    assert await actions("since=yesterday&until=today") == ["tenant.suspend", "tenant.create"]
    assert await actions("since=1h") == ["key.create", "credit.create", "tenant.create"]
    assert await actions("before=3") == ["credit.create", "tenant.create"]
    assert (await api.refused("GET", "/audit?tenant=nobody"))[0] == 404
    assert (await api.refused("GET", "/audit?since=once"))[2].startswith("since: 'once' is no date")
