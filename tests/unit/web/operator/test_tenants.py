import pytest

from proxy.ids import is_id


async def test_create_show_list(api) -> None:
    made = await api.done("POST", "/tenants", {"name": " Acme / Cø ", "test": True})
    assert is_id(made["id"], "tnt")
    assert made == {
        "id": made["id"],
        "name": "Acme / Cø",
        "state": "active",
        "test": True,
        "created_at": "2026-11-18T11:06:40.000000Z",
    }
    wallet = {
        "credits_remaining_micros": 0,
        "credits_held_micros": 0,
        "balance_usd": "0",
        "held_usd": "0",
        "minimum_usd": "0",
    }
    assert await api.done("GET", f"/tenants/{made['id']}") == made | wallet
    assert await api.done("GET", "/tenants/Acme%20%2F%20C%C3%B8") == made | wallet
    assert await api.done("GET", "/tenants") == {"data": [made | wallet], "has_more": False}


async def test_pages(api) -> None:
    ids = [(await api.done("POST", "/tenants", {"name": f"t{n}"}))["id"] for n in range(3)]
    first = await api.done("GET", "/tenants?limit=2")
    assert ([t["id"] for t in first["data"]], first["has_more"]) == (ids[:2], True)
    rest = await api.done("GET", f"/tenants?limit=2&after={ids[1]}")
    assert ([t["id"] for t in rest["data"]], rest["has_more"]) == (ids[2:], False)


async def test_suspend_and_resume(api, tenant: str) -> None:
    assert (await api.done("POST", "/tenants/Acme/suspend"))["state"] == "suspended"
    assert (await api.done("GET", f"/tenants/{tenant}"))["state"] == "suspended"
    assert (await api.done("POST", f"/tenants/{tenant}/resume"))["state"] == "active"


async def test_a_name_stands_for_an_id_only_if_it_is_unique(api, tenant: str) -> None:
    await api.done("POST", "/tenants", {"name": "Acme"})
    status, _, message = await api.refused("GET", "/tenants/Acme")
    assert status == 409
    assert "Acme" in message
    assert (await api.refused("GET", "/tenants/nobody"))[:2] == (404, "not_found")
    assert (await api.done("GET", f"/tenants/{tenant}"))["name"] == "Acme"


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\nb", "\x1b[31m", "tnt_01ARZ3NDEKTSV4RRFFQ69G5FAV"])
async def test_bad_names(api, name: str) -> None:
    status, code, message = await api.refused("POST", "/tenants", {"name": name})
    assert (status, code) == (400, "invalid_request")
    assert message.startswith("name: ")
    assert (await api.done("GET", "/tenants"))["data"] == []


async def test_the_minimum_binds_what_a_call_may_take(api, tenant: str) -> None:
    set_ = await api.done("PUT", "/tenants/Acme/minimum", {"minimum_usd": "4"})
    assert (set_["minimum_usd"], set_["balance_usd"], set_["tenant"]) == ("4", "10", tenant)
    assert (await api.store.wallet(tenant)).available == 6_000_000_000
    assert (await api.refused("POST", "/credits", {"tenant": tenant, "amount_usd": "-7"}))[2].startswith("only 6 USD")
    await api.done("PUT", "/tenants/Acme/minimum", {"minimum_usd": -5})
    assert (await api.store.wallet(tenant)).available == 15_000_000_000
    assert (await api.refused("PUT", "/tenants/nobody/minimum", {"minimum_usd": "1"}))[0] == 404
    assert (await api.refused("PUT", "/tenants/Acme/minimum", {"minimum_usd": "1e99"}))[2].startswith("minimum_usd: ")
