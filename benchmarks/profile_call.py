"""Where Faregate's CPU goes, in microseconds a call: `python -m benchmarks.profile_call [--stream]`.

Needs `py-spy` on the PATH (`pip install py-spy`). Samples whoever has the interpreter while the load runs, and prints
functions by the time spent in them and in what they call: shares of the measured CPU, so the system calls of other
threads (the ledger's fsync) are spread over all of it. A run of 30 seconds or more gives figures to act on.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from msgspec import structs

from benchmarks.command import options, shape_of
from benchmarks.contestants import Contestant, Failed, bare, faregate, upstream
from benchmarks.load import Plan, Result
from benchmarks.machine import cores
from benchmarks.measure import Pace, drive

SAMPLES_PER_S = 83
"""Few: the process stands still while a sample is taken, and must not be slowed down by it."""
_NOT_OURS = re.compile(r"^(<module>|_run_module|_run_code|main|invoke|new_func|wrapper|run|_bootstrap) ")


def main() -> int:
    """Run the load under the profiler and print the table."""
    parser = options(__doc__)
    parser.add_argument("--stream", action="store_true", help="profile streams instead of JSON calls")
    parser.add_argument("--bare", action="store_true", help="profile the yardstick instead")
    parser.add_argument("--top", type=int, default=60, help="lines to print (60)")
    parser.add_argument("--raw", type=Path, help="keep the collapsed stacks in this file")
    told = parser.parse_args()
    if shutil.which("py-spy") is None:
        print("error: py-spy is not installed; pip install py-spy", file=sys.stderr)
        return 1
    pace, shape = Pace(), shape_of(told)
    if told.stream:
        shape = structs.replace(shape, stream=True, warmup_s=told.warmup + pace.seconds, spread_s=pace.seconds)
    core, other = cores()
    with (
        tempfile.TemporaryDirectory(prefix="faregate-profile-") as folder,
        upstream(other, pace.chunks, pace.pause_ms) as origin,
    ):
        starting = bare(core, origin) if told.bare else faregate(core, origin, Path(folder))
        with starting as contestant:
            raw = told.raw or Path(folder) / "stacks.txt"
            try:
                result = _sampled(contestant, shape, raw)
            except Failed as error:
                print(f"error: {error}", file=sys.stderr)
                return 1
            print(table(raw.read_text(), result, told.top))
    return 0


def table(stacks: str, result: Result, top: int) -> str:
    """Write collapsed stacks as a table, dearest first."""
    inclusive: Counter[str] = Counter()
    own: Counter[str] = Counter()
    total = 0
    for line in stacks.splitlines():
        stack, _, samples = line.rpartition(" ")
        frames = [re.sub(r":\d+\)$", ")", frame) for frame in stack.split(";")]
        total += int(samples)
        own[frames[-1]] += int(samples)
        for frame in set(frames):
            inclusive[frame] += int(samples)
    each = result.cpu_s / result.calls * 1e6 / total
    lines = [
        f"{result.cpu_s / result.calls * 1e6:.0f} us of CPU a call, {total} samples",
        "| function | us a call, with what it calls | us in itself |",
        "| --- | --- | --- |",
    ]
    for name, samples_in in inclusive.most_common(top):
        if not _NOT_OURS.match(name):
            lines.append(f"| {name} | {samples_in * each:.0f} | {own[name] * each:.0f} |")
    return "\n".join(lines)


def _sampled(contestant: Contestant, shape: Plan, raw: Path) -> Result:
    """Sample the process while the load runs; the profiler counts its start and the end of the load too."""
    seconds = shape.warmup_s + shape.seconds
    command = ["py-spy", "record", "--gil", "--threads", "--format", "raw", "--output", str(raw)]
    command += ["--pid", str(contestant.pid), "--rate", str(SAMPLES_PER_S), "--duration", str(int(seconds))]
    plan = structs.replace(shape, pid=contestant.pid, port=contestant.port, key=contestant.key, core=cores()[0])
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as profiler:
        result = drive(plan)
        _, said = profiler.communicate()
    if profiler.returncode:
        raise Failed(f"py-spy: {said.decode(errors='replace').strip()}")
    return result


if __name__ == "__main__":
    sys.exit(main())
