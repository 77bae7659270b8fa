"""`make rig KILLS=1000`, or `python -m rig` in `tests`: kills the server again and again, and audits its books."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from rig.report import document, table
from rig.run import Order, run


def main() -> int:
    """Run an order and print what came of it. Exit 1 if anything was found wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="how often the server dies (100)")
    parser.add_argument("--seed", type=int, default=1, help="what callers, provider and faults are rolled from (1)")
    parser.add_argument("--callers", type=int, default=24, help="how many call at a time (24)")
    parser.add_argument("--crowd", type=int, default=2000, help="how many call at once in the end (2,000)")
    parser.add_argument("--keep", type=Path, help="an empty folder for the books and logs, which then stay")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    told = parser.parse_args()
    order = Order(told.kills, told.seed, told.callers, crowd=told.crowd)
    shown = sys.stderr.isatty()

    def tell(words: str) -> None:
        if shown or words.split()[0].endswith("0"):
            print(f"\r\033[K{words}" if shown else words, end="" if shown else "\n", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="rig-") as made:
        result = asyncio.run(run(order, told.keep or Path(made), tell))
    if shown:
        print(file=sys.stderr)
    print(document(result) if told.json else table(result))
    return 1 if result.verdict.findings else 0


if __name__ == "__main__":
    sys.exit(main())
