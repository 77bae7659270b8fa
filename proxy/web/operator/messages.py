"""Requests into types, documents into answers, faults into errors: the one shape of the operator API."""

import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from aiohttp import hdrs, web
from msgspec import Struct

from proxy.errors import BadRequest, InvariantBroken, LedgerUnavailable
from proxy.web.operator.documents.error import ErrorDocument, Problem
from proxy.web.operator.doors import DOORS
from proxy.web.operator.route import JSON
from proxy.web.ops import OPEN_PATHS

PREFIX = "/admin/v1"
BODY_BYTES_MAX = 64 * 1024
T = TypeVar("T", bound=Struct)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = logging.getLogger("faregate.operator")


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """What a route that asks for nothing is sent: nothing, or an empty object."""


async def read_body(request: web.Request, into: type[T]) -> T:
    """Read a JSON body; no body is an empty object. Raises BadRequest for anything that does not fit the type."""
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=into)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the body: {_lower(str(error))}") from None


def read_query(request: web.Request, into: type[T]) -> T:
    """Read the query's parameters, each at most once. Raises BadRequest for unknown ones and wrong values."""
    if len(set(request.query)) != len(request.query):
        raise BadRequest("the query: a parameter is given twice")
    try:
        return msgspec.convert(dict(request.query), into, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(f"the query: {_lower(str(error))}") from None


def answer(document: object, status: int = 200) -> web.Response:
    """Answer with one JSON document. Decimals are written as JSON numbers; nothing is cached on the way."""
    body = _ENCODER.encode(document)
    return web.Response(body=body, status=status, content_type=JSON, headers={hdrs.CACHE_CONTROL: "no-store"})


@web.middleware
async def faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every fault into the one shape of errors."""
    try:
        return await handler(request)
    except BadRequest as error:
        return _fault(error.status, error.code, str(error))
    except LedgerUnavailable:
        return _fault(503, "ledger_unavailable", "the ledger cannot commit now; nothing was changed, try again")
    except web.HTTPException as error:
        return _http_fault(request, error)
    except InvariantBroken:
        _log.exception("%s %s would break a rule of the ledger", request.method, request.path)
        return _fault(500, "internal_error", "a rule of the ledger would be broken; nothing was changed, see the log")
    except Exception:  # noqa: BLE001  # the last face before the wire: the operator gets an answer, the log the trace
        _log.exception("%s %s failed", request.method, request.path)
        return _fault(500, "internal_error", "an internal error; the server's log has the details")


@web.middleware
async def admin_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let only the admin token pass; what a supervisor asks needs none."""
    if request.path not in OPEN_PATHS:
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        expected = request.app[DOORS].admin_token.encode()
        given = token.strip().encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, expected) or scheme.lower() != "bearer":
            raise BadRequest("the admin token is missing or wrong", code="invalid_token", status=401)
    return await handler(request)


def _fault(status: int, code: str, message: str) -> web.Response:
    return answer(ErrorDocument(Problem(code, message)), status)


def _http_fault(request: web.Request, error: web.HTTPException) -> web.Response:
    """Give aiohttp's own answers (unknown path, wrong method, large body) our shape, without their HTML."""
    codes = {
        404: ("not_found", f"there is no {request.path}"),
        405: ("method_not_allowed", f"{request.method} is not possible at {request.path}"),
        413: ("too_large", f"the body is larger than {BODY_BYTES_MAX} bytes"),
    }
    code, message = codes.get(error.status, ("invalid_request", error.reason))
    response = _fault(error.status, code, message)
    if hdrs.ALLOW in error.headers:
        response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
    return response


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


_ENCODER = msgspec.json.Encoder(decimal_format="number")
