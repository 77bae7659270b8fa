"""Ids: their form, and that they sort by the time they were made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ids import PREFIXES, ULID_LENGTH, Ulids, is_id, ulid

TIMES = st.integers(0, 2**48 - 1)
BITS = st.integers(0, 2**80 - 1)


@pytest.mark.parametrize(
    ("milliseconds", "randomness", "text"),
    [
        (0, 0, "00000000000000000000000000"),
        (2**48 - 1, 2**80 - 1, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
        (1_469_918_176_385, 0, "01ARYZ6S410000000000000000"),
        (0, 31, "0000000000000000000000000Z"),
        (1, 32, "00000000010000000000000010"),
    ],
)
def test_the_form_is_that_of_a_ulid(milliseconds: int, randomness: int, text: str) -> None:
    """The time part of the third is the example of the ULID specification."""
    assert ulid(milliseconds, randomness) == text


@given(TIMES, BITS, TIMES, BITS)
def test_text_sorts_as_time_does(one: int, first: int, other: int, second: int) -> None:
    assert (ulid(one, first) < ulid(other, second)) == ((one, first) < (other, second))


@given(TIMES, BITS, st.sampled_from(PREFIXES))
def test_what_is_made_is_recognised_under_its_prefix_only(milliseconds: int, randomness: int, prefix: str) -> None:
    made = f"{prefix}_{ulid(milliseconds, randomness)}"
    assert len(made) == len(prefix) + 1 + ULID_LENGTH
    assert is_id(made, prefix)
    assert not is_id(made, "xyz")


@pytest.mark.parametrize(
    "text",
    ["", "tnt", "tnt_", "tnt_0", f"tnt_{'0' * 27}", f"tnt_{'I' * 26}", f"tnt_{'a' * 26}", f"tnt{'0' * 26}", "_" * 30],
)
def test_what_is_not_shaped_like_an_id(text: str) -> None:
    assert not is_id(text, "tnt")


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(2**79 - 3, 2**79 - 1) | st.integers(0, 2**79 - 1))
def test_what_is_made_later_sorts_later_whatever_the_clock_does(times: list[int], bits: int) -> None:
    ulids = Ulids(lambda _: bits)
    made = [ulids.next(time) for time in times]
    assert made == sorted(set(made))
    assert all(is_id(f"led_{each}", "led") for each in made)


def test_a_millisecond_begins_at_random_and_counts_on() -> None:
    ulids = Ulids({79: 2**20 - 2}.__getitem__)
    assert [ulids.next(5) for _ in range(3)] == [ulid(5, 2**20 - 2), ulid(5, 2**20 - 1), ulid(5, 2**20)]
    assert ulids.next(4) == ulid(5, 2**20 + 1)
    assert ulids.next(6) == ulid(6, 2**20 - 2)
