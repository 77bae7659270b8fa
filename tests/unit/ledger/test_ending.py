"""Who bears a call: tenant, favour or operator."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ledger.ending import Due, Split, split
from proxy.usage.certainty import Certainty

EXACT, AT_LEAST = Certainty.EXACT, Certainty.AT_LEAST
AMOUNTS = st.integers(0, 10**15)


@pytest.mark.parametrize(
    ("due", "held", "available", "shares"),
    [
        (Due(EXACT, 100, 120), 500, 0, Split(120, 0, 0, 0)),
        (Due(EXACT, 100, 120), 100, 20, Split(120, 0, 0, 0)),
        (Due(EXACT, 100, 120), 100, 5, Split(105, 0, 13, 15)),
        (Due(EXACT, 100, 120), 100, -50, Split(100, 0, 17, 20)),
        (Due(AT_LEAST, 100, 120), 100, 1_000, Split(100, 0, 17, 20)),
        (Due(Certainty.ESTIMATED, 100, 120), 0, 1_000, Split(0, 0, 100, 120)),
        (Due(EXACT, 100, 0), 10, 10, Split(0, 0, 0, 0)),
        (Due(EXACT, 0, 0), 0, 0, Split(0, 0, 0, 0)),
        (Due(AT_LEAST, 100, 120, unasked=7), 200, 0, Split(120, 0, 7, 0)),
        (Due(EXACT, 100, 120, waived=True, unasked=7), 0, 0, Split(0, 120, 7, 0)),
    ],
)
def test_each_case(due: Due, held: int, available: int, shares: Split) -> None:
    assert split(due, held, available) == shares


@given(st.sampled_from(list(Certainty)), AMOUNTS, AMOUNTS, AMOUNTS, st.integers(-(10**15), 10**15), AMOUNTS)
def test_nothing_is_lost_and_nobody_else_pays(
    certainty: Certainty, cost: int, charge: int, held: int, available: int, unasked: int
) -> None:
    shares = split(Due(certainty, cost, charge, unasked=unasked), held, available)
    assert shares.paid + shares.shortfall == charge
    assert 0 <= shares.paid <= held + max(available, 0)
    if certainty is not Certainty.EXACT:
        assert shares.paid <= held
    assert unasked <= shares.exposure <= cost + unasked
    # What is paid of the cost and what is exposed of it together cover it.
    assert (shares.exposure - unasked) * charge >= cost * shares.shortfall
