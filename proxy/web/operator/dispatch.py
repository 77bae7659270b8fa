"""From a row of the table to a handler of the web server: decode what was asked, call, encode what is answered."""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from proxy.web.operator.actors import actor_of
from proxy.web.operator.doors import DOORS, Visit
from proxy.web.operator.messages import PREFIX, Nothing, answer, read_body, read_query
from proxy.web.operator.route import Route, Streamed

_log = logging.getLogger("faregate.operator")


def route_def(route: Route) -> web.RouteDef:
    """Return the web server's route. Raises InvariantBroken if a handler does not fit its path."""
    return web.route(route.method, PREFIX + route.path, _serving(route))


def _serving(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    signature = route.signature

    async def serve(request: web.Request) -> web.StreamResponse:
        asked: dict[str, object] = {name: request.match_info[name] for name in signature.path}
        query = read_query(request, signature.query or Nothing)
        if signature.query is not None:
            asked["query"] = query
        body = await read_body(request, signature.body or Nothing)
        if signature.body is not None:
            asked["body"] = body
        answered = await route.handler(_visit(request), **asked)
        if isinstance(answered, Streamed):
            return await _stream(request, answered)
        return answer(answered, route.status)

    return serve


def _visit(request: web.Request) -> Visit:
    doors = request.app[DOORS]
    return Visit(doors, actor_of(request.headers, request.remote or ""), doors.clock.now())


async def _stream(request: web.Request, streamed: Streamed) -> web.StreamResponse:
    """Write an answer as it is read. What fails before the first chunk is still answered as any fault."""
    chunks = aiter(streamed.chunks)
    first = await anext(chunks, b"")
    response = web.StreamResponse(headers={hdrs.CACHE_CONTROL: "no-store", hdrs.CONTENT_TYPE: streamed.content_type})
    await response.prepare(request)
    try:
        await response.write(first)
        async for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
    except ConnectionError:
        return response  # nobody reads any more
    except Exception:  # noqa: BLE001  # the head is out, so the fault can only be logged, and shown by a cut
        _log.exception("%s %s broke off", request.method, request.path)
        if request.transport is not None:
            request.transport.abort()  # an answer that only stops would look whole
    return response
