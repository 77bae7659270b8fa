"""A limit is kept to within a quarter of itself, and a second at most."""

import pytest
from doubles.wire import LIMITS
from msgspec import structs

from proxy.errors import Refusal
from proxy.web.limits import Commons


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        ({}, 1.0),
        ({"head_timeout_s": 2.0}, 0.5),
        ({"body_timeout_s": 0.4}, 0.1),
        ({"caller_stall_s": 0.2, "body_timeout_s": 0.4}, 0.05),
    ],
)
def test_how_often_the_edge_looks(limits: dict[str, float], seconds: float) -> None:
    assert structs.replace(LIMITS, **limits).look_s == pytest.approx(seconds)


def test_room_is_taken_whole_or_not_at_all_and_given_back() -> None:
    commons = Commons(10)
    assert commons.take(7)
    assert not commons.take(4)
    assert commons.take(3)
    commons.give(10)
    assert commons.take(10)


def test_nobody_has_to_count_refusals() -> None:
    Commons(0).refused(Refusal.REQUEST_TIMEOUT)
