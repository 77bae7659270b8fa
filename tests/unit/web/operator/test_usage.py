from decimal import Decimal

import pytest

from proxy.ledger.report import By


async def test_totals_and_groups_are_those_of_the_ledger(api, tenant: str) -> None:
    await api.call(tenant, 1000)
    await api.call(tenant, 500, Decimal("0.25"))
    entries = [e for e in (await api.done("GET", f"/ledger?tenant={tenant}"))["data"] if e["kind"] == "call"]
    told = await api.done("GET", "/usage?tenant=Acme&by=model")
    assert (told["tenant"], told["by"], told["since"], told["until"]) == (tenant, "model", None, None)
    assert told["total"] == {
        "calls": 2,
        "upstream_cost_nanos": sum(e["call"]["upstream_cost_nanos"] for e in entries),
        "charged_nanos": -sum(e["amount_nanos"] for e in entries),
        "waived_nanos": 0,
        "shortfall_nanos": 0,
        "usage": {"audio_seconds": 1.75, "input_tokens": 1520},
    }
    assert [(g["name"], g["calls"], g["usage"].get("input_tokens")) for g in told["data"]] == [
        ("small", 2, 1500),
        ("small-2", 2, 20),
    ]


@pytest.mark.parametrize("by", list(By))
async def test_every_grouping_adds_up(api, tenant: str, by: By) -> None:
    await api.call(tenant, 1234)
    told = await api.done("GET", f"/usage?tenant=Acme&by={by}")
    for name in ("charged_nanos", "waived_nanos", "upstream_cost_nanos"):
        assert sum(group[name] for group in told["data"]) == told["total"][name]


async def test_keys_have_their_app_beside_them(api, tenant: str, monkeypatch) -> None:
    await api.call(tenant, 1)
    [group] = (await api.done("GET", "/usage?tenant=Acme&by=key"))["data"]
    assert group["app"] == "", "a key that is not in the list has no app"
    await api.done("POST", "/keys", {"tenant": tenant, "app": "chatbot"})
    assert "app" not in (await api.done("GET", "/usage?tenant=Acme&by=day"))["data"][0]


async def test_a_span_and_what_is_no_grouping(api, tenant: str) -> None:
    await api.call(tenant, 1)
    told = await api.done("GET", "/usage?tenant=Acme&since=2026-11-19")
    assert (told["total"]["calls"], told["since"]) == (0, "2026-11-19T00:00:00.000000Z")
    assert (await api.done("GET", "/usage?tenant=Acme&until=2026-11-19"))["total"]["calls"] == 1
    assert (await api.refused("GET", "/usage?tenant=Acme&by=moon"))[0] == 400
    assert (await api.refused("GET", "/usage?tenant=nobody"))[0] == 404
