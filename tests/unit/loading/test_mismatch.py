"""What of a content does not fit a type, in words that a YAML file's author knows."""

from datetime import date
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct, field

from proxy.loading.mismatch import called, expected, mismatches, shown, suggestion


class Inner(Struct, frozen=True, forbid_unknown_fields=True):
    count: Annotated[int, Meta(ge=1)] = 1

    def __post_init__(self) -> None:
        if self.count == 13:
            raise ValueError("13 brings bad luck")


class Outer(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    place: str = field(name="in", default="")
    when: date | None = None
    mode: Literal["a", "b"] = "a"
    each: tuple[Inner, ...] = ()
    named: dict[str, Inner] = field(default_factory=dict)
    either: Inner | str = ""
    price: str | int | dict[str, str] = ""


def test_what_fits_is_nothing() -> None:
    assert mismatches({"name": "x", "in": "y", "when": date(2026, 1, 1), "each": [{"count": 2}]}, Outer) == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, ["None cannot be used; write a mapping"]),
        ({}, ["at name: it is missing; add name: text in quotes"]),
        ({"name": 5}, ["at name: 5 cannot be used; write text in quotes"]),
        ({"name": "x", "plce": 1}, ["at plce: there is no such key; did you mean price?"]),
        ({"name": "x", "in": True}, ["at in: True cannot be used; write text in quotes"]),
        ({"name": "x", "when": "soon"}, ["at when: 'soon' cannot be used; write a date such as 2026-11-21"]),
        ({"name": "x", "mode": "c"}, ["at mode: 'c' cannot be used; write one of a, b"]),
        ({"name": "x", "each": {}}, ["at each: {} cannot be used; write a list of a mapping"]),
        (
            {"name": "x", "each": [{}, {"count": 0}]},
            ["at each[1].count: 0 cannot be used; write a whole number from 1 up"],
        ),
        ({"name": "x", "named": {"k": {"count": 13}}}, ["at named.k: 13 brings bad luck; correct what it names"]),
        ({"name": "x", "either": {"coumt": 1}}, ["at either.coumt: there is no such key; did you mean count?"]),
        ({"name": "x", "either": 5}, ["at either: 5 cannot be used; write a mapping or text in quotes"]),
        ({"name": "x", "price": {"u": 1}}, ["at price.u: 1 cannot be used; write text in quotes"]),
    ],
)
def test_each_mistake_has_its_place_value_and_remedy(content: Any, found: list[str]) -> None:
    assert mismatches(content, Outer) == found


def test_all_mistakes_are_told() -> None:
    content = {"nam": "x", "mode": 1, "each": [5, {"count": "2", "size": 1}]}
    assert [line.split(":")[0] for line in mismatches(content, Outer)] == [
        "at nam",
        "at name",
        "at mode",
        "at each[0]",
        "at each[1].size",
        "at each[1].count",
    ]


def test_words() -> None:
    assert suggestion("colour", ["color", "size"]) == "did you mean color?"
    assert suggestion("zzz", iter(["b", "a"])) == "known here: a, b"
    assert expected(Annotated[int, Meta(ge=1, le=5)]) == "a whole number from 1 to 5"
    assert expected(Annotated[float, Meta(gt=0)]) == "a number above 0"
    assert expected(Annotated[float, Meta(ge=0)] | None) == "a number from 0 up"
    assert expected(bool) == "true or false"
    values = [True, 1, 1.5, "x", [], {}, None, date(2026, 1, 1)]
    assert [called(value) for value in values] == [
        "true or false",
        "a number",
        "a number",
        "text",
        "a list",
        "a mapping",
        "nothing",
        "date",
    ]
    assert shown(date(2026, 1, 1)) == "2026-01-01"
    assert shown("x" * 99) == f"'{'x' * 59}..."
