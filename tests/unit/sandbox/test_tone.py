"""The sandbox's voice: a wav as long as its text."""

import pytest

from proxy.sandbox.tone import SECONDS_MAX, spoken
from proxy.wire.sound import seconds_of


@pytest.mark.parametrize(("text", "seconds"), [("x" * 50, 3.0), ("", 0.06), ("x" * 9_999, SECONDS_MAX)])
def test_it_lasts_as_long_as_somebody_would_take(text: str, seconds: float) -> None:
    found = seconds_of(spoken(text))
    assert found is not None
    assert float(found) == pytest.approx(seconds, abs=0.01)
