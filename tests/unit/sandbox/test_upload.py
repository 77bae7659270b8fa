from hypothesis import given
from hypothesis import strategies as st

from proxy.sandbox.upload import read_upload

TYPE = 'multipart/form-data; boundary="XyZ"'


def form(content: bytes) -> bytes:
    return (
        b'--XyZ\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        b'--XyZ\r\nContent-Disposition: form-data; name="file"; filename="a b.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n--XyZ--\r\n"
    )


@given(st.binary(max_size=200).filter(lambda content: b"--XyZ" not in content))
def test_the_file_arrives_byte_for_byte(content: bytes) -> None:
    found = read_upload(TYPE, form(content), "file")
    assert found is not None
    assert (found.fields, found.filename, found.content) == ({"purpose": "batch"}, "a b.bin", content)


def test_what_is_no_such_form() -> None:
    assert read_upload("application/json", b"{}", "file") is None
    assert read_upload(TYPE, form(b"x"), "image") is None
    assert read_upload(TYPE, b"", "file") is None
