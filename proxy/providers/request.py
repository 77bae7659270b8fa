"""Reads the body of a request as its route takes it: a JSON object, a form with files, or a recording as it is.

Whatever it is, it becomes an object with the same names as the JSON form has, so that one path in data finds a field in
each. What a provider could read in another way than we do is refused.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from msgspec import MsgspecError, Struct, json

from proxy.wire.multipart import Part, is_form, parse_multipart
from proxy.wire.strict_json import parse_object
from proxy.wire.upload import Upload

QUERY = "?"
"""The member under which the parameters of the query stand; no provider has a field of that name."""

HEADERS = "!"
"""The member under which headers that matter stand, by their lower-case names; no provider has a field of that name."""

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_TRUTH = {"true": True, "false": False, "True": True, "False": False}


class Takes(Struct, frozen=True, forbid_unknown_fields=True):
    """What a route takes besides a JSON object.

    `form`: a multipart form, whose fields named in `integers` and `booleans` are no text, and those in `documents` JSON
    if they can be read as such. `upload`: the member under which any other body stands, whole. `query`: the parameters
    of the query stand under `?`. `headers`: those of these lower-case names stand under `!`.
    """

    form: bool = False
    integers: tuple[str, ...] = ()
    booleans: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    upload: str = ""
    query: bool = False
    headers: tuple[str, ...] = ()


def read_request(
    takes: Takes, raw: bytes, content_type: str, query: str, headers: Mapping[str, str] = MappingProxyType({})
) -> tuple[dict[str, Any], bytes]:
    """Return a request as an object, and its text as JSON, files left out. Raises ValueError, fit for the caller."""
    text = raw
    if takes.form and is_form(content_type):
        body = _form(parse_multipart(raw, content_type), takes)
        text = json.encode(_without_files(body))
    elif takes.upload and raw.lstrip()[:1] != b"{":
        body = {takes.upload: Upload(raw, content_type)} if raw else {}
        text = b"{}"
    else:
        body = parse_object(raw) if raw else {}
    if takes.query:
        body[QUERY] = _gathered(parse_qsl(query, keep_blank_values=True))
    if takes.headers:
        body[HEADERS] = {name: headers[name] for name in takes.headers if headers.get(name)}
    return body, text


def _form(parts: list[Part], takes: Takes) -> dict[str, Any]:
    return _gathered([(part.name, _value(part, takes)) for part in parts])


def _value(part: Part, takes: Takes) -> Any:
    if part.filename is not None:
        return Upload(part.data, part.mime)
    try:
        text = part.data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"the field {part.name[:40]!r} of the form is neither UTF-8 nor a file") from None
    if part.name in takes.integers and _WHOLE.fullmatch(text):
        return int(text)
    if part.name in takes.documents:
        return _document(text)
    return _TRUTH.get(text, text) if part.name in takes.booleans else text


def _document(text: str) -> Any:
    try:
        return json.decode(text)
    except (MsgspecError, RecursionError):
        return text


def _gathered(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of pairs. A name given twice has a list: a field that must be one value is refused for it."""
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _without_files(body: dict[str, Any]) -> dict[str, Any]:
    return {name: _text_of(value) for name, value in body.items()}


def _text_of(value: Any) -> Any:
    if isinstance(value, list):
        return [_text_of(each) for each in value]
    return "" if isinstance(value, Upload) else value
