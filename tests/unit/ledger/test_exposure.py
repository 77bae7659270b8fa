"""Exposures are made by endings; each says whose cost, why, and whether it is a bound."""

import pytest
from doubles.books import NOW, make_id, make_request, release, settle
from msgspec import structs

from proxy.ledger.call import Ending
from proxy.ledger.exposure import Exposure
from proxy.ledger.hold import open_hold
from proxy.ledger.transitions import end
from proxy.ledger.wallet import Wallet

T = make_id("tnt", 1)
WALLET = Wallet(T, balance=5_000_000, held=1_000_000)
HOLD = open_hold(make_request(T, 1), 1_000_000, 1)


@pytest.mark.parametrize(
    ("ending", "nanos", "reason", "at_most"),
    [
        (release(T, 1, exposed=70), 70, "upstream_error", False),
        (release(T, 1, unseen=True), 833_333, "upstream_error", True),
        (release(T, 1, exposed=70, unseen=True), 833_333, "upstream_error", True),
        (structs.replace(release(T, 1, exposed=5), reason="policy"), 5, "policy", False),
        (settle(T, 1, unseen=True), 733_333, "answered", True),
        (structs.replace(settle(T, 1), exposed=9), 9, "answered", False),
    ],
)
def test_what_an_ending_exposes(ending: Ending, nanos: int, reason: str, at_most: bool) -> None:
    exposure = end(WALLET, HOLD, ending).exposure
    assert exposure == Exposure(HOLD.call, T, "acme", nanos, reason, at_most, NOW + 500_000)


@pytest.mark.parametrize("ending", [release(T, 1), settle(T, 1), settle(T, 1, tokens=833, unseen=True)])
def test_nothing_left_is_no_exposure(ending: Ending) -> None:
    ended = end(WALLET, structs.replace(HOLD, cost_nanos=833_000), ending)
    assert ended.exposure is None
    assert ended.receipt.exposure_nanos == 0
