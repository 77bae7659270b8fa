"""What a request looks like on the wire: its head, and what of it is the same for all calls of an integration."""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from msgspec import Struct

from proxy.errors import BadConfig, Refusal, refuse
from proxy.providers.integration import Integration
from proxy.upstream.door import Outbound
from proxy.upstream.headers import NAMES_KEPT, sieve

# RFC 9110, section 5.6.2: what a method and a header's name are made of.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BREAKS_A_VALUE = re.compile(r"[\r\n\0]")
_BREAKS_A_TARGET = re.compile(r"[\0- \x7f]")
_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose requests say that they have no body, too (RFC 9110, section 8.6)."""


class Origin(Struct, frozen=True):
    """Where an integration's calls go."""

    tls: bool
    host: str
    port: int

    def __str__(self) -> str:
        """Write it as a Host header does: without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


class Stem(Struct, frozen=True):
    """The constant part of an integration's requests. `ours` are header names, in lower case, that only we set."""

    host: str
    credential: str
    ours: frozenset[str]


_OURS = frozenset({"host", "content-length", "transfer-encoding"})


def origin_of(origin: str) -> Origin:
    """Take an origin apart."""
    parts = urlsplit(origin)
    tls = parts.scheme == "https"
    return Origin(tls, parts.hostname or "", parts.port or (443 if tls else 80))


def stem_of(integration: Integration, origin: Origin, signed: frozenset[str] = frozenset()) -> Stem:
    """Prepare an integration's requests. Raises BadConfig for a key that no header can carry.

    Where they are signed, `signed` are the headers that a signer sets, and there is no key.
    """
    if signed:
        return Stem(f" HTTP/1.1\r\nHost: {origin}\r\n", "", signed | _OURS)
    name, value = integration.key_out.of(integration.api_key)
    if not _TOKEN.fullmatch(name) or _BREAKS_A_VALUE.search(value):
        raise BadConfig(f"{integration.name}: its key cannot be sent in a header; take out line breaks and NULs")
    return Stem(f" HTTP/1.1\r\nHost: {origin}\r\n", f"{name}: {value}\r\n", _OURS | {name.lower()})


@lru_cache(maxsize=NAMES_KEPT)  # a memo of a pure function: callers send the same few names again and again
def _is_token(name: str) -> bool:
    return _TOKEN.fullmatch(name) is not None


def head_of(request: Outbound, stem: Stem, proof: str = "") -> bytes:
    """Write a request's head: the given headers as they are, then our credential, or `proof`, and the body's length.

    Raises Refused (malformed_request) for what would break out of its line. Bytes that were no UTF-8 when they came
    go out as they came.
    """
    passes = sieve(stem.ours)
    headers = [header for header in request.headers if passes[header[0]]]
    names = [request.method, *[name for name, _ in headers]]
    if not all(map(_is_token, names)):
        refuse(Refusal.MALFORMED_REQUEST, "The method, or the name of a header, is malformed.")
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if not lines.count("\r") == lines.count("\n") == len(headers) or "\0" in lines:
        refuse(Refusal.MALFORMED_REQUEST, "A header's value holds a line break or a NUL.")
    if not request.target.startswith("/") or _BREAKS_A_TARGET.search(request.target):
        refuse(Refusal.MALFORMED_REQUEST, "The path is malformed.")
    length = len(request.body)
    end = f"Content-Length: {length}\r\n\r\n" if length or request.method in _WITH_LENGTH else "\r\n"
    text = f"{request.method} {request.target}{stem.host}{lines}{proof or stem.credential}{end}"
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        refuse(Refusal.MALFORMED_REQUEST, "A header cannot be written down.")
