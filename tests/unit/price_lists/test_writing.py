import pytest
import yaml

from proxy.price_lists.writing import entry, quoted
from proxy.pricing.card import Rate


@pytest.mark.parametrize(
    "text", ["m", "a/b-1.c_d", "1", "null", "On", "a: b", "a,b", "é", "x@y", "2026-01-01", "*", 'q"\\']
)
def test_quoted_is_read_back(text: str) -> None:
    assert yaml.safe_load(f"[{quoted(text)}]") == [text]


def test_an_entry_of_rows() -> None:
    rates = [
        Rate("a", "1", 1_000_000),
        Rate("b", "2", 1_000_000),
        Rate("c", "3", 60, "2026-01-02", "x", 5, "some: where"),
        Rate("a", "4", 1_000_000, tier="x"),
    ]
    assert list(entry(["m"], rates, 9, 3)) == [
        "  - match: [m]",
        "    window: 9",
        "    output_max: 3",
        "    rates:",
        '      - {usd: {a: "1", b: "2"}}',
        '      - {tier: x, usd: {a: "4"}}',
        '      - {since: 2026-01-02, tier: x, context_above: 5, per: 60, source: "some: where", usd: {c: "3"}}',
    ]


def test_long_lines_go_on_below() -> None:
    rates = [Rate(f"a_unit_with_a_long_name_{number}", "1", 1_000_000) for number in range(9)]
    lines = list(entry([f"model-{number}" for number in range(40)], rates))
    assert max(map(len, lines)) <= 115
    (read,) = yaml.safe_load("\n".join(lines))
    assert (len(read["match"]), len(read["rates"][0]["usd"])) == (40, 9)
