from collections.abc import Mapping
from typing import Annotated

import pytest
from msgspec import Meta, Struct, structs

from proxy.errors import BadConfig
from proxy.loading.build import Builder, repeated, written
from proxy.loading.environment import Variable
from proxy.loading.values import Address, Secret


class Below(Struct, frozen=True):
    size: Annotated[int, Meta(ge=1), Meta(description="how many")] = 7
    token: Annotated[Secret, Meta(description="a token")] = Secret("made")


class Top(Struct, frozen=True):
    at: Annotated[Address, Meta(description="where")] = Address("h", 1)
    below: Below = Below()
    named: Mapping[str, Below] = {}


@pytest.fixture
def builder() -> Builder:
    return Builder("f.yaml", {"SIZE": "5"})


@pytest.mark.parametrize(
    "content", [None, {}, {"at": None, "below": None, "named": None}, {"at": "", "below": {"size": None}}]
)
def test_what_is_empty_keeps_its_default(builder: Builder, content: object) -> None:
    assert builder.build(Top, content) == Top()


def test_values_of_every_origin(builder: Builder) -> None:
    content = {
        "at": Variable("N", "x:2"),
        "below": {"size": "${SIZE}"},
        "named": {"a": {"size": Variable("M", "3")}, "b": None},
    }
    assert builder.build(Top, content) == Top(Address("x", 2), Below(5), {"a": Below(3), "b": Below()})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"below": {"size": "5"}},
            "f.yaml: below.size is '5': expected a whole number from 1 up; it is how many, such as 7",
        ),
        (
            {"below": {"size": 0}},
            "f.yaml: below.size is 0: expected a whole number from 1 up; it is how many, such as 7",
        ),
        (
            {"below": {"size": True}},
            "f.yaml: below.size is True: expected a whole number from 1 up; it is how many, such as 7",
        ),
        ({"named": {"a": {"sise": 1}}}, "f.yaml: named.a.sise is not a setting; did you mean size?"),
        ({"named": []}, "f.yaml: named is a list: expected a mapping; write NAME: VALUE lines below it"),
        ({5: 1}, "f.yaml: 5 is not a setting; known here: at, below, named"),
        ({"at": Variable("N", "x")}, "environment: N is 'x': expected HOST:PORT; it is where, such as h:1"),
        ({"at": "y" * 99}, f"f.yaml: at is '{'y' * 59}...: expected HOST:PORT; it is where, such as h:1"),
    ],
)
def test_refusals_name_file_place_value_and_remedy(builder: Builder, content: object, message: str) -> None:
    with pytest.raises(BadConfig) as caught:
        builder.build(Top, content)
    assert str(caught.value) == message


def test_secrets_are_never_shown() -> None:
    token = next(field for field in structs.fields(Below) if field.name == "token")
    assert repeated(token, "abc") == "(hidden)"


def test_one_mistake_does_not_hide_the_next(builder: Builder) -> None:
    with pytest.raises(BadConfig) as caught:
        builder.build(Top, {"att": 1, "below": {"size": 0, "sise": 1}, "named": {"a": 5, "b": {"size": "x"}}})
    assert [problem.split(" ")[1] for problem in caught.value.problems] == [
        "att",
        "below.size",
        "below.sise",
        "named.a",
        "named.b.size",
    ]


def test_written() -> None:
    assert [written(each) for each in (None, 10.0, 0.5, Address("h", 1), "")] == ["", "10", "0.5", "h:1", ""]
