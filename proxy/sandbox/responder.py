"""Answers one request: from its body to the bytes of an answer. No sockets, no waiting.

A route's parts do their work in this order: find, read, generate, keep, and say it whole or as a stream.
"""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from math import ceil
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from proxy.clock import Clock
from proxy.sandbox.cache import PrefixCache
from proxy.sandbox.generation import Draft, generate, split
from proxy.sandbox.paths import pick
from proxy.sandbox.prompt import Asked, read_inputs, read_prompt
from proxy.sandbox.prose import BYTES_PER_TOKEN
from proxy.sandbox.reply import Fault, Reply, Request
from proxy.sandbox.routing import RouteTable
from proxy.sandbox.scopes import Scopes
from proxy.sandbox.shapes import Cache, Fetch, Route, Shapes, Stream
from proxy.sandbox.shelf import Kept, Shelf
from proxy.sandbox.steering import PLAIN, Steering
from proxy.sandbox.stream import Moment, framing, moments
from proxy.sandbox.tone import CONTENT_TYPE as SOUND_TYPE
from proxy.sandbox.tone import spoken
from proxy.sandbox.upload import Upload, read_upload
from proxy.sandbox.usage import Usage
from proxy.sandbox.vectors import embed
from proxy.wire.sound import seconds_of

BROKEN = "The server had an error while processing your request."
FILE_TYPE = "application/octet-stream"
TEXT_TYPE = "text/plain; charset=utf-8"
TOKENS_PER_SECOND = 10
_ASKED = (True, "true", "sse")
"""How a request asks for a stream: in JSON, in a form, or by the name of a format."""


class _Work(Struct):
    """One request on its way through a route."""

    route: Route
    query: str
    body: Any
    upload: Upload | None
    steering: Steering
    scope: dict[str, Any]
    overrides: Mapping[str, Any]
    drafts: tuple[Draft, ...] = ()
    usage: Usage = Usage()


