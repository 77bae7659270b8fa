from pathlib import Path

import pytest

from proxy.doctor.costs import reported
from proxy.ledger.bill import Bill
from proxy.loading.settings import Settings
from proxy.loading.values import Address, Database
from proxy.metrics import Metrics
from proxy.usage.certainty import Certainty


@pytest.fixture
def settings(site, tmp_path: Path) -> Settings:
    return Settings(operator_listen=Address("127.0.0.1", site.port), database=Database(tmp_path / "books.db"))


def scraped(*bills: Bill) -> bytes:
    """What a server shows that counted these bills: the real exposition, so that names cannot part."""
    from prometheus_client import generate_latest

    metrics = Metrics()
    for integration in ("acme", "bolt"):
        metrics.expect(integration, ())
    for bill in bills:
        metrics._count_reported(bill)
    return generate_latest(metrics.registry)


def bill(integration: str, usd: str, rated: int) -> Bill:
    return Bill("call_1", integration, "chat", "m", Certainty.EXACT, "v", 0, (), (), rated, rated, reported_cost=usd)


def test_without_a_server_nothing_was_counted(settings: Settings) -> None:
    assert reported(settings, "").state == "skipped"


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    nowhere = Settings(operator_listen=Address("127.0.0.1", 1), database=Database(tmp_path / "books.db"))
    assert reported(nowhere, "pid 5").state == "skipped"


def test_no_call_has_told_its_cost(site, settings: Settings) -> None:
    site.by_path["/metrics"] = (200, scraped())
    assert reported(settings, "pid 5").text == "no call has told its cost since the server's start"


def test_costs_agree(site, settings: Settings) -> None:
    site.by_path["/metrics"] = (200, scraped(bill("bolt", "0.001", 1_010_000), bill("acme", "0", 5_000_000)))
    found = reported(settings, "pid 5")
    assert (found.state, found.text) == ("ok", "what bolt told agrees with the rates")


def test_costs_differ(site, settings: Settings) -> None:
    bills = (bill("bolt", "0.001", 1_000_000), bill("acme", "0.002", 1_000_000), bill("acme", "0.001", 1_000_000))
    site.by_path["/metrics"] = (200, scraped(*bills))
    found = reported(settings, "pid 5")
    assert found.state == "warning"
    assert found.text == (
        "1 calls of acme cost another amount than its rates say (all that told: 0.003000 USD, by the rates 0.002000)"
    )
    assert "correct the rates" in found.remedy
