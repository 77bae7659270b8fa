"""The names that operators' dashboards use, and what a priced call adds to them."""

from decimal import Decimal

import pytest
from doubles.acme import TENANT, make_hold
from doubles.books import make_bill
from msgspec import structs
from prometheus_client import generate_latest

from proxy.ledger.call import CallRecord, Ending, Outcome, Receipt
from proxy.metrics import Metrics, usd
from proxy.tally import Dial, Spread, Tally
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
    "rates_quarantined": (),
    "rates_syncs_total": ("outcome",),
}
"""Section 6 of the design: other people's dashboards name these."""

BILL = make_bill(TENANT.id, 1, {"input_tokens": 1_000, "audio_seconds": Decimal("1.5")})

HELD = make_hold(BILL.charge_nanos)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"faregate_{name}", labels)


KINDS = {"counter": Tally, "histogram": Spread, "gauge": Dial}


def test_every_name_that_is_fixed_from_outside() -> None:
    metrics = Metrics()
    collected = {family.name: family for family in metrics.registry.collect()}
    for name, labels in NAMES.items():
        family = f"faregate_{name.removesuffix('_total')}"
        assert family in collected, name
        assert (collected[family].type == "counter") is name.endswith("_total"), name
        (own,) = [each for each in vars(metrics).values() if getattr(each, "name", "") == family]
        assert (own.labels, type(own)) == (labels, KINDS[collected[family].type]), name


def test_no_label_could_name_a_tenant_or_a_raw_path() -> None:
    allowed = {
        "integration",
        "endpoint",
        "outcome",
        "code",
        "meter",
        "reason",
        "certainty",
        "evidence",
        "file",
        "window",
    }
    built = {"version", "python", "sqlite"}
    for each in vars(Metrics()).values():
        assert set(getattr(each, "labels", ())) <= allowed | built


def test_the_process_s_own_metrics_are_there() -> None:
    names = {family.name for family in Metrics().registry.collect()}
    assert {"process_start_time_seconds", "process_open_fds", "process_resident_memory_bytes"} <= names


def test_two_processes_of_one_test_do_not_share_counters() -> None:
    one, two = Metrics(), Metrics()
    one.shortfall.add(1)
    assert (value(one, "hold_shortfall_total"), value(two, "hold_shortfall_total")) == (1, 0)


def test_what_alerts_watch_begins_at_zero() -> None:
    """Prometheus sees no increase in a series that is new."""
    metrics = Metrics()
    assert value(metrics, "refusals_total", code="internal_error") == 0
    assert value(metrics, "usage_certainty_total", certainty="none") == 0
    metrics.expect("acme", ["chat"])
    for name in ("charge_usd", "upstream_cost_usd", "waived_usd", "unpriced_units", "usage_invalid"):
        assert value(metrics, f"{name}_total", integration="acme") == 0
    assert value(metrics, "hold_exceeded_total", integration="acme", endpoint="chat") == 0
    assert value(metrics, "exposure_usd_total", integration="acme", reason="recovered") == 0
    assert value(metrics, "exposure_usd_total", integration="acme", reason="free") is None


def test_a_bill_that_was_paid() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.count_bill(BILL, HELD)
        metrics.count_receipt("acme", "answered", Receipt(paid_nanos=BILL.charge_nanos))
    assert value(metrics, "usage_total", meter="acme.input_tokens") == 2_000
    assert value(metrics, "usage_total", meter="acme.audio_seconds") == 3.0
    assert value(metrics, "upstream_cost_usd_total", integration="acme") == 2 * BILL.upstream_cost_nanos / 1e9
    assert value(metrics, "charge_usd_total", integration="acme") == 2 * BILL.charge_nanos / 1e9
    assert value(metrics, "usage_certainty_total", certainty="exact") == 2
    assert value(metrics, "hold_shortfall_total") == 0
    assert value(metrics, "unpriced_units_total", integration="acme") is None


def test_money_is_exact_however_many_calls_there_were() -> None:
    metrics = Metrics()
    for _ in range(100_000):
        metrics.count_receipt("acme", "answered", Receipt(paid_nanos=100_000_001))
    assert value(metrics, "charge_usd_total", integration="acme") == 10_000.0001


def test_a_reported_cost_is_held_against_ours() -> None:
    metrics = Metrics()
    for cost, by_report in (("0.001", False), ("0.002", True), ("0", False)):
        bill = structs.replace(
            BILL,
            reported_cost=cost,
            by_report=by_report,
            upstream_cost_nanos=2_000_000 if by_report else 1_000_000,
            rated_cost_nanos=1_000_000 if by_report else 0,
        )
        metrics.count_bill(bill, HELD)
    assert value(metrics, "reported_cost_usd_total", integration="acme") == 0.003
    assert value(metrics, "reported_cost_rated_usd_total", integration="acme") == 0.002
    assert value(metrics, "reported_cost_differs_total", integration="acme") == 1


