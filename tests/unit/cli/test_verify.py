import pytest

from proxy.cli.client import Operator
from proxy.store.sqlite import verify


@pytest.fixture(autouse=True)
def tenant(faregate) -> str:
    made = faregate.done("tenant", "create", "acme")["id"]
    faregate.done("credit", "acme", "10")
    return str(made)


def test_the_verdict_is_the_one_the_server_answers(faregate, live, tenant: str, monkeypatch) -> None:
    monkeypatch.setattr(verify, "TELL_EVERY", 1)
    live.wait(live.desk.call(tenant, 1))
    steps = []
    monkeypatch.setattr("proxy.cli.verify.progress", lambda _: Told(steps))
    assert faregate.done("ledger", "verify") == {
        "ok": True,
        "wallets": 1,
        "entries": 2,
        "open_holds": 0,
        "faults": [],
    }
    assert steps == [(1, 2), (2, 2)]
    steps.clear()
    faregate.done("ledger", "verify", "--database", "var/books.db")
    assert steps == [(1, 2), (2, 2)]


class Told:
    """A progress that keeps what it was told."""

    def __init__(self, steps: list[tuple[int, int | None]]) -> None:
        self.steps = steps

    def __enter__(self):
        return lambda done, of: self.steps.append((done, of))

    def __exit__(self, *_: object) -> None:
        pass


def test_an_end_without_a_verdict_is_a_failure(faregate, monkeypatch) -> None:
    monkeypatch.setattr(Operator, "stream", lambda *_, **__: iter([b'{"entries": 1, "of": 2}\n']))
    assert "ended the verification without a verdict" in faregate.failed("ledger", "verify")
