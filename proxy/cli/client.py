"""The operator API over HTTP, one connection a command: finds the server and its token, and explains what fails."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from proxy import __version__
from proxy.cli.command import Failure, Misuse
from proxy.cli.files import config_file

if TYPE_CHECKING:
    from http.client import HTTPResponse

TIMEOUT_S = 600
"""Verification of a long ledger is the slowest answer there is."""

_CHUNK = 64 * 1024
_REMEDY = "set FAREGATE_ADMIN_TOKEN, or admin_token in the configuration, to that of the server"


@dataclass(frozen=True)
class Answer:
    """A document as it was answered, and the same read; numbers with a fraction are Decimals."""

    text: str
    document: dict[str, Any]


class Operator:
    """A server's operator API. Every method returns what was answered, or raises Failure."""

    def __init__(self, url: str, token: str, timeout_s: float = TIMEOUT_S) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s

    def get(self, path: str, **query: object) -> Answer:
        """Read. Query values that are None or empty are left out."""
        return self._ask("GET", f"{path}{_query(query)}")

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Answer:
        """Do. Values that are None are left out of the body."""
        return self._ask("POST", path, body or {})

    def put(self, path: str, body: Mapping[str, object]) -> Answer:
        """Set."""
        return self._ask("PUT", path, body)

    def delete(self, path: str, **query: object) -> Answer:
        """Take away. Query values that are None or empty are left out."""
        return self._ask("DELETE", f"{path}{_query(query)}")

    def stream(self, path: str, **query: object) -> Iterator[bytes]:
        """Read an answer line by line as it comes. Raises Failure if it breaks off before its end."""
        with self._answering("GET", f"{path}{_query(query)}") as response:
            if response.status >= 400:
                self._read(response.status, response.read())
            rest = b""
            # read1, because readline takes a chunked answer that breaks off for one that ends.
            while chunk := response.read1(_CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line + b"\n" for line in lines)
            if rest:
                yield rest

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        with self._answering(method, path, body) as response:
            return self._read(response.status, response.read())

    @contextmanager
    def _answering(self, method: str, path: str, body: Mapping[str, object] | None = None) -> "Iterator[HTTPResponse]":
        """Ask, and hand over the answer. What fails on the wire, also while it is read, is Failure."""
        from http.client import HTTPConnection, HTTPException, HTTPSConnection

        scheme, host, port, prefix = _parts(self.url)
        connection = (HTTPSConnection if scheme == "https" else HTTPConnection)(host, port, timeout=self._timeout_s)
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/json",
            "User-Agent": f"faregate-cli/{__version__}",
            "Faregate-Actor": quote(_actor()),
        }
        content = None
        if body is not None:
            content = json.dumps({name: value for name, value in body.items() if value is not None})
            headers["Content-Type"] = "application/json"
        response = None
        try:
            connection.request(method, f"{prefix}/admin/v1{path}", content, headers)
            response = connection.getresponse()
            yield response
        except (OSError, HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            if response is not None:
                raise Failure(
                    f"the answer of {self.url} broke off ({reason}); see the server's log, and try again",
                    code="broken_off",
                ) from None
            raise Failure(
                f"no operator API answers at {self.url} ({reason}); "
                "start it with `faregate serve`, or set FAREGATE_OPERATOR_URL",
                code="unreachable",
            ) from None
        finally:
            connection.close()

    def _read(self, status: int, body: bytes) -> Answer:
        try:
            text = body.decode()
            document = json.loads(text, parse_float=Decimal)
        except ValueError:
            text, document = "", None
        if not isinstance(document, dict):
            raise Failure(
                f"what answers at {self.url} is no operator API of Faregate (status {status}); "
                "correct FAREGATE_OPERATOR_URL or operator_listen",
                code="unreachable",
            )
        if status < 400:
            return Answer(text, document)
        error = document.get("error") or {}
        message, code = error.get("message", f"status {status}"), error.get("code", "failed")
        if status == 401:
            message = f"{message}; {_REMEDY}"
        raise Failure(message, code=code)


def _query(values: Mapping[str, object]) -> str:
    told = {name: "true" if value is True else str(value) for name, value in values.items() if value not in (None, "")}
    return f"?{urlencode(told)}" if told else ""


def _parts(url: str) -> tuple[str, str, int | None, str]:
    """Return scheme, host, port and path of a URL. Raises Misuse if it is none."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            return parts.scheme, parts.hostname, parts.port, parts.path
    except ValueError:
        pass  # said below, as for every other text that is no URL
    raise Misuse(f"{url!r} is no URL; write FAREGATE_OPERATOR_URL as http://HOST:PORT", code="usage")


def segment(text: str) -> str:
    """Write an id or a name as one segment of a path."""
    return quote(text, safe="")


def _actor() -> str:
    """Return who types: what FAREGATE_ACTOR says, else the name of the login. The audit log keeps it."""
    from getpass import getuser

    try:
        return os.environ.get("FAREGATE_ACTOR") or getuser()
    except (OSError, KeyError):  # a user id without a name, as in a container
        return ""


def operator(timeout_s: float = TIMEOUT_S) -> Operator:
    """Return the server that the environment names, else the one that the configuration file describes."""
    url, token = os.environ.get("FAREGATE_OPERATOR_URL", ""), os.environ.get("FAREGATE_ADMIN_TOKEN", "")
    if not (url and token):
        from proxy.loading.settings import load_operator_settings

        file = config_file("; or set FAREGATE_OPERATOR_URL and FAREGATE_ADMIN_TOKEN")
        settings = load_operator_settings(file, os.environ)
        url = url or f"http://{settings.operator_listen.reachable}"
        token = token or settings.admin_token or _made_token(settings.database.token_file)
    return Operator(url, token, timeout_s)


def _made_token(path: Path) -> str:
    """Read the token that the server made when it was first started."""
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise Failure(f"there is no admin token in {path}; start the server once, or {_REMEDY}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: the admin token cannot be read ({error}); {_REMEDY}") from None
