"""The guard that every test runs under: it must notice our own blocking calls, and nobody else's."""

import time
from pathlib import Path

import pytest
from blockbuster import BlockingError

from proxy.loading.yaml import read_yaml


async def test_a_blocking_call_of_ours_on_the_event_loop_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1\n")
    with pytest.raises(BlockingError):
        read_yaml(file)


def test_the_same_call_is_fine_where_no_loop_runs(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1\n")
    assert read_yaml(file) == {"a": 1}


async def test_what_tests_do_themselves_is_their_own_business() -> None:
    time.sleep(0)  # noqa: ASYNC251  # that it is let pass is what is tested