class Responder:
    """One provider's answers. It remembers prompts, answers and files, and nothing else."""

    def __init__(self, shapes: Shapes, clock: Clock) -> None:
        self._shapes = shapes
        self._routes = RouteTable(shapes)
        self._scopes = Scopes(shapes, clock)
        self._cache = PrefixCache()
        self._shelf = Shelf()

    def reply(self, request: Request, steering: Steering) -> Reply:
        """Return the answer. Raises Fault where a provider would answer an error."""
        route, parameters, known = self._routes.find(request.method, request.path)
        if route is None:
            raise Fault(405 if known else 404, f"Invalid URL ({request.method} {request.path})")
        body, upload = _read_body(request, route)
        for name in route.require:
            if pick(body, name) is None:
                raise Fault(400, f"Missing required parameter: '{name}'.")
        scope = self._scopes.of_route(route, parameters, body, steering)
        if route.fetch:
            return self._fetch(route, route.fetch, scope)
        work = _Work(route, request.query, body, upload, steering, scope, steering.overrides())
        self._generate(work, self._read(work))
        return self._say(work)

    def fault(self, fault: Fault, steering: Steering) -> Reply:
        """Return an error in the provider's envelope."""
        scope = self._scopes.of_error(fault.status, fault.message)
        reply = self._reply(fault.status, self._shapes.errors.body.fill(scope), scope, steering)
        if steering.retry_after:
            reply.headers["retry-after"] = steering.retry_after
        if steering.location:
            reply.headers["location"] = steering.location
        return reply

    def _read(self, work: _Work) -> Asked:
        """Count the input, and what of it is cached."""
        spec = work.route.prompt
        if spec is None:
            return Asked(b"", 0, "")
        asked = read_prompt(work.body, spec, work.route.cache)
        tokens = asked.tokens + self._earlier(work, spec.continues)
        work.usage = self._cached(work.route.cache, asked, tokens, work.scope["model"])
        cached = work.steering.cached_tokens
        if cached is not None:
            work.usage = Usage(max(tokens, cached), cached=cached)
        work.scope["subject"] = asked.subject
        return asked

    def _earlier(self, work: _Work, continues: str) -> int:
        """Return the tokens of the conversation that goes on. Raises Fault if it is not known."""
        earlier = pick(work.body, continues) if continues else None
        if earlier is None or work.route.keep is None:
            return 0
        kept = self._shelf.get(work.route.keep.kind, str(earlier))
        if kept is None:
            raise Fault(404, f"Previous {work.route.keep.kind} with id '{earlier}' not found.")
        return kept.tokens

    def _cached(self, cache: Cache | None, asked: Asked, tokens: int, model: str) -> Usage:
        """Return the input's usage: what of it was read from the cache, and what was written to it."""
        prefix = asked.text[: asked.prefix]
        if cache is None or len(prefix) < cache.tokens_min * BYTES_PER_TOKEN:
            return Usage(tokens)
        cached, kept = self._cache.see(model, prefix)
        if not cache.marker:
            return Usage(tokens, cached=cached)
        if cache.long_ttl and asked.ttl == cache.long_ttl:
            return Usage(tokens, cached=cached, written_long=kept - cached)
        return Usage(tokens, cached=cached, written=kept - cached)

    def _generate(self, work: _Work, asked: Asked) -> None:
        """Make the words or the vectors, and put them and all quantities into the scope."""
        route, model = work.route, work.scope["model"]
        if route.output:
            seed = int.from_bytes(blake2b(model.encode() + asked.text, digest_size=8).digest(), "big")
            work.drafts = generate(route.output, work.body, asked, model, work.steering, seed)
            work.usage = replace(
                work.usage,
                visible=sum(draft.visible for draft in work.drafts),
                reasoning=sum(draft.reasoning for draft in work.drafts),
            )
            work.scope |= self._scopes.of_choices(route, work.drafts)
        inputs = read_inputs(work.body, route.inputs) if route.inputs else []
        work.scope["inputs"] = [{"index": index, "input": text} for index, text in enumerate(inputs)]
        if route.vectors:
            vectors = embed(route.vectors, work.body, model, inputs)
            work.scope |= {**(vectors[0] if vectors else {}), "vectors": vectors}
        if work.upload:
            seconds = seconds_of(work.upload.content) or 0
            work.scope |= {"filename": work.upload.filename, "bytes": len(work.upload.content)}
            work.scope["seconds"] = ceil(seconds)
            if seconds:
                work.usage = replace(work.usage, input=ceil(seconds * TOKENS_PER_SECOND))
        work.scope |= work.usage.slots(work.overrides)

    def _say(self, work: _Work) -> Reply:
        """Fill the answer's template, keep the answer, and stream it if that was asked for."""
        route, scope = work.route, work.scope
        answer = route.answer.fill(scope) if route.answer else b"{}"
        reply = self._reply(200, answer, scope, work.steering)
        if route.sound:
            reply.body, reply.content_type = spoken(str(pick(work.body, route.sound))), SOUND_TYPE
        if route.plain and pick(work.body, route.plain.at) in route.plain.values:
            reply.body, reply.content_type = f"{scope['text']}\n".encode(), TEXT_TYPE
        reply.route, reply.model = route.name, scope["model"]
        if route.billed:
            reply.usage, reply.overrides = work.usage, work.overrides
        if route.keep and pick(work.body, route.keep.unless_false) is not False:
            reply.object = str(scope[route.keep.id])
            views = {view: template.fill(scope) for view, template in route.keep.also.items()}
            content = work.upload.content if work.upload else b""
            tokens = work.usage.input + work.usage.visible + work.usage.reasoning
            self._shelf.put(route.keep.kind, reply.object, Kept(answer, views, content, tokens))
        if route.stream and (route.stream.always or pick(work.body, route.stream.when) in _ASKED):
            self._stream(work, route.stream, reply)
        return reply

    def _stream(self, work: _Work, stream: Stream, reply: Reply) -> None:
        steering = work.steering
        how = framing(stream, work.query)
        words = work.route.output.words if work.route.output else 1
        pieces = [split(draft, words, steering.chunks) for draft in work.drafts]
        events = moments(stream, how, work.scope, pieces, work.usage, work.overrides)
        reply.events = _repeat_last(events) if steering.repeat_usage else events
        framed_type = self._shapes.content_type if how.array else stream.content_type
        reply.content_type = steering.content_type or framed_type
        slots = work.scope | self._scopes.of_error(500, steering.message or BROKEN)
        reply.error_event = how.frame(self._shapes.errors.event, slots, first=False) + how.end

    def _reply(self, status: int, body: bytes, scope: Mapping[str, Any], steering: Steering) -> Reply:
        headers = {name: line.fill(scope) for name, line in self._shapes.headers.items()}
        return Reply(status, body, steering.content_type or self._shapes.content_type, headers)

    def _fetch(self, route: Route, fetch: Fetch, scope: dict[str, Any]) -> Reply:
        """Give back what was kept. Raises Fault for an object that is not there."""
        name = str(scope[f"path.{fetch.id}"]) if fetch.id else ""
        content_type = self._shapes.content_type
        if not name:
            scope["kept"] = [msgspec.Raw(kept.json) for kept in self._shelf.all(fetch.kind)]
            body = route.answer.fill(scope) if route.answer else b"[]"
        else:
            kept = self._shelf.get(fetch.kind, name)
            if kept is None:
                raise Fault(404, f"No such {fetch.kind}: '{name}'.")
            if fetch.view == "content":
                body, content_type = kept.content, FILE_TYPE
            elif fetch.view:
                body = kept.views[fetch.view]
            else:
                body = route.answer.fill(scope) if route.answer else kept.json
        if fetch.delete:
            self._shelf.drop(fetch.kind, name)
        reply = self._reply(200, body, scope, PLAIN)
        reply.content_type, reply.route, reply.object = content_type, route.name, name
        return reply


def _read_body(request: Request, route: Route) -> tuple[Any, Upload | None]:
    """Return the parsed body. Raises Fault if it is not what the route takes."""
    if route.upload:
        upload = read_upload(request.headers.get("content-type", ""), request.raw, route.upload)
        if upload is None:
            raise Fault(400, f"Expected a multipart form with the file '{route.upload}'.")
        return upload.fields, upload
    if not request.raw:
        return {}, None
    try:
        return msgspec.json.decode(request.raw), None
    except msgspec.DecodeError as error:
        raise Fault(400, f"We could not parse the JSON body of your request: {error}") from None


def _repeat_last(events: Iterator[Moment]) -> Iterator[Moment]:
    """Yield the events with the last one that has JSON data twice."""
    told = list(events)
    last = max((at for at, moment in enumerate(told) if b"{" in moment.data), default=-1)
    for at, moment in enumerate(told):
        yield moment
        if at == last:
            yield moment
