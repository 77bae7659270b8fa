from typing import Any

import pytest

from proxy.sandbox.shapes import Event, Stream
from proxy.sandbox.stream import Framing, framing, moments
from proxy.sandbox.template import Condition, Template
from proxy.sandbox.usage import Usage


def event(text: str, when: str = "") -> Event:
    return Event(data=Template(text), when=Condition(when))


STREAM = Stream(
    opening=(event("open ${sequence} ${done}"),),
    first=(event("first ${index}"),),
    piece=(event("${index}:${piece} ${visible} ${last_piece}"),),
    last=(event("last ${index}"), event("never", "missing")),
    closing=(event("close ${output} ${done}", "done"), Event(raw="[DONE]")),
)
PLAIN = Framing(b"\n", array=False)


def told(usage: Usage, pieces: list[list[str]], overrides: dict[str, Any] | None = None) -> list[str]:
    scope = {"done": True, "choices": [{"index": at} for at in range(len(pieces))], **usage.slots(overrides or {})}
    found = moments(STREAM, PLAIN, scope, pieces, usage, overrides or {})
    return [moment.data.decode().removeprefix("data: ").strip().strip('"') for moment in found]


def test_events_come_in_order_and_choices_take_turns() -> None:
    assert told(Usage(1, visible=5), [["abcd", "efgh"], ["ijkl"]]) == [
        "open 0 False",
        "first 0",
        "first 1",
        "0:abcd 1 False",
        "1:ijkl 2 True",
        "0:efgh 5 True",
        "last 0",
        "last 1",
        "close 5 True",
        "[DONE]",
    ]


def test_overrides_are_told_at_the_end() -> None:
    lines = told(Usage(1, visible=2), [["ab", "cd"]], {"visible": 77, "output": 78})
    assert lines[2:4] == ["0:ab 1 False", "0:cd 77 True"]
    assert lines[-2] == "close 78 True"


def test_moments_count_what_was_made() -> None:
    scope = {"done": True, "choices": [{"index": 0}], **Usage(visible=3).slots({})}
    found = list(moments(STREAM, PLAIN, scope, [["abcd", "efgh"]], Usage(visible=3), {}))
    assert [(m.visible, m.pieces) for m in found] == [(0, 0), (0, 0), (1, 1), (3, 2), (3, 2), (3, 2), (3, 2)]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Framing(b"\r\n", array=False), [b'event: e\r\ndata: "x"\r\n\r\n', b'event: e\r\ndata: "x"\r\n\r\n', b""]),
        (Framing(b"\r\n", array=True), [b'["x"', b',\r\n"x"', b"]\r\n"]),
    ],
)
def test_framing(how: Framing, expected: list[bytes]) -> None:
    one = Event(data=Template("x"), event="e")
    assert [how.frame(one, {}, first=True), how.frame(one, {}, first=False), how.end] == expected


@pytest.mark.parametrize(
    ("query", "array"), [("alt=sse", False), ("key=1&alt=sse", False), ("", True), ("alt=s", True)]
)
def test_an_array_unless_the_query_says_otherwise(query: str, array: bool) -> None:
    assert framing(Stream(array_unless="alt=sse"), query).array is array
    assert framing(Stream(), query).array is False
