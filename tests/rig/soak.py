"""`make soak MINUTES=30`: load at a share of what the server can do, a few faults, and its memory all the while.

First it is found out how many calls a second can be answered, then a share of that arrives at even pace. What is kept
is a sample every few seconds: memory, descriptors, threads. The table says where they were at each tenth of the time,
and how fast memory grows once it is warm; `--svg` draws the curve. The books are audited at the end.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rig.auditor import Verdict, audit, read_log
from rig.callers import PATIENCE_S, Callers, Saw
from rig.plan import Does, Ends, Plan, make_plan
from rig.run import Stage, at_rest, stage

LOAD, FAULTS = 0.8, 0.01
CALLERS, FINDS_OUT_S = 64, 10.0
WARM = 0.2
"""The part of the time that does not count for growth."""
SAMPLES = 300
MIB = 2**20


@dataclass(frozen=True)
class Sample:
    """What the kernel said at a moment: seconds since the start, bytes, open descriptors, threads."""

    at: float
    memory: int
    descriptors: int
    threads: int


@dataclass
class Soaked:
    """What came of it: calls a second that were possible, and that arrived; growth in bytes an hour."""

    minutes: float
    possible: float
    arrived: float
    calls: int
    growth: float
    samples: list[Sample]
    verdict: Verdict


def look(pid: int, at: float) -> Sample:
    """Look at a process."""
    folder = Path("/proc") / str(pid)
    memory = int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Sample(at, memory, len(list((folder / "fd").iterdir())), len(list((folder / "task").iterdir())))


def soak_plan(name: str, dice: random.Random) -> Plan:
    """Roll a call: a usual one, but for a few whose caller or provider breaks off."""
    plan = make_plan(name, dice)
    faulty = dice.random() < FAULTS
    does = dice.choice((Does.LEAVES, Does.RESETS, Does.STAYS)) if faulty else Does.STAYS
    ends = plan.ends if faulty else Ends.WHOLE
    quick = {"think_ms": min(plan.think_ms, 20), "pause_ms": min(plan.pause_ms, 5), "pieces": min(plan.pieces, 40)}
    return replace(plan, integration="openai", does=does, ends=ends, **quick)


def growth_of(samples: Sequence[Sample]) -> float:
    """Return by how much memory grows in an hour once it is warm: the slope of the line through the samples."""
    warm = [each for each in samples if each.at >= samples[-1].at * WARM]
    mean_at = sum(each.at for each in warm) / len(warm)
    mean = sum(each.memory for each in warm) / len(warm)
    spread = sum((each.at - mean_at) ** 2 for each in warm)
    return sum((each.at - mean_at) * (each.memory - mean) for each in warm) / spread * 3600 if spread else 0.0


async def find_out(on: Stage, keys: dict[str, str]) -> tuple[float, list[Saw]]:
    """Return how many calls a second are answered when each caller calls again at once."""
    crowd = Callers(on.house.port, keys, random.Random(1), "rig-first-", plan=soak_plan)
    crowd.up.set()
    calling = asyncio.gather(*(crowd.call(number) for number in range(CALLERS)))
    await asyncio.sleep(FINDS_OUT_S)
    answered, crowd.stopped = crowd.answered, True
    await calling
    return answered / FINDS_OUT_S, crowd.saw


async def arrive(crowd: Callers, tenant: str, rate: float, seconds: float, pid: int) -> list[Sample]:
    """Let so many calls arrive each second, whoever is still waiting; return what was seen of the process."""
    began, number, samples = time.monotonic(), 0, [look(pid, 0)]
    async with asyncio.TaskGroup() as calls:
        while (at := time.monotonic() - began) < seconds:
            if at - samples[-1].at >= seconds / SAMPLES:
                samples.append(look(pid, at))
            if (wait := number / rate - at) > 0:
                await asyncio.sleep(wait)
            saw = Saw(crowd.plan(f"{crowd.prefix}{number:07d}", crowd.dice), tenant)
            crowd.saw.append(saw)
            calls.create_task(one_call(crowd, saw))
            number += 1
    return samples


async def one_call(crowd: Callers, saw: Saw) -> None:
    """Make one call, and keep what was seen of it."""
    with contextlib.suppress(OSError, EOFError, TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            await crowd.make(saw)


async def soak(on: Stage, minutes: float, seed: int) -> Soaked:
    """Load the server for so long, and audit its books."""
    [rich, _], process = on.accounts, on.house.process
    if process is None:
        raise AssertionError("the server is not running")
    possible, first = await find_out(on, {rich.id: rich.key})
    crowd = Callers(on.house.port, {rich.id: rich.key}, random.Random(seed), "rig-", plan=soak_plan)
    samples = await arrive(crowd, rich.id, max(possible * LOAD, 1), minutes * 60, process.pid)
    books = await asyncio.to_thread(at_rest, on)
    verdict = audit(read_log(on.log), [*first, *crowd.saw], books, [])
    calls = len(crowd.saw)
    return Soaked(minutes, possible, calls / (minutes * 60), calls, growth_of(samples), samples, verdict)


def table(soaked: Soaked) -> str:
    """Return what came of it for people."""
    samples, findings = soaked.samples, soaked.verdict.findings
    rows = [f"{'minute':>8} {'memory, MiB':>12} {'descriptors':>12} {'threads':>8}"]
    for tenth in range(11):
        each = samples[min(len(samples) - 1, len(samples) * tenth // 10)]
        rows.append(f"{each.at / 60:>8.1f} {each.memory / MIB:>12.1f} {each.descriptors:>12} {each.threads:>8}")
    most = max(each.memory for each in samples) / MIB
    rows += [
        f"calls: {soaked.calls}, {soaked.arrived:.0f} a second, of {soaked.possible:.0f} that were possible",
        f"memory: {most:.0f} MiB at most, and {soaked.growth / MIB:+.1f} MiB an hour once warm",
        f"found wrong in the books: {len(findings)}",
        *findings[:20],
    ]
    return "\n".join(rows)


def document(soaked: Soaked) -> str:
    """Return what came of it for programs."""
    told = {name: value for name, value in vars(soaked).items() if name not in ("samples", "verdict")}
    samples = [asdict(each) for each in soaked.samples]
    return json.dumps({**told, "samples": samples, "findings": soaked.verdict.findings}, indent=2)


WIDE, HIGH, EDGE = 720, 260, 44


def svg(samples: Sequence[Sample]) -> str:
    """Draw memory over time."""
    return "\n".join(_drawing(samples, max(each.memory for each in samples) / MIB * 1.15, samples[-1].at / 60 or 1))


def _drawing(samples: Sequence[Sample], most: float, last: float) -> Iterator[str]:
    def x(minutes: float) -> float:
        return round(EDGE + minutes / last * (WIDE - 2 * EDGE), 1)

    def y(mebibytes: float) -> float:
        return round(HIGH - EDGE - mebibytes / most * (HIGH - 2 * EDGE), 1)

    font = 'font-family="sans-serif" font-size="11"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" {font}>'
    yield f'<title>Memory over time</title><rect width="{WIDE}" height="{HIGH}" fill="#fff"/>'
    for quarter in range(5):
        memory, minute = most * quarter / 4, last * quarter / 4
        yield f'<line x1="{EDGE}" y1="{y(memory)}" x2="{WIDE - EDGE}" y2="{y(memory)}" stroke="#ddd"/>'
        yield f'<text x="{EDGE - 6}" y="{y(memory) + 4}" text-anchor="end">{memory:.0f}</text>'
        yield f'<text x="{x(minute)}" y="{HIGH - EDGE + 16}" text-anchor="middle">{minute:.1f}</text>'
    yield f'<text x="{EDGE}" y="{EDGE - 14}">memory, MiB</text>'
    yield f'<text x="{WIDE - EDGE}" y="{HIGH - 8}" text-anchor="end">minutes</text>'
    points = " ".join(f"{x(each.at / 60)},{y(each.memory / MIB)}" for each in samples)
    yield f'<polyline points="{points}" fill="none" stroke="#1b6ca8" stroke-width="1.5"/></svg>'


def main() -> int:
    """Soak, and print what came of it. Exit 1 if the books are wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="how long (30)")
    parser.add_argument("--seed", type=int, default=1, help="what calls and faults are rolled from (1)")
    parser.add_argument("--svg", type=Path, help="a file for the curve")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, stage(Path(folder), small=False) as on:
        soaked = asyncio.run(soak(on, told.minutes, told.seed))
    if told.svg is not None:
        told.svg.write_text(svg(soaked.samples))
    print(document(soaked) if told.json else table(soaked))
    return 1 if soaked.verdict.findings else 0


if __name__ == "__main__":
    sys.exit(main())
