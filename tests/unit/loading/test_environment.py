from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from proxy.loading.environment import Variable, interpolate, mapping_of, merge, references, variables


class Inner(Struct, frozen=True):
    deep_text: str = ""


class Outer(Struct, frozen=True):
    text: str = ""
    inner: Inner = Inner()
    named: Mapping[str, Inner] = {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${A}", "1"),
        ("x${A}${A}y", "x11y"),
        ("${NO:-}", ""),
        ("${NO:-text}", "text"),
        ("${A:-text}", "1"),
        ("$${A}", "${A}"),
        ("$A $$ {A}", "$A $$ {A}"),
        ("${SELF}", "${A}"),
    ],
)
def test_interpolate(text: str, value: str) -> None:
    assert interpolate(text, {"A": "1", "SELF": "${A}", "EMPTY": ""}) == value


@pytest.mark.parametrize("text", ["${NO}", "${EMPTY}", "${", "${A", "${a b}", "${A:+x}"])
def test_interpolate_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"\$\{"):
        interpolate(text, {"A": "1", "EMPTY": ""})


def test_references() -> None:
    assert list(references("${A} $${B} ${C:-x}")) == ["A", "C"]


def test_variables_become_a_tree() -> None:
    tree, unknown = variables(
        {
            "FAREGATE_TEXT": "1",
            "FAREGATE_INNER__DEEP_TEXT": "2",
            "FAREGATE_NAMED__A_B__DEEP_TEXT": "3",
            "FAREGATE_NAMED": "x",
            "FAREGATE_INNER": "x",
            "FAREGATE_TEXT__MORE": "x",
            "FAREGATE_": "x",
            "FAREGATE___TEXT": "x",
            "FAREGATE_CONFIG": "not a setting",
            "faregate_text": "another name",
        },
        Outer,
    )
    assert tree == {
        "text": Variable("FAREGATE_TEXT", "1"),
        "inner": {"deep_text": Variable("FAREGATE_INNER__DEEP_TEXT", "2")},
        "named": {"a-b": {"deep_text": Variable("FAREGATE_NAMED__A_B__DEEP_TEXT", "3")}},
    }
    assert unknown == ["FAREGATE_", "FAREGATE_INNER", "FAREGATE_NAMED", "FAREGATE_TEXT__MORE", "FAREGATE___TEXT"]


def test_empty_variables_are_known_and_not_set() -> None:
    assert variables({"FAREGATE_TEXT": ""}, Outer) == ({}, [])


def test_merge_keeps_the_file_as_it_was() -> None:
    file = {"a": {"b": 1, "c": 2}, "d": None}
    tree = {"a": {"b": Variable("N", "9")}, "d": {"e": Variable("M", "8")}}
    assert merge(file, tree) == {"a": {"b": Variable("N", "9"), "c": 2}, "d": {"e": Variable("M", "8")}}
    assert file == {"a": {"b": 1, "c": 2}, "d": None}
    assert merge(["wrong"], tree) == ["wrong"]
    assert merge(None, {}) is None


def test_mapping_of() -> None:
    assert mapping_of(Mapping[str, Inner]) is Inner
    assert mapping_of(Inner) is None


@given(st.text())
def test_text_without_references_stays(text: str) -> None:
    if "${" not in text:
        assert interpolate(text, {}) == text


@given(st.text(), st.text())
def test_values_are_never_read_again(head: str, value: str) -> None:
    if "$" not in head and value:
        assert interpolate(head + "${A}", {"A": value}) == head + value
