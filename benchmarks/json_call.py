"""What a metered JSON call costs: `python -m benchmarks.json_call`.

POST /v1/chat/completions, a body of 673 bytes, an answer of 890 bytes with its usage, over 64 keep-alive connections,
each of which sends its next call when the last one is answered; or, with --rate, at random moments.
"""

import sys

from benchmarks.command import options, run, shape_of
from benchmarks.measure import Pace


def main() -> int:
    """Run the benchmark."""
    told = options(__doc__).parse_args()
    return run(shape_of(told), Pace(), told)


if __name__ == "__main__":
    sys.exit(main())
