"""The rig for seconds: the real server dies under load, and its books are right. `make rig` is the long run."""

from pathlib import Path

import pytest
from rig.faults import Death
from rig.run import Order, run

pytestmark = pytest.mark.process

DEATHS = 4


async def test_a_server_that_dies_again_and_again_loses_nothing_and_charges_nothing_twice(tmp_path: Path) -> None:
    result = await run(Order(DEATHS, seed=11, answers=60, crowd=200), tmp_path)
    verdict = result.verdict
    assert verdict.findings == []
    assert sum(result.deaths.values()) == DEATHS
    assert result.deaths[Death.KILLED] >= DEATHS - 2
    assert verdict.counts["sent"] > 100
    assert verdict.counts["certainty exact"] > 50
    assert verdict.counts["outcome recovered"] > 0
    assert 0 < verdict.exact_nanos <= verdict.billed_nanos <= verdict.booked_nanos
