"""Interleaves the rounds: every contestant once a round, in the same order, each by a fresh load process.

A round waits for the machine to be quiet, and a turn that others disturbed is repeated: CPU time of a process is
spared by most noise, but not by what others do to caches and to the clock.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct, json, structs

from benchmarks.contestants import ROOT, Contestant, Failed, bare, faregate, upstream
from benchmarks.load import Plan, Result
from benchmarks.machine import busy_seconds, cores

OTHERS_MAX = 0.12
REPEATS_MAX = 2
QUIET_SHARE = 0.05
QUIET_WAIT_S = 45.0
QUIET_LOOK_S = 0.5

Results = dict[str, list[Result]]


class Pace(Struct, frozen=True):
    """How a stream is written: content chunks, and the pause between two of them."""

    chunks: int = 200
    pause_ms: float = 10.0

    @property
    def seconds(self) -> float:
        """How long one stream takes at least."""
        return self.chunks * self.pause_ms / 1000


def measure(shape: Plan, rounds: int, pace: Pace, *, patient: bool = True) -> Results:
    """Run all rounds and check the ledger. `shape` names no contestant yet. Raises Failed.

    `patient`: wait for a quiet machine, and repeat what others disturbed.
    """
    results: Results = {}
    answered: Counter[str] = Counter()
    with _running(pace) as contestants:
        for number in range(1, rounds + 1):
            for contestant in contestants:
                plan = structs.replace(
                    shape, pid=contestant.pid, port=contestant.port, key=contestant.key, core=cores()[0], seed=number
                )
                turns = list(_turns(plan, patient=patient))
                for result in turns:
                    answered[contestant.name] += result.answered
                    _tell(contestant, number, result)
                results.setdefault(contestant.name, []).append(min(turns, key=lambda turn: turn.others))
        for contestant in contestants:
            contestant.check(answered[contestant.name])
    return results


def _turns(plan: Plan, *, patient: bool) -> Iterator[Result]:
    """Take a turn, and again while others disturbed it; the one that they disturbed least counts."""
    for _ in range(1 + REPEATS_MAX if patient else 1):
        if patient:
            _wait_until_quiet()
        result = drive(plan)
        yield result
        if result.others <= OTHERS_MAX:
            return


def drive(plan: Plan) -> Result:
    """Run one load process. Raises Failed with what it said."""

    def pin() -> None:
        os.sched_setaffinity(0, {cores()[1]})

    command = (sys.executable, "-m", "benchmarks.load")
    done = subprocess.run(command, input=json.encode(plan), cwd=ROOT, capture_output=True, preexec_fn=pin, check=False)
    if done.returncode:
        raise Failed(f"the load failed: {done.stderr.decode(errors='replace').strip()[-2000:]}")
    return json.decode(done.stdout, type=Result)


@contextlib.contextmanager
def _running(pace: Pace) -> Iterator[Sequence[Contestant]]:
    """Start the provider and all contestants, the yardstick first."""
    core, other = cores()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faregate-bench-")))
        origin = stack.enter_context(upstream(other, pace.chunks, pace.pause_ms))
        yield (
            stack.enter_context(bare(core, origin)),
            stack.enter_context(faregate(core, origin, folder)),
        )


def _wait_until_quiet() -> None:
    """Wait until neither core does anything worth mentioning, but not for ever."""
    deadline = time.monotonic() + QUIET_WAIT_S
    while time.monotonic() < deadline:
        before = [busy_seconds(core) for core in cores()]
        time.sleep(QUIET_LOOK_S)  # the span over which the load of the cores is looked at
        busy = [busy_seconds(core) - was for core, was in zip(cores(), before, strict=True)]
        if max(busy) <= QUIET_SHARE * QUIET_LOOK_S:
            return


def _tell(contestant: Contestant, number: int, result: Result) -> None:
    print(
        f"round {number} {contestant.name:9} {result.cpu_s / result.calls * 1000:.3f} CPU-s per 1,000, "
        f"{result.calls / result.seconds:.0f}/s, p50 {result.latency_p50:.1f} ms, others {result.others:.0%}",
        file=sys.stderr,
        flush=True,
    )
