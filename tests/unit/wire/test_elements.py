"""Elements of an array come one by one in any pieces; a cut document can be closed again."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire import elements
from proxy.wire.elements import ElementSplitter, closed


def split(data: bytes, piece_bytes: int) -> tuple[list[bytes | None], bool]:
    splitter = ElementSplitter()
    pieces = [data[at : at + piece_bytes] for at in range(0, len(data), piece_bytes)]
    return [element for piece in pieces for element in splitter.feed(piece)], splitter.complete


ARRAY = [{"a": [1, {"b": '],}\\"['}]}, {"c": {}}, 3, "x,]", [], [[1], 2], None]


@pytest.mark.parametrize("piece_bytes", [1, 2, 5, 1_000])
def test_elements_in_any_pieces(piece_bytes: int) -> None:
    for text in (json.dumps(ARRAY), json.dumps(ARRAY, indent=2), f"\r\n {json.dumps(ARRAY)}\n trailing"):
        found, complete = split(text.encode(), piece_bytes)
        assert [json.loads(each) for each in found if each is not None] == ARRAY
        assert complete


def test_an_element_comes_when_its_last_byte_has_come() -> None:
    splitter = ElementSplitter()
    assert splitter.feed(b'[{"a":1}') == [b'{"a":1}']
    assert splitter.feed(b',\n{"b":') == []
    assert splitter.feed(b"2}") == [b'{"b":2}']
    assert not splitter.complete
    assert splitter.feed(b"]") == []
    assert splitter.complete


@pytest.mark.parametrize("piece_bytes", [1, 1_000])
def test_a_long_element_is_left_out(piece_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "EVENT_BYTES_MAX", 30)
    found, complete = split(b'[{"a":1},{"b":"' + b"x" * 90 + b'"},{"c":3}]', piece_bytes)
    assert (found, complete) == ([b'{"a":1}', None, b'{"c":3}'], True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below, max_size=3),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4), st.integers(1, 9))
def test_any_array_is_split_into_its_elements(array: list[Any], piece_bytes: int) -> None:
    found, complete = split(json.dumps(array).encode(), piece_bytes)
    assert [json.loads(each) for each in found if each is not None] == array
    assert complete


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=3), st.data())
def test_a_cut_document_can_be_closed(document: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(document).encode()
    cut = text[: data.draw(st.integers(1, len(text)))]
    ways = list(closed(cut))
    assert any(readable(way) for way in ways), ways


def readable(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def test_the_text_of_a_cut_document_is_kept() -> None:
    cut = b'{"choices":[{"message":{"content":"Half a sent'
    assert json.loads(next(closed(cut)))["choices"][0]["message"]["content"] == "Half a sent"


def test_closing_takes_time_in_proportion_to_the_text() -> None:
    deep = b"{" * 300_000
    assert next(closed(deep)) == deep + b"}" * 300_000
