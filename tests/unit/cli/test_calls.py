import pytest
from msgspec import structs

from proxy.cli.calls import OUTCOMES
from proxy.ledger.call import Ending, Outcome


@pytest.fixture(autouse=True)
def tenant(faregate) -> str:
    made = faregate.done("tenant", "create", "acme")["id"]
    faregate.done("credit", "acme", "10")
    return str(made)


def refuse(live, tenant: str, code: str) -> str:
    """Keep the record of a refused call, and wait until it is on disk."""
    desk = live.desk
    record = structs.replace(desk.record(tenant, desk.ids.new("call"), Outcome.REFUSED), refusal=code, status=403)

    async def keep() -> None:
        desk.store.record(record)
        await desk.hold(tenant, 1)

    live.wait(keep())
    return str(record.id)


def test_the_outcomes_are_those_of_calls() -> None:
    assert set(OUTCOMES) == {outcome.value for outcome in Outcome}


def test_calls(faregate, live, tenant: str) -> None:
    call = live.wait(live.desk.call(tenant, 1))
    assert [row["id"] for row in faregate.done("calls", "list", "acme")["data"]] == [call]
    _, row = faregate.shown("calls", "list", "acme").splitlines()
    assert row.split()[3:] == ["acme", "chat", "small", "answered", "200", "-"]


def test_why_a_tenant_was_refused(faregate, live, tenant: str) -> None:
    live.wait(live.desk.call(tenant, 1))
    refused = refuse(live, tenant, "key_scope")
    for words in (["--outcome", "refused"], ["--refusal", "any"], ["--refusal", "key_scope"]):
        assert [row["id"] for row in faregate.done("calls", "list", "acme", *words)["data"]] == [refused]
    assert faregate.done("calls", "list", "acme", "--refusal", "suspended")["data"] == []
    assert faregate.done("calls", "list", "acme", "--since", "2026-11-19")["data"] == []
    assert "is no code; known are" in faregate.failed("calls", "list", "acme", "--refusal", "none")
    assert "--outcome" in faregate.failed("calls", "list", "acme", "--outcome", "fine", code=2)
    told = faregate.shown("calls", "show", refused).splitlines()
    assert "refusal    key_scope" in told
    assert "meaning    the key lacks the scope, or may not use this integration or this address" in told
    assert any(line.startswith("remedy     faregate key list TENANT") for line in told)
    assert "paid       nothing" in told


def test_the_story_of_a_call(faregate, live, tenant: str) -> None:
    call = live.wait(live.desk.call(tenant, 1000))
    told = faregate.shown("calls", "show", call).splitlines()
    assert "outcome    answered (200)" in told
    assert "held       0.1 USD (settled, given back at its end)" in told
    assert "paid       0.012012 USD" in told
    assert faregate.failed("calls", "show", "call_none") == "there is no call call_none"


def test_what_is_held_now(faregate, live, tenant: str) -> None:
    held = live.wait(live.desk.hold(tenant, 2_000_000))
    assert [row["call"] for row in faregate.done("holds", "list")["data"]] == [held.call]
    ran = faregate.run("holds", "list", "acme")
    assert ran.out.splitlines()[1].split()[:5] == [held.call, tenant, "2026-11-18", "11:06:40Z", "0.002"]
    assert ran.err == "1 open, 0.002 USD held\n"
    assert "running" in faregate.shown("calls", "show", held.call)
    faregate.done("tenant", "create", "other")
    assert faregate.done("holds", "list", "other")["data"] == []


def test_what_nobody_paid_for(faregate, live, tenant: str) -> None:
    calls = []
    for nanos in (5_000, 6_000):
        held = live.wait(live.desk.hold(tenant, nanos))
        ending = Ending(
            live.desk.record(tenant, held.call, Outcome.UPSTREAM_CUT), live.desk.ids.new("led"), unseen=True
        )
        live.wait(live.desk.store.end(ending))
        calls.append(held.call)
    page = faregate.done("exposure", "list", "acme", "--limit", "1")
    assert [row["call"] for row in page["data"]] == calls[1:]
    ran = faregate.run("exposure", "list", "--limit", "1")
    assert ran.out.splitlines()[1].split()[4:] == [
        "0.000006",
        "upstream_cut",
        "no:",
        "at",
        "most",
        "2026-11-18",
        "11:06:41Z",
    ]
    assert ran.err == "... more: add --before 2\n"
    assert [row["call"] for row in faregate.done("exposure", "list", "--before", "2")["data"]] == calls[:1]
    assert "upstream cost that no tenant was charged for" in faregate.shown("calls", "show", calls[0])
