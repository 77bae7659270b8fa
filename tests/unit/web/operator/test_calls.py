from msgspec import structs

from proxy.ledger.call import Ending, Outcome


async def refuse(api, tenant: str, code: str = "key_scope") -> str:
    """Keep the record of a refused call, and wait until it is on disk."""
    record = api.record(tenant, api.ids.new("call"), Outcome.REFUSED)
    api.store.record(structs.replace(record, refusal=code, status=403, started_at=api.clock.now()))
    await api.done("POST", "/credits", {"tenant": tenant, "amount_usd": "1"})  # what comes after it has waited for it
    return str(record.id)


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
                "session": None,
                "started_at": "2026-11-18T11:06:40.000000Z",
                "ended_at": "2026-11-18T11:06:41.500000Z",
            }
        ],
        "has_more": True,
    }
    rest = await api.done("GET", f"/calls?tenant={tenant}&before={second}")
    assert [c["id"] for c in rest["data"]] == [first]


async def test_turns_name_their_session(api, tenant: str) -> None:
    session, alone = api.ids.new("call"), await api.call(tenant, 1)
    turn = await api.call(tenant, 2, session=session)
    turns = (await api.done("GET", f"/calls?tenant={tenant}&session={session}"))["data"]
    assert [(each["id"], each["session"]) for each in turns] == [(turn, session)]
    charges = [entry for entry in (await api.done("GET", f"/ledger?tenant={tenant}"))["data"] if "call" in entry]
    assert [(entry["call"]["id"], entry["call"].get("session")) for entry in charges] == [
        (turn, session),
        (alone, None),
    ]
    assert (await api.done("GET", f"/ledger/{turn}"))["call"]["session"] == session
    story = await api.done("GET", f"/calls/{turn}")
    assert (story["session"], story["entry"]["call"]["session"]) == (session, session)
    assert (await api.done("GET", f"/calls/{alone}"))["session"] is None


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
    assert [(e["row"], e["call"], e["exposure_nanos"], e["reason"], e["at_most"]) for e in exposures] == [
        (1, held.call, 5_000, "upstream_cut", True)
    ]


async def test_why_a_tenant_was_refused_is_one_question(api, tenant: str) -> None:
    await api.call(tenant, 1)
    refused = await refuse(api, tenant)
    other = await refuse(api, tenant, "suspended")

    async def found(query: str) -> list[str]:
        return [row["id"] for row in (await api.done("GET", f"/calls?tenant=Acme&{query}"))["data"]]

    assert await found("outcome=refused") == [other, refused]
    assert await found("refusal=any") == [other, refused]
    assert await found("refusal=key_scope") == [refused]
    assert await found("refusal=invalid_key") == []
    assert await found("since=2026-11-19") == []
    assert len(await found("outcome=answered")) == 1
    assert (
        "'no_money' is no code; known are balance_exhausted,"
        in (await api.refused("GET", "/calls?tenant=Acme&refusal=no_money"))[2]
    )
    assert (await api.refused("GET", "/calls?tenant=Acme&outcome=fine"))[0] == 400


async def test_the_story_of_a_refused_call(api, tenant: str) -> None:
    refused = await refuse(api, tenant)
    told = await api.done("GET", f"/calls/{refused}")
    assert (told["tenant"], told["outcome"], told["status"], told["refusal"]) == (tenant, "refused", 403, "key_scope")
    assert told["meaning"] == "the key lacks the scope, or may not use this integration or this address"
    assert "faregate key list" in told["remedy"]
    assert (told["hold"], told["entry"], told["exposures"]) == (None, None, [])
    assert told["balance_before_nanos"] >= 10**10


async def test_the_story_of_a_running_call_and_of_its_end(api, tenant: str) -> None:
    held = await api.hold(tenant, 5_000)
    running = await api.done("GET", f"/calls/{held.call}")
    assert (running["outcome"], running["status"], running["ended_at"]) == ("running", None, None)
    assert (running["hold"]["held_nanos"], running["hold"]["state"]) == (5_000, "held")
    assert running["started_at"] == "2026-11-18T11:06:40.000000Z"
    over = await api.done("GET", f"/calls/{await api.call(tenant, 1000)}")
    assert (over["outcome"], over["hold"]["state"], over["entry"]["amount_nanos"]) == (
        "answered",
        "settled",
        -12_012_000,
    )
    assert over["refusal"] is over["remedy"] is None
    assert (await api.refused("GET", "/calls/call_none"))[:2] == (404, "not_found")


async def test_what_the_caller_was_told_of_a_call_that_failed_later(api, tenant: str) -> None:
    held = await api.hold(tenant, 5_000)
    record = structs.replace(api.record(tenant, held.call, Outcome.TIMED_OUT), refusal="upstream_timeout", status=504)
    await api.store.end(Ending(record, api.ids.new("led"), unseen=True))
    told = await api.done("GET", f"/calls/{held.call}")
    assert told["meaning"].startswith("the call reached its maximum age and was stopped; the caller was told upstream_")


async def test_holds_and_exposures_of_one_tenant(api, tenant: str) -> None:
    other = (await api.done("POST", "/tenants", {"name": "Other"}))["id"]
    await api.done("POST", "/credits", {"tenant": other, "amount_usd": "1"})
    mine, theirs = await api.hold(tenant, 1), await api.hold(other, 2)
    assert [h["call"] for h in (await api.done("GET", "/holds"))["data"]] == [mine.call, theirs.call]
    assert [h["call"] for h in (await api.done("GET", "/holds?tenant=Other"))["data"]] == [theirs.call]
    assert (await api.refused("GET", "/holds?tenant=nobody"))[0] == 404
    for held in (mine, theirs):
        record = api.record(held.tenant, held.call, Outcome.UPSTREAM_CUT)
        await api.store.end(Ending(record, api.ids.new("led"), unseen=True))
    page = await api.done("GET", "/exposures?limit=1")
    assert ([e["call"] for e in page["data"]], page["has_more"]) == ([theirs.call], True)
    rest = await api.done("GET", f"/exposures?before={page['data'][0]['row']}")
    assert ([e["call"] for e in rest["data"]], rest["has_more"]) == ([mine.call], False)
    assert [e["call"] for e in (await api.done("GET", f"/exposures?tenant={tenant}"))["data"]] == [mine.call]
    assert (await api.done("GET", "/exposures?since=2026-11-19"))["data"] == []
