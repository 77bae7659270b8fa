"""Sums of usage: over all groups they are those of the entries, to the nano."""

from decimal import Decimal

import pytest
from doubles.books import NOW, TODAY, make_id
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proxy.ledger.bill import Bill, Part, write_bill
from proxy.ledger.entry import Entry
from proxy.ledger.report import By, Report
from proxy.pricing.card import Conditions, ModelRates, Rate, RateCard
from proxy.pricing.cascade import MarginTable
from proxy.pricing.formula import Prices, Used, price
from proxy.usage.certainty import Certainty

DAY = 86_400_000_000
RATES = ModelRates(("*",), (Rate("input_tokens", "0.0000013", 7), Rate("audio_seconds", "0.006", 60)))
CARD = RateCard("c", {"acme": (RATES,), "bolt": (RATES,)})


def entry(
    used: dict[str, dict[str, int | Decimal]],
    *,
    short: int = 0,
    waived: bool = False,
    integration: str = "acme",
    key: str = "key_1",
    endpoint: str = "chat",
    day: int = 0,
    number: int = 1,
) -> Entry:
    """Return the entry of a call that used so much of each model; the first is its own."""
    conditions = Conditions(date=TODAY)
    parts = [Used(model, RATES, quantities, conditions) for model, quantities in used.items()]
    priced = price(Prices(CARD, MarginTable(), "tnt_1", integration), parts)
    short = min(short, priced.charge_nanos)
    bill = Bill(
        make_id("call", number),
        integration,
        endpoint,
        next(iter(used)),
        Certainty.EXACT,
        "c",
        0,
        tuple(Part(each.model, each.model, each.quantities, conditions) for each in parts),
        priced.lines,
        priced.cost_nanos,
        priced.charge_nanos,
        key=key,
        shortfall_nanos=0 if waived else short,
    )
    paid = 0 if waived else priced.charge_nanos - short
    favour = priced.charge_nanos if waived else 0
    amounts = (-paid, favour, 0, NOW + day * DAY, TODAY, bill.call, write_bill(bill), "", "")
    return Entry(make_id("led", number), "tnt_1", number, "call", *amounts)


def groups(by: By, *entries: Entry) -> dict[str, dict[str, object]]:
    report = Report(by)
    for each in entries:
        report.add(each)
    return {name: structs.asdict(sums) for name, sums in report.groups()}


QUANTITIES = st.dictionaries(
    st.sampled_from(["input_tokens", "audio_seconds", "without_rate"]),
    st.one_of(st.integers(0, 10**6), st.decimals(0, 1000, places=3)),
)
ENTRIES = st.builds(
    entry,
    st.dictionaries(st.sampled_from(["m-1", "m-2"]), QUANTITIES, min_size=1),
    short=st.integers(0, 10**6),
    waived=st.booleans(),
    integration=st.sampled_from(["acme", "bolt"]),
    key=st.sampled_from(["key_1", "key_2", ""]),
    endpoint=st.sampled_from(["chat", "embed"]),
    day=st.integers(0, 3),
)


@given(st.lists(ENTRIES, max_size=6), st.sampled_from(list(By)))
def test_groups_sum_to_the_entries(entries: list[Entry], by: By) -> None:
    report = Report(by)
    for each in entries:
        report.add(each)
    total = report.total
    assert total.calls == len(entries)
    assert total.charged_nanos == -sum(each.amount_nanos for each in entries)
    assert total.waived_nanos == sum(each.waived_nanos for each in entries)
    found = [sums for _, sums in report.groups()]
    for name in ("charged_nanos", "waived_nanos", "shortfall_nanos", "upstream_cost_nanos"):
        assert sum(getattr(sums, name) for sums in found) == getattr(total, name)
    for unit, quantity in total.usage.items():
        assert sum(sums.usage.get(unit, 0) for sums in found) == quantity
    assert all(sums.shortfall_nanos >= 0 for sums in found)
    if by not in (By.MODEL, By.UNIT):
        assert sum(sums.calls for sums in found) == total.calls


def test_models_have_their_own_lines() -> None:
    found = groups(By.MODEL, entry({"m-1": {"input_tokens": 700}, "m-2": {"input_tokens": 1400}}))
    assert found["m-1"]["usage"] == {"input_tokens": 700}
    assert (found["m-1"]["charged_nanos"], found["m-2"]["charged_nanos"]) == (156_000, 312_000)
    assert list(found) == ["m-2", "m-1"], "dearest first"
    assert (found["m-1"]["calls"], found["m-2"]["calls"]) == (1, 1)


def test_a_call_of_nothing_counts_for_its_model() -> None:
    found = groups(By.MODEL, entry({"m-1": {}}))
    assert (found["m-1"]["calls"], found["m-1"]["charged_nanos"]) == (1, 0)
    assert groups(By.UNIT, entry({"m-1": {}})) == {}


def test_units_are_meters_and_count_what_has_no_price() -> None:
    found = groups(By.UNIT, entry({"m-1": {"input_tokens": 7, "without_rate": Decimal("0.5")}}, integration="bolt"))
    assert found["bolt.without_rate"]["usage"] == {"without_rate": Decimal("0.5")}
    assert found["bolt.without_rate"]["charged_nanos"] == 0
    assert found["bolt.input_tokens"]["charged_nanos"] == 1560


def test_what_was_paid_in_part_divides_as_the_lines_do() -> None:
    used: dict[str, int | Decimal] = {"input_tokens": 7000, "audio_seconds": 1}
    found = groups(By.UNIT, entry({"m-1": used}, short=1_000_000))
    sums = [(s["charged_nanos"], s["shortfall_nanos"]) for s in found.values()]
    assert sums == [(631_429, 928_571), (48_571, 71_429)]


def test_days_are_in_order_and_are_those_of_the_entries() -> None:
    found = groups(By.DAY, entry({"m-1": {}}, day=2), entry({"m-1": {}}), entry({"m-1": {}}, day=1))
    assert list(found) == ["2026-11-21", "2026-11-22", "2026-11-23"]


@pytest.mark.parametrize(("by", "name"), [(By.KEY, "key_1"), (By.ENDPOINT, "acme chat"), (By.INTEGRATION, "acme")])
def test_names_of_groups(by: By, name: str) -> None:
    assert list(groups(by, entry({"m-1": {"input_tokens": 1}}))) == [name]


def test_what_is_no_call_counts_nothing() -> None:
    report = Report(None)
    report.add(structs.replace(entry({"m-1": {}}), kind="credit", amount_nanos=10**9, bill=""))
    assert (report.total.calls, report.total.charged_nanos, report.groups()) == (0, 0, [])
