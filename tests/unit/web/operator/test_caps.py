from typing import Any

import pytest

WHOLE = {"tenant": "Acme", "window": "daily", "limit_usd": "5"}
DAY = 86_400_000_000


async def test_a_cap_and_how_it_stands(api, tenant: str) -> None:
    made = await api.done("PUT", "/caps", WHOLE)
    assert made == {
        "id": made["id"],
        "tenant": tenant,
        "window": "daily",
        "app": None,
        "key": None,
        "integration": None,
        "model": None,
        "limit_usd": "5",
        "spent_usd": "0",
        "held_usd": "0",
        "left_usd": "5",
        "period": "2026-11-18",
        "resets_at": "2026-11-19T00:00:00.000000Z",
        "set_at": "2026-11-18T11:06:40.000000Z",
    }
    assert made["id"].startswith("cap_")
    await api.call(tenant, 1000)
    await api.hold(tenant, 2_000_000_000)
    [stands] = (await api.done("GET", "/caps"))["data"]
    charge = {"spent_usd": "0.012012", "held_usd": "2", "left_usd": "2.987988"}
    assert stands == made | charge
    [hold] = (await api.done("GET", "/holds"))["data"]
    assert (hold["caps"], hold["cap_held_nanos"], hold["held_nanos"]) == ([made["id"]], 2_000_000_000, 2_000_000_000)


async def test_another_limit_is_the_same_cap(api, tenant: str) -> None:
    first = await api.done("PUT", "/caps", WHOLE)
    await api.call(tenant, 1000)
    again = await api.done("PUT", "/caps", WHOLE | {"limit_usd": 0.01})
    assert (again["id"], again["limit_usd"], again["spent_usd"]) == (first["id"], "0.01", "0.012012")
    assert again["left_usd"] == "0", "more is spent than that"
    assert len((await api.done("GET", "/caps"))["data"]) == 1


async def test_a_cap_that_is_new_counts_what_its_month_has_seen(api, tenant: str) -> None:
    await api.call(tenant, 1000)
    made = await api.done("PUT", "/caps", WHOLE | {"window": "monthly", "model": "sma*", "integration": "acme"})
    assert (made["spent_usd"], made["period"], made["resets_at"][:10]) == ("0.012012", "2026-11", "2026-12-01")
    other = await api.done("PUT", "/caps", WHOLE | {"model": "large"})
    assert other["spent_usd"] == "0"


async def test_each_place_has_its_cap_and_each_is_unset_by_its_place(api, tenant: str) -> None:
    key = (await api.done("POST", "/keys", {"tenant": tenant, "app": "bot"}))["id"]
    places: list[dict[str, str]] = [{}, {"app": "bot"}, {"key": key}, {"integration": "acme"}, {"model": "small"}]
    made = [await api.done("PUT", "/caps", WHOLE | place) for place in places]
    assert len({each["id"] for each in made}) == 5
    for place, each in zip(places, made, strict=True):
        assert {name: each[name] for name in place} == place
        query = "&".join(f"{name}={value}" for name, value in place.items())
        gone = await api.done("DELETE", f"/caps?tenant=Acme&window=daily&{query}")
        assert gone == each | {"limit_usd": None, "left_usd": None}
    assert (await api.done("GET", "/caps"))["data"] == []
    status, code, message = await api.refused("DELETE", "/caps?tenant=Acme&window=daily&app=bot")
    assert (status, code) == (404, "not_found")
    assert message == f"there is no daily cap of {tenant}, app bot; `faregate cap list` shows those in force"


async def test_windows_go_on_by_themselves(api, tenant: str) -> None:
    made = await api.done("PUT", "/caps", WHOLE)
    await api.call(tenant, 1000)
    api.clock.micros += DAY
    [stands] = (await api.done("GET", "/caps"))["data"]
    assert stands == made | {"period": "2026-11-19", "resets_at": "2026-11-20T00:00:00.000000Z"}


async def test_pages_and_those_that_are_near(api, tenant: str) -> None:
    await api.done("POST", "/tenants", {"name": "Other"})
    limits = {"a": "5", "b": "0.015016", "c": "0.015014", "d": "0"}
    made = [await api.done("PUT", "/caps", WHOLE | {"app": app, "limit_usd": limit}) for app, limit in limits.items()]
    await api.done("PUT", "/caps", WHOLE | {"tenant": "Other"})
    page = await api.done("GET", "/caps?tenant=Acme&limit=3")
    assert (page["data"], page["has_more"]) == (made[:3], True)
    rest = await api.done("GET", f"/caps?tenant=Acme&after={made[2]['id']}")
    assert (rest["data"], rest["has_more"]) == (made[3:], False)
    assert len((await api.done("GET", "/caps"))["data"]) == 5
    assert (await api.done("GET", "/caps?near=true"))["data"] == made[3:], "nothing is left of nothing"


async def test_what_is_spent_and_held_brings_a_cap_near(api, tenant: str) -> None:
    await api.call(tenant, 1000)
    await api.done("PUT", "/caps", WHOLE | {"limit_usd": "0.015016"})
    await api.done("PUT", "/caps", WHOLE | {"limit_usd": "0.015015", "window": "monthly"})
    assert [each["limit_usd"] for each in (await api.done("GET", "/caps?near=true"))["data"]] == ["0.015015"]
    await api.hold(tenant, 1_000)
    assert len((await api.done("GET", "/caps?near=true"))["data"]) == 2


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({"limit_usd": "-1"}, 400, "limit_usd: a cap is at least 0"),
        ({"limit_usd": "NaN"}, 400, "limit_usd: "),
        ({"limit_usd": "0.0000000001"}, 400, "limit_usd: "),
        ({"window": "weekly"}, 400, "the body: "),
        ({"tenant": "nobody"}, 404, "there is no tenant nobody"),
        ({"key": "key_x"}, 404, "there is no key key_x of tnt_"),
        ({"integration": "opneai"}, 400, "integration: 'opneai' is unknown; known here: acme, bolt"),
        ({"app": "x" * 1000}, 400, "app, model: at most "),
        ({"model": "a\nb"}, 400, "app, model: at most "),
        ({"user": "x"}, 400, "the body: object contains unknown field `user`"),
    ],
)
async def test_refusals(api, tenant: str, body: dict[str, Any], status: int, why: str) -> None:
    got, _, message = await api.refused("PUT", "/caps", WHOLE | body)
    assert got == status
    assert message.startswith(why)
    assert (await api.done("GET", "/caps"))["data"] == []


async def test_a_window_must_be_said(api, tenant: str) -> None:
    assert (await api.refused("PUT", "/caps", {"tenant": "Acme", "limit_usd": "5"}))[0] == 400
    assert (await api.refused("DELETE", "/caps?tenant=Acme"))[0] == 400
