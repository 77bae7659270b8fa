import sqlite3

from proxy.ledger.call import Ending, Outcome


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


async def test_calls_newest_first(api, tenant: str) -> None:
    first, second = await api.call(tenant, 1), await api.call(tenant, 2)
    page = await api.done("GET", f"/calls?tenant={tenant}&limit=1")
    assert page == {
        "data": [
            {
                "id": second,
                "key": "key_1",
                "integration": "acme",
                "endpoint": "chat",
                "model": "small",
                "outcome": "answered",
                "status": 200,
                "refusal": None,
                "started_at": "2026-11-18T11:06:40.000000Z",
                "ended_at": "2026-11-18T11:06:41.500000Z",
            }
        ],
        "has_more": True,
    }
    rest = await api.done("GET", f"/calls?tenant={tenant}&before={second}")
    assert [c["id"] for c in rest["data"]] == [first]


async def test_holds_and_exposures(api, tenant: str) -> None:
    held = await api.hold(tenant, 5_000)
    holds = (await api.done("GET", "/holds"))["data"]
    assert [(h["call"], h["tenant"], h["held_nanos"], h["waived"]) for h in holds] == [
        (held.call, tenant, 5_000, False)
    ]
    record = api.record(tenant, held.call, Outcome.UPSTREAM_CUT)
    await api.store.end(Ending(record, api.ids.new("led"), unseen=True))
    assert (await api.done("GET", "/holds"))["data"] == []
    exposures = (await api.done("GET", "/exposures"))["data"]
    assert [(e["call"], e["exposure_nanos"], e["reason"], e["at_most"]) for e in exposures] == [
        (held.call, 5_000, "upstream_cut", True)
    ]


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
