"""A request as an object, whatever form it came in."""

import json
from typing import Any

import pytest

from proxy.providers.request import Takes, read_request
from proxy.wire.upload import Upload

FORM = Takes(form=True, integers=("n",), booleans=("stream",))
TYPE = "multipart/form-data; boundary=xYz"


def form(*fields: tuple[str, str]) -> bytes:
    parts = [f"--xYz\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n" for head, value in fields]
    return ("".join(parts) + "--xYz--").encode()


def read(takes: Takes, raw: bytes, content_type: str = TYPE, query: str = "") -> tuple[dict[str, Any], Any]:
    body, text = read_request(takes, raw, content_type, query)
    return body, json.loads(text)


def test_a_form_has_the_names_of_the_json_it_stands_for() -> None:
    body, text = read(
        FORM,
        form(
            ('name="model"', "m"),
            ('name="n"', "3"),
            ('name="stream"', "true"),
            ('name="prompt"', "3"),
            ('name="image[]"; filename="a.png"', "PNG1"),
            ('name="image[]"; filename="b.png"', "PNG22"),
            ('name="mask"; filename="c.png"', "MASK"),
        ),
    )
    files = body.pop("image[]")
    assert [len(each) for each in files] == [4, 5]
    assert len(body.pop("mask")) == 4
    assert body == {"model": "m", "n": 3, "stream": True, "prompt": "3"}
    assert text == {**body, "image[]": ["", ""], "mask": ""}


@pytest.mark.parametrize(
    ("field", "value"), [('name="n"', "three"), ('name="n"', "3.0"), ('name="n"', ""), ('name="stream"', "yes")]
)
def test_what_is_not_plainly_a_number_stays_text_and_is_refused_where_it_matters(field: str, value: str) -> None:
    body, _ = read(FORM, form((field, value)))
    assert list(body.values()) == [value]


def test_a_field_may_hold_json() -> None:
    takes = Takes(form=True, documents=("asked",))
    for text, value in (("null", None), ('["a"]', ["a"]), ('"a"', "a"), ("a", "a"), ("[", "[")):
        assert read(takes, form(('name="asked"', text), ('name="other"', text)))[0] == {"asked": value, "other": text}


def test_a_field_given_twice_is_a_list() -> None:
    assert read(FORM, form(('name="model"', "cheap"), ('name="model"', "dear")))[0] == {"model": ["cheap", "dear"]}


def test_a_route_of_forms_takes_json_too() -> None:
    assert read(FORM, b'{"model": "m"}', "application/json") == ({"model": "m"}, {"model": "m"})
    with pytest.raises(ValueError, match="twice"):
        read(FORM, b'{"model": "m", "model": "n"}', "application/json")


def test_a_field_that_is_no_text_is_refused() -> None:
    raw = form(('name="model"', "m")).replace(b"\r\nm\r\n", b"\r\n\xff\r\n")
    with pytest.raises(ValueError, match="'model' of the form"):
        read(FORM, raw)


def test_a_recording_as_it_is() -> None:
    body, text = read(Takes(upload="audio"), b"RIFF....", "audio/wav")
    assert isinstance(body["audio"], Upload)
    assert (len(body["audio"]), text) == (8, {})
    assert read(Takes(upload="audio"), b' {"url": "x"}', "audio/wav") == ({"url": "x"}, {"url": "x"})
    assert read(Takes(upload="audio"), b"") == ({}, {})


def test_the_query_stands_apart() -> None:
    body, _ = read(
        Takes(upload="audio", query=True), b'{"url": "x", "?": 1}', query="model=nova%2D3&tag=a&tag=b&dictation="
    )
    assert body == {"url": "x", "?": {"model": "nova-3", "tag": ["a", "b"], "dictation": ""}}
    assert "?" not in read(Takes(), b'{"a": 1}', query="a=b")[0]


def test_headers_that_matter_stand_under_a_name_of_their_own() -> None:
    takes = Takes(headers=("x-guard", "x-trace"))
    body, text = read_request(takes, b'{"a":1}', "application/json", "", {"x-guard": "g1", "x-trace": "", "x-o": "no"})
    assert body == {"a": 1, "!": {"x-guard": "g1"}}
    assert text == b'{"a":1}'
    assert read_request(takes, b"{}", "", "")[0] == {"!": {}}
