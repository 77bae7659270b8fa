from decimal import Decimal

import pytest


@pytest.mark.parametrize(
    ("body", "level", "meter"),
    [
        ({}, "global", None),
        ({"integration": "acme"}, "integration", None),
        ({"meter": "acme.input_tokens"}, "meter", "acme.input_tokens"),
        ({"integration": "acme", "meter": "input_tokens"}, "meter", "acme.input_tokens"),
        ({"tenant": "Acme"}, "tenant", None),
        ({"tenant": "Acme", "integration": "bolt"}, "tenant_integration", None),
        (
            {"tenant": "Acme", "integration": "acme", "meter": "acme.audio_seconds"},
            "tenant_meter",
            "acme.audio_seconds",
        ),
    ],
)
async def test_each_level(api, tenant: str, body: dict[str, str], level: str, meter: str | None) -> None:
    row = await api.done("PUT", "/margins", {"pct": "-12.5"} | body)
    integration = meter.split(".")[0] if meter else body.get("integration")
    assert row == {
        "level": level,
        "tenant": tenant if "tenant" in body else None,
        "integration": integration,
        "meter": meter,
        "pct": "-12.5",
        "version": row["version"],
        "set_at": "2026-11-18T11:06:40.000000Z",
    }
    unit = meter.split(".")[1] if meter else "input_tokens"
    found = api.store.margins().resolve(tenant, integration or "bolt", unit)
    assert (found.level, found.pct) == (level, Decimal("-12.5"))


async def test_the_last_one_is_in_force(api) -> None:
    assert await api.done("GET", "/margins") == {"data": [], "default_pct": "20"}
    first = await api.done("PUT", "/margins", {"pct": 10})
    second = await api.done("POST", "/margins", {"pct": "15"})
    assert second["version"] > first["version"]
    assert await api.done("GET", "/margins") == {"data": [second], "default_pct": "20"}


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({"pct": "-100.5"}, 400, "pct: -100.5 is not between -100 and 1000000"),
        ({"pct": "NaN"}, 400, "pct: "),
        (
            {"pct": "20", "meter": "input_tokens"},
            400,
            "meter: 'input_tokens' needs its integration; write INTEGRATION.input_tokens",
        ),
        ({"pct": "20", "meter": "acme.input_tokns"}, 400, "meter: 'input_tokns' is no unit"),
        (
            {"pct": "20", "integration": "bolt", "meter": "acme.input_tokens"},
            400,
            "meter: acme.input_tokens is not a meter of bolt",
        ),
        ({"pct": "20", "integration": "opneai"}, 400, "integration: 'opneai' is unknown; known here: acme, bolt"),
        ({"pct": "20", "tenant": "nobody"}, 404, "there is no tenant nobody"),
        ({}, 400, "the body: object missing required field `pct`"),
    ],
)
async def test_refusals(api, body: dict[str, str], status: int, why: str) -> None:
    got, _, message = await api.refused("PUT", "/margins", body)
    assert got == status
    assert message.startswith(why)
    assert (await api.done("GET", "/margins"))["data"] == []


async def test_a_margin_that_is_unset_gives_way_to_the_wider_one(api, tenant: str) -> None:
    await api.done("PUT", "/margins", {"pct": "5", "integration": "acme"})
    narrow = await api.done("PUT", "/margins", {"pct": "50", "tenant": "Acme"})
    gone = await api.done("DELETE", "/margins?tenant=Acme")
    assert gone == narrow | {"pct": None, "version": narrow["version"] + 1}
    assert [row["pct"] for row in (await api.done("GET", "/margins"))["data"]] == ["5"]
    assert api.store.margins().resolve(tenant, "acme", "input_tokens").level == "integration"
    assert (await api.done("PUT", "/margins", {"pct": "60", "tenant": "Acme"}))["pct"] == "60"
    assert api.store.margins().resolve(tenant, "acme", "input_tokens").pct == 60


async def test_what_is_not_set_cannot_be_unset(api, tenant: str) -> None:
    await api.done("PUT", "/margins", {"pct": "5"})
    await api.done("DELETE", "/margins")
    for query, what in (
        ("", "everything"),
        ("?meter=acme.input_tokens", "acme.input_tokens"),
        ("?tenant=Acme", tenant),
    ):
        status, code, message = await api.refused("DELETE", f"/margins{query}")
        assert (status, code) == (404, "not_found")
        assert message == f"there is no margin for {what}; `faregate margin list` shows those in force"


async def test_why_a_margin_holds(api, tenant: str) -> None:
    await api.done("PUT", "/margins", {"pct": "7", "integration": "acme"})
    await api.done("PUT", "/margins", {"pct": "3", "tenant": "Acme", "meter": "acme.audio_seconds"})
    await api.done("PUT", "/margins", {"pct": "4", "meter": "bolt.input_tokens"})
    told = await api.done("GET", "/margins/explain?tenant=Acme&meter=acme.audio_seconds")
    assert (told["level"], told["pct"], told["meter"], told["version"]) == (
        "tenant_meter",
        "3",
        "acme.audio_seconds",
        3,
    )
    assert [(each["level"], each["pct"], each["wins"]) for each in told["levels"]] == [
        ("tenant_meter", "3", True),
        ("tenant_integration", None, False),
        ("tenant", None, False),
        ("meter", None, False),
        ("integration", "7", False),
        ("global", "20", False),
    ]
    assert told["meters"] == []


async def test_meters_that_differ_are_told_where_none_was_asked_for(api, tenant: str) -> None:
    await api.done("PUT", "/margins", {"pct": "7", "tenant": "Acme", "integration": "acme"})
    await api.done("PUT", "/margins", {"pct": "3", "tenant": "Acme", "meter": "acme.audio_seconds"})
    await api.done("PUT", "/margins", {"pct": "4", "meter": "acme.input_tokens"})
    told = await api.done("GET", "/margins/explain?tenant=Acme&integration=acme")
    assert (told["level"], told["pct"]) == ("tenant_integration", "7")
    assert told["meters"] == [{"meter": "acme.audio_seconds", "level": "tenant_meter", "pct": "3"}]
    anyone = await api.done("GET", "/margins/explain?integration=acme")
    assert (anyone["level"], [each["meter"] for each in anyone["meters"]]) == ("global", ["acme.input_tokens"])
    assert [each["level"] for each in anyone["levels"]] == ["integration", "global"]


async def test_a_question_about_nothing_known(api, tenant: str) -> None:
    assert (await api.refused("GET", "/margins/explain?tenant=nobody"))[0] == 404
    assert "'nobody' is unknown" in (await api.refused("GET", "/margins/explain?integration=nobody"))[2]
    assert "is no unit" in (await api.refused("GET", "/margins/explain?meter=acme.moons"))[2]
