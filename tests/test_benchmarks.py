"""The benchmarks run: one short round of each, against real processes. What they measure is not looked at here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks read /proc and pin processes to cores"),
]


def run(*arguments: str) -> list[dict]:
    """Run one benchmark for a moment and return its lines. Its ledger check is part of its exit status."""
    short = ("--rounds", "1", "--seconds", "0.5", "--warmup", "0.3", "--connections", "4", "--impatient", "--json")
    done = subprocess.run(
        [sys.executable, "-m", *arguments, *short], cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        ("benchmarks.json_call",),
        ("benchmarks.json_call", "--rate", "50"),
        ("benchmarks.stream_call", "--chunks", "20"),
        ("benchmarks.stream_call", "--chunks", "20", "--unasked"),
    ],
    ids=" ".join,
)
def test_a_benchmark_measures_both_contestants_and_its_ledger_agrees(arguments):
    bare, faregate = run(*arguments)
    assert (bare["contestant"], faregate["contestant"]) == ("bare", "faregate")
    for line in (bare, faregate):
        assert line["cpu_s_per_1000"]["median"] > 0
        assert line["calls_per_s"]["median"] > 0
        assert line["latency_p50"]["median"] <= line["latency_p99"]["median"]
    assert bare["ratio"]["median"] == 1


def test_streams_are_timed_from_the_provider_to_the_caller():
    for line in run("benchmarks.stream_call", "--chunks", "20"):
        assert 0 < line["chunk_p50"]["median"] < 1000
        assert line["first_byte_p50"]["median"] < line["latency_p50"]["median"]


def test_an_answer_reader_counts_any_split_alike():
    sys.path.insert(0, str(ROOT))
    try:
        from benchmarks import work
        from benchmarks.answers import AnswerReader
    finally:
        sys.path.remove(str(ROOT))
    before, after = work.chunk(usage=True)
    stream = work.stream_head() + (before + b"0" * work.STAMP_DIGITS + after) * 3 + work.stream_end(usage=True)
    for whole in (work.answer(), stream):
        sizes = set()
        for step in (1, 7, 100, len(whole)):
            reader = AnswerReader()
            for at in range(0, len(whole), step):
                assert not reader.done
                reader.feed(whole[at : at + step])
            assert reader.done
            sizes.add(reader.payload)
        assert len(sizes) == 1
    assert len(work.answer_body()) == work.ANSWER_BYTES
