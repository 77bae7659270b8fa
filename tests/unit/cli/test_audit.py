from getpass import getuser

import pytest

from proxy.cli.audit import changed


@pytest.fixture(autouse=True)
def tenant(faregate) -> str:
    return str(faregate.done("tenant", "create", "acme")["id"])


def test_what_changed_is_one_command(faregate, tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAREGATE_ACTOR", "Zoë")
    faregate.done("tenant", "suspend", "acme")
    page = faregate.done("audit", "list", "--since", "2026-11-18", "--tenant", "acme")
    newest, first = page["data"]
    assert (newest["who"], newest["via"], newest["action"]) == ("Zoë", "cli", "tenant.suspend")
    assert first["who"] == getuser()
    assert faregate.done("audit", "list", "--until", "yesterday")["data"] == []
    assert len(faregate.done("audit", "list", "--action", "tenant", "--who", "Zoë")["data"]) == 1


def test_for_people(faregate, tenant: str) -> None:
    faregate.done("tenant", "suspend", "acme")
    header, newest, first = faregate.shown("audit", "list").splitlines()
    assert header.split() == ["seq", "time", "who", "via", "action", "tenant", "target", "change"]
    assert newest.endswith(f"tenant.suspend  {tenant}  -       state: active -> suspended")
    assert first.rstrip().endswith(f"tenant.create   {tenant}  -       name: acme")
    assert faregate.run("audit", "list", "--limit", "1").err == "... more: add --before 2\n"
    assert "since: 'x' is no date" in faregate.failed("audit", "list", "--since", "x")


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (None, {"name": "acme", "test": False, "models": []}, "name: acme"),
        (None, {"name": "acme", "test": True}, "name: acme; test: yes"),
        ({"state": "active"}, {"state": "suspended"}, "state: active -> suspended"),
        ({"pct": "5"}, None, "pct: 5 -> -"),
        (
            {"balance_usd": "1"},
            {"balance_usd": "3", "reference": "a\x1b[31m"},
            "balance_usd: 1 -> 3; reference: a?[31m",
        ),
        (
            {"expires_at": None},
            {"expires_at": "t", "replaced_by": {"id": "k"}},
            "expires_at: - -> t; replaced_by: (id: k)",
        ),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, "b: 2 -> 3"),
        (None, None, ""),
    ],
)
def test_a_change_in_one_line(before, after, line: str) -> None:
    assert changed(before, after) == line
