import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.bounds.aside import aside, least, settings
from proxy.wire.upload import Upload

KNOWN = settings(["model", "stream", "config|settings.heat", "config|settings.deep.er", "labels"], ["most", "model"])

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
NAMES = st.sampled_from(["model", "stream", "config", "settings", "heat", "deep", "er", "labels", "text", "most"])
bodies = st.recursive(
    values, lambda inner: st.dictionaries(NAMES, inner, max_size=6) | st.lists(inner, max_size=2), max_leaves=12
)


def compact(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"))


@given(bodies)
def test_no_json_is_shorter_than_what_is_counted(body: Any) -> None:
    assert least(body) <= compact(body)
    assert 0 <= aside(body, KNOWN) <= compact(body)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"model": "m", "say": "hello"}, '{"say":"hello"}'),
        ({"stream": True, "labels": {"a": ["b", None]}, "say": ""}, '{"say":""}'),
        ({"config": {"heat": 1, "told": "x"}, "say": ""}, '{"told":"x","say":""}'),
        ({"settings": {"deep": {"er": False}}, "say": ""}, '{"say":""}'),
        ({"config": "text", "say": ""}, '{"config":"text","say":""}'),
        ({"most": 5}, '{"most":5}'),
    ],
)
def test_what_is_left_is_the_text(body: Any, text: str) -> None:
    assert len(text) <= compact(body) - aside(body, KNOWN) <= len(text) + 2


def test_a_file_of_a_form_is_no_text_to_begin_with() -> None:
    assert least(Upload(b"RIFF" * 100, "audio/wav")) == 0
    assert least(10**30) == 1
    assert aside(["model"], KNOWN) == 0


def test_what_a_bound_looks_at_is_marked() -> None:
    assert {name for name, setting in KNOWN.items() if setting.shapes} == {"model", "most"}
    assert KNOWN["model"].whole
    assert not KNOWN["config"].whole
