"""Counters, histograms and gauges as plain numbers, shown to Prometheus when it scrapes.

The client library's own counters take locks and look labels up at each use, which costs a call more than its pricing.
One process, one event loop: a dictionary is enough. A scrape may read from another thread, so each `collect` copies
what it reads in one step.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

Labels = tuple[str, ...]
Read = Callable[[], float | Mapping[Labels, float]]
"""What a dial shows: a number, or one for each set of labels."""


class Tally(Collector):
    """A counter with bounded labels. `name` is without `_total`.

    What is added is counted in parts of `per` to the shown unit, so that whole numbers stay exact however many.
    """

    kind = "counter"

    def __init__(self, name: str, text: str, labels: Sequence[str] = (), per: int = 1) -> None:
        self.name = name
        self.text = text
        self.labels = tuple(labels)
        self._per = per
        self._counted: dict[Labels, float] = {} if labels else {(): 0}

    def add(self, amount: float, *labels: str) -> None:
        """Count `amount` more; as many labels as were named."""
        self._counted[labels] = self._counted.get(labels, 0) + amount

    def collect(self) -> Iterator[Metric]:
        """Yield the counter as it stands."""
        family = CounterMetricFamily(self.name, self.text, labels=self.labels)
        for labels, amount in list(self._counted.items()):
            family.add_metric(labels, amount / self._per)
        yield family


class Spread(Collector):
    """A histogram with bounded labels over fixed, ascending bounds."""

    kind = "histogram"

    def __init__(self, name: str, text: str, bounds: Sequence[float], labels: Sequence[str] = ()) -> None:
        self.name = name
        self.text = text
        self.labels = tuple(labels)
        self._bounds = tuple(bounds)
        self._seen: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}
        if not labels:
            self._begin(())

    def observe(self, value: float, *labels: str) -> None:
        """Note one value; as many labels as were named."""
        seen = self._seen.get(labels) or self._begin(labels)
        seen[bisect_left(self._bounds, value)] += 1
        self._sums[labels] += value

    def _begin(self, labels: Labels) -> list[int]:
        self._sums[labels] = 0.0
        seen = self._seen[labels] = [0] * (len(self._bounds) + 1)
        return seen

    def collect(self) -> Iterator[Metric]:
        """Yield the histogram as it stands, its buckets cumulative."""
        family = HistogramMetricFamily(self.name, self.text, labels=self.labels)
        for labels, seen in list(self._seen.items()):
            total, buckets = 0, []
            for bound, count in zip((*self._bounds, float("inf")), seen, strict=True):
                total += count
                buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), total))
            family.add_metric(labels, buckets=buckets, sum_value=self._sums[labels])
        yield family


class Dial(Collector):
    """A gauge that looks when Prometheus does; it shows nothing before it was told where to look."""

    kind = "gauge"

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self.text = text
        self.labels = tuple(labels)
        self._read: Read = dict

    def reads(self, read: Read) -> None:
        """Show what `read` returns. It may be called in another thread, and must neither block nor fail."""
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Yield the gauge as it stands."""
        family = GaugeMetricFamily(self.name, self.text, labels=self.labels)
        shown = self._read()
        for labels, amount in (shown if isinstance(shown, Mapping) else {(): shown}).items():
            family.add_metric(labels, amount)
        yield family
