import json
import sqlite3

from doubles.desk import TOKEN

from proxy.ledger.call import Ending, Outcome
from proxy.pricing.card import ModelRates, Rate, RateCard
from proxy.store.sqlite import verify


async def test_entries_newest_first_with_exactly_the_promised_fields(api, tenant: str) -> None:
    call = await api.call(tenant, 1000)
    page = await api.done("GET", "/ledger?tenant=Acme")
    assert page["has_more"] is False
    charge, credit = page["data"]
    assert credit == {
        "id": credit["id"],
        "kind": "credit",
        "amount_nanos": 10_000_000_000,
        "waived_nanos": 0,
        "balance_after_nanos": 10_000_000_000,
        "created_at": "2026-11-18T11:06:40.000000Z",
        "period": "2026-11-18",
    }
    # 1,010 tokens at 1 USD a million and 1.5 s at 0.006 USD: 10,010,000 nano-USD, and 20 % on top
    assert charge == {
        "id": charge["id"],
        "kind": "call",
        "amount_nanos": -12_012_000,
        "waived_nanos": 0,
        "balance_after_nanos": 9_987_988_000,
        "created_at": "2026-11-18T11:06:41.500000Z",
        "period": "2026-11-18",
        "call": {
            "id": call,
            "integration": "acme",
            "endpoint": "chat",
            "model": "small",
            "usage": {"input_tokens": 1000, "audio_seconds": 1.5},
            "other_models": {"small-2": {"input_tokens": 10}},
            "certainty": "exact",
            "upstream_cost_nanos": 10_010_000,
            "charge_nanos": 12_012_000,
        },
    }


async def test_quantities_are_json_numbers(api, tenant: str) -> None:
    await api.call(tenant, 1)
    response = await api.client.get(
        f"/admin/v1/ledger?tenant={tenant}", headers={"Authorization": "Bearer the-admin-token"}
    )
    assert '"usage":{"input_tokens":1,"audio_seconds":1.5}' in await response.text()


