"""Bills: exact as text, priced again to the same nano, and shown by model."""

from decimal import Decimal

import pytest
from doubles.books import CARD, TODAY, make_bill, make_id
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proxy.ledger.bill import Part, Unexplained, read_bill, recompute, tokens, usages, write_bill
from proxy.ledger.ending import Due
from proxy.money import Quantity
from proxy.pricing.card import Conditions
from proxy.pricing.cascade import MarginTable
from proxy.usage.certainty import Certainty

T = make_id("tnt", 1)
WHOLE = st.integers(0, 10**12)
QUANTITIES = st.one_of(WHOLE, st.decimals(0, 10**9, allow_nan=False, places=6), st.decimals(0, 10**9, places=0))
USED = st.dictionaries(st.sampled_from(["input_tokens", "output_tokens", "audio_seconds", "pages"]), QUANTITIES)
MARGINS = MarginTable(3, {(None, "acme", None): Decimal("12.5"), (T, None, None): Decimal("-7.25")})


@given(USED)
def test_text_reads_back_to_the_same_bill_and_the_same_text(used: dict[str, Quantity]) -> None:
    bill = make_bill(T, 1, used, margins=MARGINS)
    text = write_bill(bill)
    again = read_bill(text)
    assert again == bill
    assert write_bill(again) == text
    for unit, quantity in again.parts[0].usage.items():
        assert not isinstance(quantity, float)
        assert str(quantity) == str(used[unit])


def test_quantities_are_json_numbers() -> None:
    text = write_bill(make_bill(T, 1, {"input_tokens": 12, "audio_seconds": Decimal("1.250")}))
    assert '"usage":{"input_tokens":12,"audio_seconds":1.250}' in text
    assert '"quantity":1.250' in text


@given(USED)
def test_a_stored_bill_is_priced_again_to_the_same(used: dict[str, Quantity]) -> None:
    bill = read_bill(write_bill(make_bill(T, 1, used, margins=MARGINS)))
    priced = recompute(bill, T, CARD, MARGINS)
    assert (priced.cost_nanos, priced.charge_nanos) == (bill.upstream_cost_nanos, bill.charge_nanos)
    assert (priced.lines, priced.unpriced) == (bill.lines, bill.unpriced)


def test_other_margins_or_another_tenant_come_to_another_price() -> None:
    bill = make_bill(T, 1, {"input_tokens": 1_000}, margins=MARGINS)
    assert bill.charge_nanos == 927_500
    assert recompute(bill, T, CARD, MarginTable()).charge_nanos == 1_200_000
    assert recompute(bill, "tnt_other", CARD, MARGINS).charge_nanos == 1_125_000


def test_the_rates_of_the_model_it_was_priced_as_apply() -> None:
    bill = make_bill(T, 1, {"input_tokens": 1_000})
    alias = structs.replace(bill, parts=(structs.replace(bill.parts[0], model="m-1-beta"),))
    assert recompute(alias, T, CARD, MarginTable()).charge_nanos == 1_200_000
    unknown = structs.replace(bill, parts=(structs.replace(bill.parts[0], priced_as="m-9"),))
    with pytest.raises(Unexplained, match="rate card card-1 has no rates for acme/m-9"):
        recompute(unknown, T, CARD, MarginTable())


def test_what_a_bill_is_due() -> None:
    bill = make_bill(T, 1, {"input_tokens": 1_000}, certainty=Certainty.AT_LEAST)
    assert bill.due(waived=False, unasked=5) == Due(Certainty.AT_LEAST, 1_000_000, 1_200_000, False, 5)
    assert bill.due(waived=True).waived


def test_tokens_are_counted_over_all_parts_and_nothing_else_is() -> None:
    usage = {"input_tokens": 10, "cache_read_tokens": 5, "audio_seconds": Decimal("60.5"), "output_tokens": 3}
    bill = structs.replace(
        make_bill(T, 1, {}),
        parts=(
            Part("m-1", "m-1", usage, Conditions(date=TODAY)),
            Part("m-2", "m-2", {"input_tokens": Decimal("0.5")}, Conditions()),
        ),
    )
    assert tokens(bill) == 19
    assert tokens(make_bill(T, 1, {})) == 0


def test_usage_is_shown_by_model_without_zeros() -> None:
    bill = structs.replace(
        make_bill(T, 1, {}),
        parts=(
            Part("m-1", "m-1", {"input_tokens": 10, "output_tokens": 0}, Conditions()),
            Part("m-2", "m-1", {"input_tokens": 4}, Conditions()),
            Part("m-1", "m-1", {"input_tokens": 2}, Conditions()),
        ),
    )
    shown = usages(bill)
    assert shown.own == {"input_tokens": 12}
    assert shown.others == {"m-2": {"input_tokens": 4}}
