"""The names that operators' dashboards use, and what a priced call adds to them."""

from decimal import Decimal

import pytest
from doubles.acme import TENANT, make_hold
from doubles.books import make_bill
from msgspec import structs
from prometheus_client import generate_latest

from proxy.ledger.call import Receipt
from proxy.metrics import Metrics, usd
from proxy.tally import Spread, Tally
from proxy.usage.certainty import Certainty

NAMES = {
    "calls_total": ("integration", "endpoint", "outcome"),
    "refusals_total": ("code",),
    "usage_total": ("meter",),
    "charge_usd_total": ("integration",),
    "upstream_cost_usd_total": ("integration",),
    "exposure_usd_total": ("integration", "reason"),
    "overhead_seconds": (),
    "upstream_ttfb_seconds": ("integration",),
    "held_usd": (),
    "open_holds": (),
    "settlement_lag_seconds": (),
    "usage_certainty_total": ("certainty",),
    "ledger_commit_seconds": (),
    "ledger_batch_size": (),
    "hold_shortfall_total": (),
    "rates_age_seconds": (),
}
"""Section 6 of the design: other people's dashboards name these."""

BILL = make_bill(TENANT.id, 1, {"input_tokens": 1_000, "audio_seconds": Decimal("1.5")})

HELD = make_hold(BILL.charge_nanos)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"faregate_{name}", labels)


def test_every_name_that_is_fixed_from_outside() -> None:
    metrics = Metrics()
    collected = {family.name: family for family in metrics.registry.collect()}
    for name, labels in NAMES.items():
        family = f"faregate_{name.removesuffix('_total')}"
        assert family in collected, name
        assert (collected[family].type == "counter") is name.endswith("_total"), name
        own = {each.name: each.labels for each in vars(metrics).values() if isinstance(each, (Tally, Spread))}
        assert own.get(family, ()) == labels, name


def test_no_label_could_name_a_tenant_or_a_raw_path() -> None:
    allowed = {"integration", "endpoint", "outcome", "code", "meter", "reason", "certainty"}
    metrics = Metrics()
    for each in vars(metrics).values():
        assert set(getattr(each, "_labelnames", ())) <= allowed


def test_two_processes_of_one_test_do_not_share_counters() -> None:
    one, two = Metrics(), Metrics()
    one.shortfall.add(1)
    assert (value(one, "hold_shortfall_total"), value(two, "hold_shortfall_total")) == (1, 0)


def test_a_bill_that_was_paid() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.count_bill(BILL, Receipt(paid_nanos=BILL.charge_nanos), HELD)
    assert value(metrics, "usage_total", meter="acme.input_tokens") == 2_000
    assert value(metrics, "usage_total", meter="acme.audio_seconds") == 3.0
    assert value(metrics, "upstream_cost_usd_total", integration="acme") == pytest.approx(
        2 * BILL.upstream_cost_nanos / 1e9
    )
    assert value(metrics, "charge_usd_total", integration="acme") == pytest.approx(2 * BILL.charge_nanos / 1e9)
    assert value(metrics, "usage_certainty_total", certainty="exact") == 2
    assert value(metrics, "hold_shortfall_total") == 0
    assert value(metrics, "unpriced_units_total", integration="acme") is None


def test_a_bill_that_was_waived_or_is_only_journalled_charges_nothing_yet() -> None:
    metrics = Metrics()
    metrics.count_bill(BILL, None, HELD)
    metrics.count_bill(BILL, Receipt(waived_nanos=BILL.charge_nanos), structs.replace(HELD, waived=True))
    assert value(metrics, "charge_usd_total", integration="acme") in (None, 0)
    assert value(metrics, "upstream_cost_usd_total", integration="acme") == pytest.approx(
        2 * BILL.upstream_cost_nanos / 1e9
    )


def test_a_shortfall_and_a_unit_without_a_rate_are_counted() -> None:
    metrics = Metrics()
    bill = structs.replace(BILL, unpriced=(("m-1", "web_searches"),), certainty=Certainty.AT_LEAST)
    metrics.count_bill(bill, Receipt(paid_nanos=1, shortfall_nanos=1), HELD)
    assert value(metrics, "hold_shortfall_total") == 1
    assert value(metrics, "unpriced_units_total", integration="acme") == 1
    assert value(metrics, "usage_certainty_total", certainty="at_least") == 1


def test_a_model_priced_as_another_is_counted_too() -> None:
    metrics = Metrics()
    part = structs.replace(BILL.parts[0], model="m-2")
    metrics.count_bill(structs.replace(BILL, parts=(part,)), None, HELD)
    assert value(metrics, "unpriced_units_total", integration="acme") == 1


@pytest.mark.parametrize(("wallet_nanos", "waived", "alarm"), [(0, False, None), (-1, False, 1), (-1, True, None)])
def test_a_price_beyond_its_hold_says_that_a_bound_is_wrong(wallet_nanos: int, waived: bool, alarm: int | None) -> None:
    metrics = Metrics()
    held = make_hold(BILL.charge_nanos + wallet_nanos, waived=waived)
    metrics.count_bill(BILL, Receipt(paid_nanos=1), held)
    assert value(metrics, "hold_exceeded_total", integration="acme", endpoint="chat") == alarm


def test_exposure_by_reason() -> None:
    metrics = Metrics()
    metrics.count_exposure("acme", "upstream_cut", Receipt())
    assert value(metrics, "exposure_usd_total", integration="acme", reason="upstream_cut") is None
    metrics.count_exposure("acme", "upstream_cut", Receipt(exposure_nanos=500_000_000))
    assert value(metrics, "exposure_usd_total", integration="acme", reason="upstream_cut") == 0.5


def test_holds_are_counted_at_each_scrape() -> None:
    metrics, holds = Metrics(), [make_hold(500_000_000), None]
    metrics.watch(lambda: holds)
    assert (value(metrics, "open_holds"), value(metrics, "held_usd")) == (1, 0.5)
    holds.append(make_hold(1_000_000_000))
    assert (value(metrics, "open_holds"), value(metrics, "held_usd")) == (2, 1.5)


def test_a_commit_of_the_ledger() -> None:
    metrics = Metrics()
    metrics.observe_commit(7, 0.004)
    assert value(metrics, "ledger_batch_size_sum") == 7
    assert value(metrics, "ledger_commit_seconds_bucket", le="0.005") == 1


def test_the_page_is_one_that_prometheus_reads() -> None:
    metrics = Metrics()
    metrics.calls.add(1, "acme", "chat", "answered")
    page = generate_latest(metrics.registry).decode()
    assert 'faregate_calls_total{endpoint="chat",integration="acme",outcome="answered"} 1.0' in page


def test_usd() -> None:
    assert usd(1_500_000_000) == 1.5
