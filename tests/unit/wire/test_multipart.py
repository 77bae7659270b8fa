"""Forms as SDKs send them are read; what two readers could understand differently is refused."""

import pytest

from proxy.wire.multipart import PARTS_MAX, Part, is_form, parse_multipart

TYPE = "multipart/form-data; boundary=xYz"


def form(*parts: tuple[str, str], end: str = "--xYz--\r\n") -> bytes:
    return "".join(f"--xYz\r\n{head}\r\n\r\n{data}\r\n" for head, data in parts).encode() + end.encode()


NAMED = 'Content-Disposition: form-data; name="model"'


def test_fields_and_files() -> None:
    raw = form(
        (NAMED, "whisper-1"),
        ('content-disposition: form-data; name="file"; filename="a b.wav"\r\nContent-Type: audio/wav', "RI\r\nFF\r\n"),
        ("Content-Disposition: form-data; name=n", ""),
    )
    assert parse_multipart(raw, TYPE) == [
        Part("model", None, "", b"whisper-1"),
        Part("file", "a b.wav", "audio/wav", b"RI\r\nFF\r\n"),
        Part("n", None, "", b""),
    ]


def test_bytes_that_look_like_another_boundary_are_content() -> None:
    assert parse_multipart(form((NAMED, "a--xYz\r\n--xY")), TYPE)[0].data == b"a--xYz\r\n--xY"


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=xYz",
        'Multipart/Form-Data;boundary="xYz"',
        "multipart/form-data; charset=utf-8; boundary=xYz",
        "multipart/form-data; boundary=xYz; charset=utf-8",
    ],
)
def test_ways_to_name_a_boundary(content_type: str) -> None:
    assert is_form(content_type)
    assert parse_multipart(form((NAMED, "m")), content_type)[0].data == b"m"


def test_names_with_quotes_and_other_alphabets() -> None:
    raw = form(('Content-Disposition: form-data; name="a\\"b"; filename*=utf-8\'\'%C3%A4.wav', "x"))
    assert parse_multipart(raw, TYPE) == [Part('a"b', "", "", b"x")]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "begin with its boundary"),
        (b"preamble\r\n" + form((NAMED, "m")), "begin with its boundary"),
        (b"--xYz", "line end"),
        (b"--xYzMORE\r\n", "line end"),
        (b"--xYz\r\n" + NAMED.encode() + b"\r\n\r\nno end", "no end"),
        (form((NAMED, "m"), end=""), "no end"),
        (form((NAMED, "--xYz")), "no end"),  # some read it as empty, some as text
        (form((NAMED, "m\r\n--xYzz")), "line end"),
        (form(("Content-Type: text/plain", "m")), "no name"),
        (form(("Content-Disposition: attachment; name=model", "m")), "no name"),
        (form(('Content-Disposition: form-data; name="a"; name="b"', "m")), "two names"),
        (form((NAMED + "\r\n" + NAMED, "m")), "one twice"),
        (form(("garbage", "m")), "is none"),
        (form((NAMED + "\r\nContent-Transfer-Encoding: base64", "bQ==")), "encoded"),
        (form(*[(NAMED, "")] * (PARTS_MAX + 1)), "more than"),
        (b"--xYz\r\nContent-Disposition: form-data; name=\xff\r\n\r\nx\r\n--xYz--", "utf-8"),
    ],
)
def test_anything_else_is_refused(raw: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_multipart(raw, TYPE)


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=", "application/json"])
def test_a_content_type_without_a_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(ValueError, match="boundary"):
        parse_multipart(form((NAMED, "m")), content_type)


def test_other_bodies_are_no_forms() -> None:
    assert not is_form("application/json")
    assert not is_form(None)
