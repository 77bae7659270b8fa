"""Reads multipart/form-data (RFC 7578): what a form, or an SDK that sends a file, puts into a body. Pure.

A body that two readers could understand differently is refused: what we bound must be what the provider runs. So only
what SDKs and browsers send is read: one name for each part, no transfer encoding, nothing before the first boundary.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

PARTS_MAX = 1_000
HEAD_BYTES_MAX = 8_192

_BOUNDARY = re.compile(
    r'multipart/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))\s*(?:;.*)?', re.IGNORECASE
)
_DISPOSITION = re.compile(r'form-data((?:\s*;\s*[a-z]+\*?=(?:"(?:[^"\\]|\\.)*"|[^\s";]+))+)\s*;?\s*', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*([a-z]+\*?)=(?:"((?:[^"\\]|\\.)*)"|([^\s";]+))', re.IGNORECASE)
_PLAIN_ENCODINGS = ("7bit", "8bit", "binary")


class Part(Struct, frozen=True):
    """One part: a field's text, or with a `filename` a file. `mime` is empty where the part names no type."""

    name: str
    filename: str | None
    mime: str
    data: bytes


def is_form(content_type: str | None) -> bool:
    """Tell whether a content type says that the body is such a form."""
    return (content_type or "").lstrip()[:19].lower() == "multipart/form-data"


def parse_multipart(raw: bytes, content_type: str) -> list[Part]:
    """Return the parts of a form. Raises ValueError, saying what is wrong, for anything that is not plainly one."""
    found = _BOUNDARY.fullmatch(content_type.strip())
    if found is None:
        raise ValueError("the content type of the form names no boundary, or several")
    delimiter = b"--" + (found[1] or found[2]).encode("ascii", "replace")
    return list(_parts(raw, delimiter))


def _parts(raw: bytes, delimiter: bytes) -> Iterator[Part]:
    if not raw.startswith(delimiter):
        raise ValueError("the form does not begin with its boundary")
    at, count = len(delimiter), 0
    while raw[at : at + 2] != b"--":
        count += 1
        if raw[at : at + 2] != b"\r\n":
            raise ValueError("a boundary of the form is not followed by a line end")
        if count > PARTS_MAX:
            raise ValueError(f"the form has more than {PARTS_MAX} parts")
        body = raw.find(b"\r\n\r\n", at, at + HEAD_BYTES_MAX)
        end = raw.find(b"\r\n" + delimiter, max(body, at))
        if body < 0 or end < 0:
            raise ValueError("a part of the form has no end")
        yield _part(raw[at + 2 : body], raw[body + 4 : end])
        at = end + 2 + len(delimiter)


def _part(head: bytes, data: bytes) -> Part:
    headers: dict[str, str] = {}
    for line in head.decode("utf-8", "strict").split("\r\n"):
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or name in headers:
            raise ValueError("a part of the form has a header that is none, or one twice")
        headers[name] = value.strip()
    if headers.get("content-transfer-encoding", "binary").lower() not in _PLAIN_ENCODINGS:
        raise ValueError("a part of the form is encoded; send it as it is")
    name, filename = _names(headers.get("content-disposition", ""))
    return Part(name, filename, headers.get("content-type", ""), data)


def _names(disposition: str) -> tuple[str, str | None]:
    """Return the field's name, and the file's where the part is one."""
    found = _DISPOSITION.fullmatch(disposition)
    named: dict[str, str] = {}
    for key, quoted, bare in _PARAMETER.findall(found[1]) if found else ():
        if key.lower() in named:
            raise ValueError("a part of the form has two names")
        named[key.lower()] = re.sub(r"\\(.)", r"\1", quoted) or bare
    if not named.get("name"):
        raise ValueError("a part of the form has no name")
    filename = named.get("filename", "" if "filename*" in named else None)
    return named["name"], filename
