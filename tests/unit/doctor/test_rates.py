from datetime import UTC, date, datetime, timedelta

import pytest
from doubles.desk import SYNCED
from msgspec import structs

from proxy.doctor.rates import age, synced
from proxy.loading.catalogue import load_catalogue
from proxy.loading.settings import ProviderSettings, RatesSync, Settings
from proxy.loading.values import Secret
from proxy.price_lists.report import Report

DATES = {"anthropic": date(2026, 1, 1), "gemini": date(2026, 6, 1), "openai": date(2026, 6, 10)}
CATALOGUE = structs.replace(load_catalogue(), checked=DATES)
KEYED = ProviderSettings(api_key=Secret("k"))


def on(*names: str) -> Settings:
    return Settings(providers={"anthropic": ProviderSettings()} | dict.fromkeys(names, KEYED))


@pytest.mark.parametrize(
    ("names", "today", "state", "text"),
    [
        (["openai"], date(2026, 6, 11), "ok", "the oldest, of openai, were checked 1 days ago (2026-06-10)"),
        (["openai", "gemini"], date(2026, 7, 16), "ok", "the oldest, of gemini, were checked 45 days ago (2026-06-01)"),
        (["gemini"], date(2026, 7, 17), "warning", "the oldest, of gemini, were checked 46 days ago (2026-06-01)"),
        ([], date(2026, 1, 2), "ok", "the oldest, of anthropic, were checked 1 days ago (2026-01-01)"),
        (["openai"], date(2026, 1, 1), "ok", "the oldest, of openai, were checked 0 days ago (2026-06-10)"),
        (["acme"], date(2026, 1, 1), "failed", "acme has no rates, so that every call is refused as unpriced_model"),
    ],
)
def test_the_oldest_of_what_is_on_counts(names: list[str], today: date, state: str, text: str) -> None:
    found = age(on(*names), CATALOGUE, today)
    assert (found.state, found.text) == (state, text)
    assert bool(found.remedy) == (state != "ok")


def test_without_any_rates() -> None:
    bare = structs.replace(CATALOGUE, checked={})
    assert age(Settings(), bare, date(2026, 1, 1)).state == "skipped"


AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def report(hours_ago: float, quarantined: int = 0) -> Report:
    at = (AT - timedelta(hours=hours_ago)).isoformat()
    return structs.replace(SYNCED, at=at, quarantined=SYNCED.quarantined * quarantined)


@pytest.mark.parametrize(
    ("every", "last", "state", "text"),
    [
        (0, None, "skipped", "rates were never held against price lists here (`faregate rates sync`)"),
        (24, None, "warning", "it is scheduled and was never done"),
        (0, report(500), "ok", "the last was 500 hours ago, with one 1 and two 2"),
        (24, report(71), "ok", "the last was 71 hours ago, with one 1 and two 2"),
        (24, report(73), "warning", "the last was 73 hours ago, with one 1 and two 2; it is to be every 24"),
        (24, report(1, 4), "warning", "the last was 1 hours ago, with one 1 and two 2; 4 prices are in quarantine"),
    ],
)
def test_the_last_sync(every: float, last: Report | None, state: str, text: str) -> None:
    found = synced(Settings(rates_sync=RatesSync(every_hours=every)), last, AT)
    assert (found.state, found.text) == (state, text)
    assert bool(found.remedy) == (state == "warning")
