"""`python -m simulator`: play worlds, tell of one, or see that planted bugs are found."""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator

from msgspec import json
from rich.console import Console
from rich.progress import track
from rich.table import Table

from simulator.bugs import BUGS, plant
from simulator.chance import EVERYWHERE, FAULTS, STATES
from simulator.hunt import hunt
from simulator.world import Result, catalogue, play


def main() -> int:
    """Play what the command line asks for. Returns 1 for a finding, or for a planted bug without one."""
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds (200)")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first (0)")
    parser.add_argument("--seed", type=int, help="play this one, and tell what happens")
    parser.add_argument("--bugs", action="store_true", help="plant each bug, and play until it is found")
    parser.add_argument("--bug", choices=sorted(BUGS), help="play with this bug")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one a core)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    told = parser.parse_args()
    if told.seed is not None:
        return _tell(told.seed)
    if told.bugs:
        return _hunt(told.jobs, as_json=told.json)
    return _many(range(told.first, told.first + told.seeds), told.jobs, told.bug or "", as_json=told.json)


def _tell(seed: int) -> int:
    result = play(seed, print)
    for finding in result.findings:
        print(f"FOUND {finding}")
    print(f"{result.calls} calls, {result.lives} lives of the server, {result.seconds:.0f} virtual seconds")
    return 1 if result.findings else 0


def _play_with(what: tuple[int, str]) -> Result:
    seed, bug = what
    if not bug:
        return play(seed)
    with plant(bug):
        return play(seed)


def _all(seeds: range, jobs: int, bug: str) -> Iterator[Result]:
    catalogue()  # read once, before the processes are forked
    with multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=100) as pool:
        yield from pool.imap_unordered(_play_with, [(seed, bug) for seed in seeds])


def _many(seeds: range, jobs: int, bug: str, *, as_json: bool) -> int:
    began = time.monotonic()
    console = Console(stderr=True)
    results: list[Result] = []
    for result in track(_all(seeds, jobs, bug), "worlds", len(seeds), console=console):
        results.append(result)
        for finding in result.findings:
            console.print(f"seed {result.seed}: {finding}", highlight=False)
    bad = [result.seed for result in results if result.findings]
    cells: Counter[tuple[str, str]] = Counter()
    for result in results:
        cells.update(result.cells)
    struck = sum((Counter(result.struck) for result in results), Counter[str]())
    summary = {
        "worlds": len(results),
        "calls": sum(result.calls for result in results),
        "lives": sum(result.lives for result in results),
        "virtual_hours": round(sum(result.seconds for result in results) / 3600, 1),
        "seconds": round(time.monotonic() - began, 1),
        "faults": sum(struck.values()),
        "failed_seeds": sorted(bad),
    }
    if as_json:
        found = {f"{fault} x {state}": cells[fault, state] for fault in EVERYWHERE for state in STATES}
        print(json.encode({**summary, "struck": struck, "cells": found}).decode())
    else:
        _show(summary, struck, cells)
    return 1 if bad else 0


def _show(summary: dict[str, object], struck: Counter[str], cells: Counter[tuple[str, str]]) -> None:
    console = Console()
    table = Table("fault \\ call is", *STATES, title="whole-house faults by where they found calls")
    for fault in EVERYWHERE:
        table.add_row(fault, *(str(cells[fault, state]) for state in STATES))
    console.print(table)
    others = Table("fault", "struck", "what it is", title="all faults")
    for fault, (_, words) in FAULTS.items():
        others.add_row(fault, str(struck[fault]), words)
    console.print(others)
    for name, value in summary.items():
        console.print(f"{name:14} {value}", highlight=False)
    for seed in summary["failed_seeds"]:  # type: ignore[attr-defined]  # the one list among them
        console.print(f"again: python -m simulator --seed {seed}", highlight=False)


def _hunt(jobs: int, *, as_json: bool) -> int:
    catalogue()
    with multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        hunted = track(pool.imap_unordered(hunt, list(BUGS)), "bugs", len(BUGS), console=Console(stderr=True))
        found = sorted(hunted, key=lambda each: each.bug)
    if as_json:
        print(json.encode({each.bug: each for each in found}).decode())
    else:
        table = Table("bug", "found at seed", "how", title=f"{len(found)} planted bugs")
        for each in found:
            table.add_row(each.bug, "NOT FOUND" if each.seed is None else str(each.seed), each.finding)
        Console().print(table)
    return 1 if any(each.seed is None for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
