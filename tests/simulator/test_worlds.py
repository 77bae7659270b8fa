"""Worlds of the simulator: nothing is found in them, they play the same again, each fault finds a call everywhere."""

import os

import pytest

from simulator.chance import EVERYWHERE, STATES
from simulator.world import play

SEEDS = 20
TOGETHER = 10
AIMED_MOST = 12
"""Worlds that are tried until a fault has found a call in a state: some last a millisecond."""


@pytest.mark.parametrize("first", range(0, SEEDS, TOGETHER))
def test_nothing_is_found_in_these_worlds(first: int) -> None:
    results = [play(seed) for seed in range(first, first + TOGETHER)]
    assert {result.seed: result.findings for result in results if result.findings} == {}, "python -m simulator --seed N"
    assert sum(result.calls for result in results) > TOGETHER * 10


@pytest.mark.parametrize("seed", [0, 8, 12])
def test_a_world_plays_the_same_again(seed: int) -> None:
    tales: list[list[str]] = [[], []]
    results = [play(seed, tale.append) for tale in tales]
    assert tales[0] == tales[1]
    assert results[0] == results[1]
    assert len(tales[0]) > 10


def test_worlds_differ() -> None:
    assert play(1) != play(2)


CELLS = [(fault, state) for fault in EVERYWHERE for state in STATES]
DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"


@pytest.mark.parametrize(("fault", "state"), CELLS if DEEP else CELLS[:18] + CELLS[18::4])
def test_every_fault_finds_a_call_in_every_state(fault: str, state: str) -> None:
    for seed in range(AIMED_MOST):
        result = play(seed, aim=(fault, state))
        assert result.findings == ()
        if result.cells.get((fault, state)):
            return
    pytest.fail(f"no call was {state} when {fault} struck, in {AIMED_MOST} worlds")
