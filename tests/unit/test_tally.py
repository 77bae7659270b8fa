"""Counters and histograms that Prometheus reads as its own."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from proxy.tally import Dial, Spread, Tally


def page(*collectors: Tally | Spread | Dial) -> str:
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry).decode()


def test_a_tally_counts_by_its_labels() -> None:
    calls = Tally("calls", "Calls.", ["who", "how"])
    calls.add(1, "a", "well")
    calls.add(2.5, "a", "well")
    calls.add(1, "b", "badly")
    text = page(calls)
    assert 'calls_total{how="well",who="a"} 3.5' in text
    assert 'calls_total{how="badly",who="b"} 1.0' in text
    assert "# TYPE calls_total counter" in text


def test_a_tally_without_labels_is_there_from_the_start() -> None:
    assert "short_total 0.0" in page(Tally("short", "Shortfalls."))


def test_buckets_are_cumulative_and_bounds_belong_to_them() -> None:
    waits = Spread("waits", "Waits.", (0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 7.0):
        waits.observe(value)
    (family,) = text_string_to_metric_families(page(waits))
    found = {(sample.name, sample.labels.get("le")): sample.value for sample in family.samples}
    assert found["waits_bucket", "0.1"] == 2
    assert found["waits_bucket", "1.0"] == 3
    assert found["waits_bucket", "+Inf"] == 4 == found["waits_count", None]
    assert found["waits_sum", None] == 7.65


def test_labels_are_spread_apart() -> None:
    waits = Spread("waits", "Waits.", (1.0,), ["who"])
    waits.observe(2.0, "a")
    waits.observe(0.5, "b")
    text = page(waits)
    assert 'waits_bucket{le="1.0",who="a"} 0.0' in text
    assert 'waits_bucket{le="1.0",who="b"} 1.0' in text


def test_two_do_not_share_numbers() -> None:
    one, other = Tally("one", "One."), Tally("one", "One.")
    one.add(1)
    assert "one_total 0.0" in page(other)


def test_parts_are_added_up_whole_and_shown_in_their_unit() -> None:
    money = Tally("money", "Money.", per=10**9)
    for _ in range(3):
        money.add(100_000_000)
    assert "money_total 0.3\n" in page(money), "0.1 + 0.1 + 0.1 is more, as floats go"


def test_a_dial_looks_when_it_is_asked() -> None:
    shown = [1.0]
    dial = Dial("level", "Level.")
    assert "level " not in page(dial).replace("# HELP level ", "").replace("# TYPE level ", "")
    dial.reads(lambda: shown[-1])
    assert "level 1.0\n" in page(dial)
    shown.append(2.5)
    assert "level 2.5\n" in page(dial)
    assert "# TYPE level gauge" in page(dial)


def test_a_dial_shows_a_number_for_each_set_of_labels() -> None:
    dial = Dial("size", "Size.", ["file"])
    dial.reads(lambda: {("a",): 1, ("b",): 2})
    text = page(dial)
    assert 'size{file="a"} 1.0' in text
    assert 'size{file="b"} 2.0' in text
