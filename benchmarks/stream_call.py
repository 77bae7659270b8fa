"""What a metered stream costs: `python -m benchmarks.stream_call`.

64 streams at a time, each of 200 chunks of 300 bytes 10 ms apart, a finish chunk, a usage chunk and the end mark. The
first streams start spread over the length of one, so that chunks of different streams do not come in step.
"""

import sys

from msgspec import structs

from benchmarks.command import options, run, shape_of
from benchmarks.measure import Pace


def main() -> int:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--chunks", type=int, default=200, help="content chunks of a stream (200)")
    parser.add_argument("--pause-ms", type=float, default=10.0, help="milliseconds between two of them (10)")
    parser.add_argument(
        "--unasked", action="store_true", help="do not ask for the usage chunk: Faregate adds the wish and removes it"
    )
    told = parser.parse_args()
    pace = Pace(told.chunks, told.pause_ms)
    shape = structs.replace(
        shape_of(told),
        stream=True,
        usage=not told.unasked,
        warmup_s=told.warmup + pace.seconds,
        spread_s=pace.seconds,
    )
    return run(shape, pace, told)


if __name__ == "__main__":
    sys.exit(main())
