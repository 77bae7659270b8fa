"""What the two commands share: their options, and how a run becomes a table."""

import argparse
import sys

from msgspec import json

from benchmarks.contestants import Failed
from benchmarks.load import Plan
from benchmarks.measure import Pace, measure
from benchmarks.report import lines, table

CONNECTIONS = 64


def options(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of every benchmark."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each contestant has its turn (5)")
    parser.add_argument("--seconds", type=float, default=6.0, help="how long a turn is measured (6)")
    parser.add_argument("--warmup", type=float, default=2.0, help="seconds of load before that (2)")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="keep-alive connections (64)")
    parser.add_argument("--rate", type=float, default=0.0, help="open loop: calls that arrive a second")
    parser.add_argument("--impatient", action="store_true", help="neither wait for a quiet machine nor repeat")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    return parser


def shape_of(told: argparse.Namespace) -> Plan:
    """Return the plan that the options describe; the contestant is filled in later."""
    return Plan(
        pid=0,
        port=0,
        key="",
        core=0,
        connections=told.connections,
        seconds=told.seconds,
        warmup_s=told.warmup,
        rate=told.rate,
    )


def run(shape: Plan, pace: Pace, told: argparse.Namespace) -> int:
    """Measure and print. Returns the exit status."""
    try:
        found = lines(measure(shape, told.rounds, pace, patient=not told.impatient))
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.encode(found).decode() if told.json else table(found, stream=shape.stream))
    return 0
