import pytest

from proxy.cli.usage import BY
from proxy.ledger.report import By


@pytest.fixture(autouse=True)
def tenant(faregate) -> str:
    made = faregate.done("tenant", "create", "acme")["id"]
    faregate.done("credit", "acme", "10")
    return str(made)


def test_the_groupings_are_those_of_reports() -> None:
    assert set(BY) == {by.value for by in By}


def test_totals(faregate, live, tenant: str) -> None:
    live.wait(live.desk.call(tenant, 1000))
    document = faregate.done("usage", "acme")
    assert (document["total"]["charged_nanos"], document["data"]) == (12_012_000, [])
    first, _, title, header, total = faregate.shown("usage", "acme").splitlines()
    assert first == f"tenant {tenant}, from - until -"
    assert title == "in all"
    assert header.split()[0] == "calls"
    assert total.split() == [
        "total",
        "1",
        "audio_seconds",
        "1.5,",
        "input_tokens",
        "1010",
        "0.01001",
        "0.012012",
        "0",
        "0",
    ]


def test_groups_add_up(faregate, live, tenant: str) -> None:
    live.wait(live.desk.call(tenant, 1000))
    for by in BY:
        document = faregate.done("usage", "acme", "--by", by)
        assert sum(group["charged_nanos"] for group in document["data"]) == document["total"]["charged_nanos"]
    rows = faregate.shown("usage", "acme", "--by", "model", "--since", "2026-11-18").splitlines()[4:]
    assert [row.split()[0] for row in rows] == ["small", "small-2", "total"]
    assert faregate.done("usage", "acme", "--since", "2026-11-19")["total"]["calls"] == 0


def test_a_key_is_named_with_its_app(faregate, live, tenant: str, monkeypatch) -> None:
    live.wait(live.desk.call(tenant, 1000))
    from proxy.web.operator import usage

    async def apps(*_: object) -> dict[str, str]:
        return {"": "chatbot"}

    monkeypatch.setattr(usage, "_apps", apps)
    assert "- (chatbot)" in faregate.shown("usage", "acme", "--by", "key")


def test_what_is_no_usage(faregate) -> None:
    assert faregate.failed("usage", "nobody") == "there is no tenant nobody"
    faregate.failed("usage", "acme", "--by", "moon", code=2)
