"""Every bug that is planted in the house is found; where each was found last is looked at first.

`python -m simulator --bugs --json` tells where, when the worlds or the house have changed.
"""

import pytest

from simulator.bugs import BUGS
from simulator.hunt import hunt

FOUND_AT = {
    "absurd_usage_believed": 14,
    "errors_charged": 8,
    "frame_left_in": 2,
    "journal_not_replayed": 19,
    "last_byte_before_the_books": 7,
    "margin_of_the_end": 2,
    "recovery_skipped": 3,
    "recovery_without_evidence": 5,
    "recovery_without_exposure": 3,
    "release_before_settle": 5,
    "work_released_with_its_call": 10,
}
"""Seeds of worlds; those that are not named are found in one of the first two."""


def test_there_are_many_of_them_and_each_says_what_is_wrong() -> None:
    assert len(BUGS) >= 36
    assert all(plan.__doc__ for plan in BUGS.values())
    assert FOUND_AT.keys() <= BUGS.keys()


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str) -> None:
    found = hunt(bug, FOUND_AT.get(bug, 0))
    assert found.seed is not None, f"no world finds {bug}"
