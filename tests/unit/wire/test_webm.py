"""The length of a webm, finished or as a browser records it."""

from decimal import Decimal

import pytest
from doubles.sound import webm

from proxy.wire.webm import is_webm, webm_seconds


@pytest.mark.parametrize("open_sizes", [True, False])
def test_the_last_block_ends_it(open_sizes: bool) -> None:
    assert webm_seconds(webm(0, 29_000, 31_000, 95_500, open_sizes=open_sizes)) == Decimal("95.5")


def test_what_it_states_counts_if_it_is_longer() -> None:
    assert webm_seconds(webm(0, 1_000, stated_ms=90_250.5)) == Decimal("90.2505")
    assert webm_seconds(webm(0, 91_000, stated_ms=1_000)) == 91


def test_sound_that_looks_like_a_cluster_is_passed_over() -> None:
    assert webm_seconds(webm(0, 5_000) + b"\x1f\x43\xb6\x75\x81\xa3") == 5


@pytest.mark.parametrize("data", [b"", b"\x1a\x45\xdf\xa3", webm(), webm(0)])
def test_nothing_in_it_is_no_length(data: bytes) -> None:
    assert webm_seconds(data) is None


def test_its_first_bytes() -> None:
    assert is_webm(webm(1))
    assert not is_webm(b"RIFF")