def test_a_charge_that_was_waived_is_counted_as_such() -> None:
    metrics = Metrics()
    metrics.count_bill(BILL, structs.replace(HELD, waived=True))
    metrics.count_receipt("acme", "answered", Receipt(waived_nanos=BILL.charge_nanos))
    assert value(metrics, "charge_usd_total", integration="acme") is None
    assert value(metrics, "waived_usd_total", integration="acme") == BILL.charge_nanos / 1e9
    assert value(metrics, "upstream_cost_usd_total", integration="acme") == BILL.upstream_cost_nanos / 1e9


def test_a_shortfall_and_a_unit_without_a_rate_are_counted() -> None:
    metrics = Metrics()
    bill = structs.replace(BILL, unpriced=(("m-1", "web_searches"),), certainty=Certainty.AT_LEAST)
    metrics.count_bill(bill, HELD)
    metrics.count_receipt("acme", "answered", Receipt(paid_nanos=1, shortfall_nanos=1))
    assert value(metrics, "hold_shortfall_total") == 1
    assert value(metrics, "unpriced_units_total", integration="acme") == 1
    assert value(metrics, "usage_certainty_total", certainty="at_least") == 1


def ending(outcome: Outcome, reason: str = "", *, priced: bool = True) -> Ending:
    record = CallRecord("call_1", TENANT.id, "key_1", "acme", "chat", "m-1", outcome, 200, 1, 2)
    return Ending(record, "led_1", BILL if priced else None, reason=reason)


def test_an_ending_that_the_ledger_took_late_brings_its_money_only() -> None:
    metrics = Metrics()
    metrics.count_late(ending(Outcome.UPSTREAM_CUT), Receipt(paid_nanos=7_000_000, exposure_nanos=3_000_000))
    assert value(metrics, "charge_usd_total", integration="acme") == 0.007
    assert value(metrics, "exposure_usd_total", integration="acme", reason="upstream_cut") == 0.003
    assert value(metrics, "upstream_cost_usd_total", integration="acme") is None, "the call counted it when it ended"


@pytest.mark.parametrize("priced", [True, False])
def test_a_call_that_its_worker_did_not_live_to_end(priced: bool) -> None:
    metrics = Metrics()
    metrics.count_orphan(ending(Outcome.RECOVERED, "recovered", priced=priced), Receipt(exposure_nanos=5), HELD)
    counted = value(metrics, "calls_total", integration="acme", endpoint="chat", outcome="recovered")
    assert (counted, value(metrics, "usage_certainty_total", certainty="exact")) == (1, priced)
    assert value(metrics, "exposure_usd_total", integration="acme", reason="recovered") == 5e-9


def test_a_model_priced_as_another_is_counted_too() -> None:
    metrics = Metrics()
    part = structs.replace(BILL.parts[0], model="m-2")
    metrics.count_bill(structs.replace(BILL, parts=(part,)), HELD)
    assert value(metrics, "unpriced_units_total", integration="acme") == 1


@pytest.mark.parametrize(("wallet_nanos", "waived", "alarm"), [(0, False, None), (-1, False, 1), (-1, True, None)])
def test_a_price_beyond_its_hold_says_that_a_bound_is_wrong(wallet_nanos: int, waived: bool, alarm: int | None) -> None:
    metrics = Metrics()
    held = make_hold(BILL.charge_nanos + wallet_nanos, waived=waived)
    metrics.count_bill(BILL, held)
    assert value(metrics, "hold_exceeded_total", integration="acme", endpoint="chat") == alarm


def test_exposure_by_reason() -> None:
    metrics = Metrics()
    metrics.count_receipt("acme", "upstream_cut", Receipt())
    assert value(metrics, "exposure_usd_total", integration="acme", reason="upstream_cut") is None
    metrics.count_receipt("acme", "upstream_cut", Receipt(exposure_nanos=500_000_000))
    assert value(metrics, "exposure_usd_total", integration="acme", reason="upstream_cut") == 0.5


def test_a_commit_of_the_ledger() -> None:
    metrics = Metrics()
    metrics.observe_commit(7, 0.004, failed=False)
    assert value(metrics, "ledger_batch_size_sum") == 7
    assert value(metrics, "ledger_commit_seconds_bucket", le="0.005") == 1
    assert value(metrics, "ledger_commit_failures_total") == 0


def test_a_batch_that_could_not_be_committed_is_no_commit() -> None:
    metrics = Metrics()
    metrics.observe_commit(7, 5.0, failed=True)
    assert value(metrics, "ledger_commit_failures_total") == 1
    assert value(metrics, "ledger_commit_seconds_count") == 0


def test_the_page_is_one_that_prometheus_reads() -> None:
    metrics = Metrics()
    metrics.calls.add(1, "acme", "chat", "answered")
    page = generate_latest(metrics.registry).decode()
    assert 'faregate_calls_total{endpoint="chat",integration="acme",outcome="answered"} 1.0' in page


def test_usd() -> None:
    assert usd(1_500_000_000) == 1.5
