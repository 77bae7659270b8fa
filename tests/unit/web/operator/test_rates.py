from doubles.desk import RELOADED, SYNCED
from msgspec import json

from proxy.errors import BadRequest


async def test_rates(api) -> None:
    card = await api.done("GET", "/rates")
    assert card["version"] == "card-1"
    assert [row["integration"] for row in card["data"]] == ["acme", "bolt"]
    first = card["data"][0]
    assert (first["match"], first["window"], first["output_max"]) == (["small", "small-*"], 1000, 100)
    assert first["rates"][0]["usd"] == "1.00"
    assert first["rates"][0]["per"] == 1_000_000


async def test_rates_of_one_integration_or_model(api) -> None:
    assert [row["match"] for row in (await api.done("GET", "/rates?integration=bolt"))["data"]] == [["*"]]
    assert len((await api.done("GET", "/rates?integration=acme&model=small-3"))["data"]) == 1
    assert (await api.done("GET", "/rates?integration=acme&model=large"))["data"] == []
    assert (await api.refused("GET", "/rates?integration=nobody"))[2].endswith("known here: acme, bolt")
    assert (await api.refused("GET", "/rates?model=small"))[0] == 400


async def test_one_model_with_what_a_tenant_pays(api, tenant: str) -> None:
    await api.done("PUT", "/margins", {"pct": "50", "tenant": "Acme"})
    told = await api.done("GET", "/rates/acme/small-3?tenant=Acme")
    assert (told["model"], told["match"], told["tenant"], told["window"]) == (
        "small-3",
        ["small", "small-*"],
        tenant,
        1000,
    )
    assert told["rates"][0] == {
        "unit": "input_tokens",
        "usd": "1.00",
        "per": 1_000_000,
        "tier": None,
        "region": None,
        "context_above": None,
        "hours": [],
        "since": None,
        "state": "in force",
        "source": None,
        "charge_usd": "1.5",
        "margin_level": "tenant",
        "margin_pct": "50",
    }
    anyone = await api.done("GET", "/rates/acme/small")
    assert (anyone["tenant"], anyone["rates"][0]["charge_usd"]) == (None, "1.2")


async def test_a_model_name_with_a_slash(api) -> None:
    assert (await api.done("GET", "/rates/bolt/models%2Fsmall"))["model"] == "models/small"


async def test_a_model_without_rates(api) -> None:
    status, code, message = await api.refused("GET", "/rates/acme/smal")
    assert (status, code) == (404, "not_found")
    assert message == "model: acme has no rates for 'smal'; did you mean small or small-*?"
    assert "`faregate rates list --integration acme`" in (await api.refused("GET", "/rates/acme/zzz"))[2]
    assert "known here: acme, bolt" in (await api.refused("GET", "/rates/nobody/small"))[2]
    assert (await api.refused("GET", "/rates/acme/small?tenant=nobody"))[0] == 404


async def test_rates_are_held_against_price_lists(api) -> None:
    found = json.decode(json.encode(SYNCED))
    assert await api.done("POST", "/rates/sync") == {"report": found, "reload": None}
    done = await api.done("POST", "/rates/sync", {"write": True})
    assert done["reload"] == json.decode(json.encode(RELOADED))
    assert done["report"] == found | {"written": True, "files": ["acme.synced.yaml"]}
    api.syncs = BadRequest("litellm: the package is not installed", code="sync_failed", status=409)
    assert (await api.refused("POST", "/rates/sync"))[:2] == (409, "sync_failed")
