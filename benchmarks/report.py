"""Medians, ranges and ratios of a run, as a Markdown table or as one JSON document."""

from collections.abc import Callable, Sequence
from statistics import median

from msgspec import Struct, structs

from benchmarks.load import Result
from benchmarks.measure import Results

YARDSTICK = "bare"


class Range(Struct, frozen=True):
    """A median and the extremes of all rounds."""

    median: float
    least: float
    most: float


class Line(Struct, frozen=True, kw_only=True):
    """One contestant. Seconds per 1,000 calls, ratios to the yardstick, calls a second, milliseconds, MB.

    `ratio` is the ratio of the medians, between the least and the greatest ratio within one round.
    """

    contestant: str
    rounds: int
    cpu_s_per_1000: Range
    ratio: Range
    calls_per_s: Range
    latency_p50: Range
    latency_p99: Range
    first_byte_p50: Range
    first_byte_p99: Range
    chunk_p50: Range
    chunk_p99: Range
    memory_mb: Range
    others: Range


def lines(results: Results) -> list[Line]:
    """Sum a run up, a line for each contestant."""
    return [_line(name, found, results[YARDSTICK]) for name, found in results.items()]


def cpu_of(result: Result) -> float:
    """Return CPU seconds per 1,000 calls."""
    return result.cpu_s / result.calls * 1000


def table(found: Sequence[Line], *, stream: bool) -> str:
    """Write the lines as a Markdown table; a cell is `median (least to most)`."""
    columns: dict[str, Callable[[Line], str]] = {
        "contestant": lambda line: line.contestant,
        "CPU-s per 1,000": lambda line: _cell(line.cpu_s_per_1000, 3),
        "x B": lambda line: _cell(line.ratio, 2),
        "calls/s": lambda line: _cell(line.calls_per_s, 0),
    }
    if stream:
        columns |= {
            "first byte p50 ms": lambda line: _cell(line.first_byte_p50, 2),
            "p99": lambda line: _cell(line.first_byte_p99, 1),
            "chunk p50 ms": lambda line: _cell(line.chunk_p50, 2),
            "chunk p99": lambda line: _cell(line.chunk_p99, 1),
        }
    else:
        columns |= {
            "p50 ms": lambda line: _cell(line.latency_p50, 2),
            "p99 ms": lambda line: _cell(line.latency_p99, 1),
        }
    columns |= {
        "MB": lambda line: _cell(line.memory_mb, 0),
        "others": lambda line: _cell(structs.replace(line.others, **_percent(line.others)), 0) + " %",
    }
    rows = [list(columns), ["---"] * len(columns), *([write(line) for write in columns.values()] for line in found)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _line(name: str, found: Sequence[Result], yardstick: Sequence[Result]) -> Line:
    def over(read: Callable[[Result], float]) -> Range:
        return _range([read(one) for one in found])

    pairs = [cpu_of(one) / cpu_of(other) for one, other in zip(found, yardstick, strict=True)]
    ratio = median(map(cpu_of, found)) / median(map(cpu_of, yardstick))
    return Line(
        contestant=name,
        rounds=len(found),
        cpu_s_per_1000=over(cpu_of),
        ratio=Range(ratio, min(pairs), max(pairs)),
        calls_per_s=over(lambda one: one.calls / one.seconds),
        latency_p50=over(lambda one: one.latency_p50),
        latency_p99=over(lambda one: one.latency_p99),
        first_byte_p50=over(lambda one: one.first_byte_p50),
        first_byte_p99=over(lambda one: one.first_byte_p99),
        chunk_p50=over(lambda one: one.chunk_p50),
        chunk_p99=over(lambda one: one.chunk_p99),
        memory_mb=over(lambda one: one.memory_mb),
        others=over(lambda one: one.others),
    )


def _range(values: Sequence[float]) -> Range:
    return Range(median(values), min(values), max(values))


def _percent(share: Range) -> dict[str, float]:
    return {name: value * 100 for name, value in structs.asdict(share).items()}


def _cell(found: Range, digits: int) -> str:
    return f"{found.median:.{digits}f} ({found.least:.{digits}f} to {found.most:.{digits}f})"
