import pytest

from proxy.ids import is_id
from proxy.tenants.key import hash_secret


async def test_create(api, tenant: str) -> None:
    body = {"tenant": "Acme", "app": "bot", "scopes": ["proxy", "proxy"], "expires": "1d", "integrations": ["acme"]}
    body |= {"models": ["small-*"], "networks": ["192.0.2.7", "10.0.0.0/8", "192.0.2.7/32"]}
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
        "state": "active",
        "scopes": ["proxy"],
        "integrations": ["acme"],
        "models": ["small-*"],
        "networks": ["192.0.2.7/32", "10.0.0.0/8"],
        "hint": made["key"][-4:],
        "created_at": "2026-11-18T11:06:40.000000Z",
        "expires_at": "2026-11-19T11:06:40.000000Z",
        "revoked_at": None,
        "last_used_at": None,
        "replaced_by": None,
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


async def test_show(api, tenant: str) -> None:
    made = await api.done("POST", "/keys", {"tenant": tenant})
    api.store.used(made["id"], api.clock.micros)
    shown = await api.done("GET", f"/keys/{made['id']}")
    assert shown["last_used_at"] == "2026-11-18T11:06:40.000000Z"
    assert shown | {"last_used_at": None, "key": made["key"]} == made
    assert (await api.refused("GET", "/keys/key_none"))[:2] == (404, "not_found")


async def test_rotate(api, tenant: str) -> None:
    settings = {"app": "bot", "models": ["small"], "networks": ["10.0.0.0/8"], "scopes": ["proxy"]}
    old = await api.done("POST", "/keys", {"tenant": tenant, **settings})
    new = await api.done("POST", f"/keys/{old['id']}/rotate")
    assert (new["replaces"], new["replaced_key_ends_at"]) == (old["id"], "2026-11-19T11:06:40.000000Z")
    assert new["key"] != old["key"]
    assert {name: new[name] for name in settings} == settings
    assert new["expires_at"] is None
    shown = await api.done("GET", f"/keys/{old['id']}")
    assert (shown["state"], shown["replaced_by"]) == ("active", new["id"])
    for secret, id_ in ((old["key"], old["id"]), (new["key"], new["id"])):
        assert (await api.store.holder(hash_secret(secret))).key.id == id_
    api.clock.micros += 24 * 3_600_000_000
    assert (await api.done("GET", f"/keys/{old['id']}"))["state"] == "expired"
    assert (await api.done("GET", f"/keys/{new['id']}"))["state"] == "active"


async def test_the_overlap_can_be_chosen_and_never_lengthens_a_life(api, tenant: str) -> None:
    ends = {}
    for overlap in ("0h", "90m", "2w"):
        old = await api.done("POST", "/keys", {"tenant": tenant, "expires": "7d"})
        new = await api.done("POST", f"/keys/{old['id']}/rotate", {"overlap": overlap})
        ends[overlap] = (await api.done("GET", f"/keys/{old['id']}"))["expires_at"]
        assert new["replaced_key_ends_at"] == ends[overlap]
    assert ends == {
        "0h": "2026-11-18T11:06:40.000000Z",
        "90m": "2026-11-18T12:36:40.000000Z",
        "2w": "2026-11-25T11:06:40.000000Z",
    }
    message = (await api.refused("POST", f"/keys/{new['id']}/rotate", {"overlap": "soon"}))[2]
    assert message == "overlap: 'soon' is no duration; write 90m, 24h, 30d or 8w"


async def test_the_new_key_lives_as_long_as_the_old_one_was_made_for(api, tenant: str) -> None:
    old = await api.done("POST", "/keys", {"tenant": tenant, "expires": "7d"})
    api.clock.micros += 6 * 86_400_000_000
    new = await api.done("POST", f"/keys/{old['id']}/rotate")
    assert new["expires_at"] == "2026-12-01T11:06:40.000000Z"
    newer = await api.done("POST", f"/keys/{new['id']}/rotate", {"expires": "2027-01-31"})
    assert newer["expires_at"] == "2027-01-31T00:00:00.000000Z"


async def test_what_cannot_be_rotated(api, tenant: str) -> None:
    old = (await api.done("POST", "/keys", {"tenant": tenant}))["id"]
    new = (await api.done("POST", f"/keys/{old}/rotate"))["id"]
    assert await api.refused("POST", f"/keys/{old}/rotate") == (
        409,
        "conflict",
        f"{old} was rotated already; rotate {new}, which took its place",
    )
    await api.done("POST", f"/keys/{new}/revoke")
    assert (await api.refused("POST", f"/keys/{new}/rotate"))[2] == f"{new} is revoked; create a new key instead"
    short = (await api.done("POST", "/keys", {"tenant": tenant, "expires": "1h"}))["id"]
    api.clock.micros += 3_600_000_000
    assert (await api.refused("POST", f"/keys/{short}/rotate"))[2] == f"{short} has expired; create a new key instead"
    assert len((await api.done("GET", "/keys"))["data"]) == 3


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
        ({"models": [""]}, "models: an empty name allows nothing"),
        ({"models": ["m"] * 101}, "integrations, models, networks: at most 100 each"),
        ({"networks": ["10.0.0.1/8"]}, "networks: 10.0.0.1/8 has host bits set; write an address or a block"),
        ({"networks": ["office"]}, "networks: 'office' does not appear to be"),
    ],
)
async def test_refusals(api, tenant: str, body: dict[str, object], why: str) -> None:
    status, code, message = await api.refused("POST", "/keys", {"tenant": tenant} | body)
    assert (status, code) == (400, "invalid_request")
    assert message.startswith(why)
    assert (await api.done("GET", "/keys"))["data"] == []


async def test_a_key_needs_a_tenant(api) -> None:
    assert (await api.refused("POST", "/keys", {"tenant": "nobody"}))[:2] == (404, "not_found")