async def test_pages_of_entries(api, tenant: str) -> None:
    for _ in range(3):
        await api.done("POST", "/credits", {"tenant": tenant, "amount_usd": "1"})
    first = await api.done("GET", f"/ledger?tenant={tenant}&limit=3")
    assert ([e["balance_after_nanos"] // 10**9 for e in first["data"]], first["has_more"]) == ([13, 12, 11], True)
    rest = await api.done("GET", f"/ledger?tenant={tenant}&limit=3&before={first['data'][-1]['id']}")
    assert ([e["balance_after_nanos"] // 10**9 for e in rest["data"]], rest["has_more"]) == ([10], False)
    other = (await api.done("POST", "/tenants", {"name": "Other"}))["id"]
    assert (await api.refused("GET", f"/ledger?tenant={other}&before={first['data'][0]['id']}"))[0] == 400
    assert (await api.refused("GET", f"/ledger?tenant={tenant}&before=led_none"))[0] == 404


async def test_one_entry_with_its_bill_and_its_place_in_the_chain(api, tenant: str) -> None:
    await api.call(tenant, 1000)
    newest, credit = (await api.done("GET", f"/ledger?tenant={tenant}"))["data"]
    shown = await api.done("GET", f"/ledger/{newest['id']}")
    assert {name: shown[name] for name in newest} == newest
    assert (shown["tenant"], shown["seq"]) == (tenant, 2)
    assert shown["previous"] == (await api.done("GET", f"/ledger/{credit['id']}"))["hash"]
    assert [(line["unit"], line["charge_nanos"]) for line in shown["bill"]["lines"]] == [
        ("input_tokens", 1_200_000),
        ("audio_seconds", 10_800_000),
        ("input_tokens", 12_000),
    ]
    assert (await api.done("GET", f"/ledger/{credit['id']}"))["bill"] is None
    assert (await api.refused("GET", "/ledger/led_none"))[:2] == (404, "not_found")


async def test_entries_of_a_kind_and_a_span(api, tenant: str) -> None:
    await api.call(tenant, 1000)  # ends 1.5 s after the credit
    assert [e["kind"] for e in (await api.done("GET", "/ledger?tenant=Acme&kind=credit"))["data"]] == ["credit"]
    later = "/ledger?tenant=Acme&since=2026-11-18T11:06:41Z"
    assert [e["kind"] for e in (await api.done("GET", later))["data"]] == ["call"]
    earlier = "/ledger?tenant=Acme&until=2026-11-18T11:06:41Z"
    assert [e["kind"] for e in (await api.done("GET", earlier))["data"]] == ["credit"]
    assert "kind" in (await api.refused("GET", "/ledger?tenant=Acme&kind=gift"))[2]
    assert "since: 'then'" in (await api.refused("GET", "/ledger?tenant=Acme&since=then"))[2]


async def test_an_entry_by_the_id_of_its_call(api, tenant: str) -> None:
    call = await api.call(tenant, 1000)
    shown = await api.done("GET", f"/ledger/{call}")
    assert (shown["reference"], shown["kind"]) == (call, "call")


async def test_why_a_call_cost_what_it_cost(api, tenant: str) -> None:
    await api.done("PUT", "/margins", {"pct": "10", "tenant": tenant, "meter": "acme.audio_seconds"})
    await api.done("PUT", "/margins", {"pct": "5", "integration": "acme"})
    call = await api.call(tenant, 1000)
    told = await api.done("GET", f"/ledger/{call}/explain")
    assert told == await api.done("GET", f"/ledger/{told['id']}/explain")
    assert (told["balance_before_nanos"], told["balance_after_nanos"]) == (10**10, 10**10 + told["amount_nanos"])
    charge = told["charge"]
    tokens, seconds, others = charge["lines"]
    assert (tokens["rate"]["usd"], tokens["rate"]["per"], tokens["quantity"]) == ("1.00", 1_000_000, 1000)
    assert (tokens["exact_upstream_cost_nanos"], tokens["exact_charge_nanos"]) == ("1000000", "1050000")
    assert (others["model"], others["priced_as"], others["charge_nanos"]) == ("small-2", "small", 10_500)
    assert (seconds["quantity"], seconds["margin_level"], seconds["margin_pct"]) == (1.5, "tenant_meter", "10")
    levels = [(each["level"], each["pct"], each["wins"]) for each in tokens["levels"]]
    assert levels == [
        ("tenant_meter", None, False),
        ("tenant_integration", None, False),
        ("tenant", None, False),
        ("meter", None, False),
        ("integration", "5", True),
        ("global", "20", False),
    ]
    assert charge["charge_nanos"] == 1_050_000 + 9_900_000 + 10_500 == int(charge["exact_charge_nanos"])
    assert (charge["agrees"], charge["note"], charge["rate_card"], charge["margins"]) == (True, None, "card-1", 2)
    shares = ("paid_nanos", "waived_nanos", "shortfall_nanos", "exposure_nanos")
    assert [charge[name] for name in shares] == [charge["charge_nanos"], 0, 0, 0]
    assert (told["call"]["outcome"], told["call"]["hold"]["held_nanos"]) == ("answered", 100_000_000)


async def test_a_charge_is_explained_with_the_margins_of_its_time(api, tenant: str) -> None:
    call = await api.call(tenant, 1000)
    await api.done("PUT", "/margins", {"pct": "500"})
    charge = (await api.done("GET", f"/ledger/{call}/explain"))["charge"]
    assert {line["margin_pct"] for line in charge["lines"]} == {"20"}
    assert charge["lines"][0]["levels"][-1] == {
        "level": "global",
        "tenant": None,
        "integration": None,
        "meter": None,
        "pct": "20",
        "wins": True,
        "default": True,
    }
    assert charge["agrees"] is True


async def test_why_a_call_cost_nothing(api, tenant: str) -> None:
    held = await api.hold(tenant, 5_000)
    record = api.record(tenant, held.call, Outcome.UPSTREAM_ERROR)
    await api.store.end(Ending(record, api.ids.new("led"), exposed=7))
    told = await api.done("GET", f"/ledger/{held.call}/explain")
    assert (told["id"], told["charge"], told["amount_nanos"]) == (None, None, 0)
    assert told["balance_before_nanos"] == told["balance_after_nanos"] == 10**10
    assert told["call"]["meaning"].startswith("the provider answered with an error")
    assert [each["exposure_nanos"] for each in told["call"]["exposures"]] == [7]


async def test_a_credit_is_explained_too(api, tenant: str) -> None:
    [credit] = (await api.done("GET", "/ledger?tenant=Acme"))["data"]
    told = await api.done("GET", f"/ledger/{credit['id']}/explain")
    assert (told["kind"], told["amount_nanos"], told["balance_before_nanos"], told["call"]) == (
        "credit",
        10**10,
        0,
        None,
    )
    assert (await api.refused("GET", "/ledger/led_none/explain"))[:2] == (404, "not_found")
    assert (await api.refused("GET", "/ledger/call_none/explain"))[:2] == (404, "not_found")


async def test_a_bill_that_its_card_does_not_lead_to_says_so(api, tenant: str, monkeypatch) -> None:
    call = await api.call(tenant, 1000)
    poorer = RateCard("card-1", {"acme": (ModelRates(("small",), (Rate("audio_seconds", "1"),)),)})

    async def card(_version: str) -> RateCard:
        return poorer

    monkeypatch.setattr(api.books, "card", card)
    charge = (await api.done("GET", f"/ledger/{call}/explain"))["charge"]
    assert (charge["lines"], charge["agrees"], charge["exact_charge_nanos"]) == ([], False, None)
    assert "no line for audio_seconds of small" in charge["note"]
    assert charge["charge_nanos"] == 12_012_000


async def test_verification_tells_how_far_it_is(api, tenant: str, monkeypatch) -> None:
    monkeypatch.setattr(verify, "TELL_EVERY", 2)
    for _ in range(4):
        await api.call(tenant, 1)
    response = await api.client.get("/admin/v1/verify/progress", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.content_type == "application/x-ndjson"
    *steps, verdict = [json.loads(line) for line in (await response.text()).splitlines()]
    assert steps == [{"entries": 2, "of": 5}, {"entries": 4, "of": 5}]
    assert verdict == await api.done("GET", "/verify")


async def test_verify(api, tenant: str, tmp_path) -> None:
    await api.call(tenant, 1000)
    await api.hold(tenant, 7)
    good = {"ok": True, "wallets": 1, "entries": 2, "open_holds": 1, "faults": []}
    assert await api.done("GET", "/verify") == good
    assert await api.done("GET", "/verify?tenant=Acme") == good
    assert (await api.refused("GET", "/verify?tenant=nobody"))[0] == 404


async def test_verify_finds_what_was_tampered_with(api, tenant: str, tmp_path) -> None:
    def tamper() -> None:
        with sqlite3.connect(tmp_path / "books.db") as connection:
            triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in triggers:
                connection.execute(f'DROP TRIGGER "{name}"')
            connection.execute("UPDATE entry SET amount_nanos = amount_nanos + 1")
        connection.close()

    tamper()
    status, verdict = await api.ask("GET", "/verify")
    assert (status, verdict["ok"]) == (200, False)
    assert verdict["faults"]
    assert set(verdict["faults"][0]) == {"tenant", "entry", "problem"}
