import pytest

from proxy.ids import is_id
from proxy.tenants.key import hash_secret


async def test_create(api, tenant: str) -> None:
    body = {"tenant": "Acme", "app": "bot", "scopes": ["proxy", "proxy"], "expires": "1d", "integrations": ["acme"]}
    made = await api.done("POST", "/keys", body)
    assert is_id(made["id"], "key")
    holder = await api.store.holder(hash_secret(made["key"]))
    assert holder is not None
    assert (holder.key.id, holder.tenant.id, holder.key.scopes) == (made["id"], tenant, ("proxy",))
    assert made == {
        "id": made["id"],
        "key": made["key"],
        "tenant": tenant,
        "app": "bot",
        "scopes": ["proxy"],
        "integrations": ["acme"],
        "models": [],
        "hint": made["key"][-4:],
        "created_at": "2026-11-18T11:06:40.000000Z",
        "expires_at": "2026-11-19T11:06:40.000000Z",
        "revoked_at": None,
    }


async def test_the_secret_is_shown_once(api, tenant: str) -> None:
    made = await api.done("POST", "/keys", {"tenant": tenant})
    listed = await api.done("GET", f"/keys?tenant={tenant}")
    secret = made.pop("key")
    assert listed == {"data": [made], "has_more": False}
    assert secret not in str(listed)
    assert made["scopes"] == ["proxy", "billing:read"]


async def test_keys_of_one_tenant_or_of_all(api, tenant: str) -> None:
    other = (await api.done("POST", "/tenants", {"name": "Other"}))["id"]
    for owner in (tenant, other):
        await api.done("POST", "/keys", {"tenant": owner})
    assert [k["tenant"] for k in (await api.done("GET", "/keys"))["data"]] == [tenant, other]
    assert [k["tenant"] for k in (await api.done("GET", "/keys?tenant=Other"))["data"]] == [other]
    assert (await api.done("GET", "/keys?limit=1"))["has_more"]


async def test_revoke_keeps_the_first_time(api, tenant: str) -> None:
    key = (await api.done("POST", "/keys", {"tenant": tenant}))["id"]
    first = await api.done("POST", f"/keys/{key}/revoke")
    assert first["revoked_at"] == "2026-11-18T11:06:40.000000Z"
    api.clock.micros += 1_000_000
    assert await api.done("POST", f"/keys/{key}/revoke") == first
    assert (await api.refused("POST", "/keys/key_none/revoke"))[:2] == (404, "not_found")


async def test_rotate(api, tenant: str) -> None:
    old = await api.done("POST", "/keys", {"tenant": tenant, "app": "bot", "models": ["small"]})
    new = await api.done("POST", f"/keys/{old['id']}/rotate")
    assert new["replaces"] == old["id"]
    assert new["key"] != old["key"]
    assert {name: new[name] for name in ("tenant", "app", "models", "scopes")} == {
        "tenant": tenant,
        "app": "bot",
        "models": ["small"],
        "scopes": old["scopes"],
    }
    states = {k["id"]: k["revoked_at"] for k in (await api.done("GET", "/keys"))["data"]}
    assert states[new["id"]] is None
    assert states[old["id"]] is not None
    assert (await api.refused("POST", f"/keys/{old['id']}/rotate"))[:2] == (409, "conflict")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            {"scopes": ["admin"]},
            "scopes: 'admin' is unknown; known here: billing:read, billing:write, proxy, unmetered",
        ),
        ({"scopes": []}, "scopes: a key without scopes"),
        ({"integrations": ["opneai"]}, "integrations: 'opneai' is unknown; known here: acme, bolt"),
        ({"expires": "yesterday"}, "expires: 'yesterday'"),
        ({"app": "a\nb"}, "app, models: at most 200 printable"),
        ({"models": ["x" * 201]}, "app, models: at most 200 printable"),
    ],
)
async def test_refusals(api, tenant: str, body: dict[str, object], why: str) -> None:
    status, code, message = await api.refused("POST", "/keys", {"tenant": tenant} | body)
    assert (status, code) == (400, "invalid_request")
    assert message.startswith(why)
    assert (await api.done("GET", "/keys"))["data"] == []


async def test_a_key_needs_a_tenant(api) -> None:
    assert (await api.refused("POST", "/keys", {"tenant": "nobody"}))[:2] == (404, "not_found")
