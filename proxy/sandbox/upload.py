"""Reads a multipart form: text fields, and one file byte for byte."""

from email import message_from_bytes
from email.message import Message

from msgspec import Struct


class Upload(Struct, frozen=True):
    """A form with a file."""

    fields: dict[str, str]
    filename: str
    content: bytes


def read_upload(content_type: str, raw: bytes, name: str) -> Upload | None:
    """Return the form of which the part `name` is the file; None if it is not such a form."""
    boundary = _headers(b"content-type: " + content_type.encode()).get_param("boundary")
    if not isinstance(boundary, str):
        return None
    fields: dict[str, str] = {}
    file: tuple[str, bytes] | None = None
    for part in (b"\r\n" + raw).split(b"\r\n--" + boundary.encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = _headers(head)
        called = headers.get_param("name", header="content-disposition")
        if called == name:
            file = (headers.get_filename() or "file", content)
        elif isinstance(called, str):
            fields[called] = content.decode(errors="replace")
    return Upload(fields, *file) if file else None


def _headers(head: bytes) -> Message:
    return message_from_bytes(head + b"\r\n\r\n")
