import json
import sqlite3

import pytest


@pytest.fixture(autouse=True)
def tenant(faregate) -> str:
    made = faregate.done("tenant", "create", "acme")["id"]
    faregate.done("credit", "acme", "10")
    return str(made)


def test_list_newest_first(faregate, live, tenant: str) -> None:
    call = live.wait(live.desk.call(tenant, 1000))
    page = faregate.done("ledger", "list", "acme")
    assert [entry["kind"] for entry in page["data"]] == ["call", "credit"]
    assert page["data"][0]["call"]["id"] == call
    assert page["data"][0]["call"]["usage"] == {"input_tokens": 1000, "audio_seconds": 1.5}
    assert faregate.done("ledger", "list", tenant, "--limit", "1")["has_more"] is True
    older = faregate.done("ledger", "list", tenant, "--before", page["data"][0]["id"])
    assert [entry["kind"] for entry in older["data"]] == ["credit"]


def test_quantities_are_printed_as_the_server_answers_them(faregate, live, tenant: str) -> None:
    live.wait(live.desk.call(tenant, 1000))
    assert '"usage":{"input_tokens":1000,"audio_seconds":1.5}' in faregate.run("ledger", "list", "acme", "--json").out


def test_list_for_people(faregate, live, tenant: str) -> None:
    call = live.wait(live.desk.call(tenant, 1000))
    header, charge, credit = faregate.shown("ledger", "list", "acme").splitlines()
    assert header.split()[:3] == ["id", "time", "kind"]
    assert charge.split()[3:] == ["call", "-0.012012", "9.987988", "acme", "small", "exact", call]
    assert credit.split()[3:] == ["credit", "10", "10", "-", "-", "-", "-"]


def test_list_of_a_kind_and_a_span(faregate, live, tenant: str) -> None:
    live.wait(live.desk.call(tenant, 1000))
    assert [e["kind"] for e in faregate.done("ledger", "list", "acme", "--kind", "credit")["data"]] == ["credit"]
    assert faregate.done("ledger", "list", "acme", "--since", "2026-11-19")["data"] == []
    assert len(faregate.done("ledger", "list", "acme", "--until", "2026-11-19")["data"]) == 2
    assert "since: 'soon' is no date" in faregate.failed("ledger", "list", "acme", "--since", "soon")


def test_show_one_entry_by_its_id_or_its_call_s(faregate, live, tenant: str) -> None:
    call = live.wait(live.desk.call(tenant, 1000))
    document = faregate.done("ledger", "show", call)
    assert document == faregate.done("ledger", "show", document["id"])
    shown = faregate.shown("ledger", "show", call)
    assert "amount         -0.012012 USD" in shown
    assert "small-2  input_tokens         10" in shown
    assert faregate.failed("ledger", "show", "led_none") == "there is no entry led_none"
    credit = faregate.done("ledger", "list", "acme", "--kind", "credit")["data"][0]["id"]
    assert "reference" in faregate.shown("ledger", "show", credit)


def test_explain(faregate, live, tenant: str) -> None:
    call = live.wait(live.desk.call(tenant, 1000))
    assert faregate.done("ledger", "explain", call)["charge"]["agrees"] is True
    shown = faregate.shown("ledger", "explain", call)
    assert "12012000 nano-USD, rounded half to even: 12012000 nano-USD, 0.012012 USD" in shown
    assert faregate.failed("ledger", "explain", "call_none") == "there is no call call_none"


def test_verify(faregate, live, tenant: str) -> None:
    live.wait(live.desk.call(tenant, 1000))
    good = {"ok": True, "wallets": 1, "entries": 2, "open_holds": 0, "faults": []}
    assert faregate.done("ledger", "verify") == good
    assert faregate.shown("ledger", "verify").splitlines()[0] == "ok          yes"


def test_verify_a_file_without_a_server(console, live, monkeypatch, tmp_path) -> None:
    live.wait(live.desk.close())
    monkeypatch.delenv("FAREGATE_OPERATOR_URL")
    document = console.done("ledger", "verify", "--database", str(tmp_path / "var" / "books.db"))
    assert document == {"ok": True, "wallets": 1, "entries": 1, "open_holds": 0, "faults": []}
    (tmp_path / "other.db").write_text("no database")
    assert "other.db" in console.failed("ledger", "verify", "--database", "other.db")


def test_a_ledger_that_is_wrong_is_exit_1(faregate, live, tmp_path) -> None:
    path = tmp_path / "var" / "books.db"
    with sqlite3.connect(path) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE entry SET amount_nanos = amount_nanos + 1")
    connection.close()
    for arguments in (["ledger", "verify"], ["ledger", "verify", "--database", str(path)]):
        ran = faregate.run(*arguments, "--json")
        assert ran.code == 1
        assert json.loads(ran.out)["ok"] is False
        people = faregate.run(*arguments)
        assert people.code == 1
        assert people.out.startswith("ok          no\n")
        assert "problem" in people.out
