"""A limit is kept to within a quarter of itself, and a second at most."""

import pytest
from doubles.wire import LIMITS
from msgspec import structs


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
