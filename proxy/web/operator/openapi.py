"""The operator API as an OpenAPI 3.1 document, made from the table of routes and the types of its handlers."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Raw, Struct, json
from msgspec.structs import fields

from proxy import __version__
from proxy.web.operator.documents.error import ErrorDocument
from proxy.web.operator.messages import PREFIX
from proxy.web.operator.route import JSON, Route, Streamed

Part = dict[str, Any]

_REF = "#/components/schemas/{name}"
_INTRODUCTION = """\
What an operator does and sees. Every request carries the admin token; bodies and queries are read strictly, so that
a misspelt field is an error. Amounts end in their unit: `_nanos` (1 USD is 1,000,000,000) and `_micros` are
integers, `_usd` is an exact decimal string. Times are RFC 3339 in UTC."""


def openapi(routes: Sequence[Route]) -> Part:
    """Return the document, as plain JSON content."""
    queries = [route.signature.query for route in routes if route.signature.query]
    types = [*queries, *(each for route in routes for each in _shown(route)), ErrorDocument]
    schemas, components = json.schema_components(types, ref_template=_REF)
    named = dict(zip(types, schemas, strict=True))
    shapes = {each: components.pop(each.__name__) for each in dict.fromkeys(queries)}
    paths: dict[str, Part] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, named, shapes)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Faregate operator API", "version": __version__, "description": _INTRODUCTION},
        "servers": [{"url": PREFIX}],
        "security": [{"admin_token": []}],
        "paths": paths,
        "components": {
            "schemas": {name: _as_written(components[name]) for name in sorted(components)},
            "securitySchemes": {"admin_token": {"type": "http", "scheme": "bearer"}},
            "responses": {"error": _answer("It was not done: `error.message` says why.", named[ErrorDocument])},
        },
    }


def _as_written(schema: Any) -> Any:
    """Return a schema as JSON content, decimals as they are: asked as a string or a number, answered as a number.

    `DecimalNumber`, which requests use, has a description.
    """
    if isinstance(schema, dict):
        if schema.get("format") == "decimal":
            return schema | {"type": ["string", "number"]} if "description" in schema else {"type": "number"}
        return {name: _as_written(each) for name, each in schema.items()}
    if isinstance(schema, list | tuple):
        return [_as_written(each) for each in schema]
    return schema


def words(route: Route) -> tuple[str, str]:
    """Return a route's summary and the rest of what its handler's docstring says."""
    text = " ".join((inspect.getdoc(route.handler) or "").split())
    summary, _, rest = text.partition(". ")
    return summary.removesuffix("."), rest


def _shown(route: Route) -> Iterable[Any]:
    """Yield the types of a route's bodies."""
    if route.signature.body is not None:
        yield route.signature.body
    if not _is_free(route.signature.answer):
        yield route.signature.answer


def _is_free(answer: Any) -> bool:
    return answer in (Raw, Streamed)


def _operation(route: Route, named: Mapping[Any, Part], shapes: Mapping[type[Struct], Part]) -> Part:
    signature = route.signature
    summary, rest = words(route)
    operation: Part = {"operationId": route.name, "tags": [route.path.split("/")[1]], "summary": summary}
    if signature.query is not None:
        rest = f"{rest} {' '.join(shapes[signature.query].get('description', '').split())}".strip()
    if rest:
        operation["description"] = rest
    parameters = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in signature.path]
    if signature.query is not None:
        parameters += _query(shapes[signature.query])
    if parameters:
        operation["parameters"] = parameters
    if signature.body is not None:
        content = {JSON: {"schema": named[signature.body]}}
        needed = any(field.required for field in fields(signature.body))
        operation["requestBody"] = {"required": needed, "content": content}
    schema = {"type": "object"} if _is_free(signature.answer) else named[signature.answer]
    operation["responses"] = {
        str(route.status): _answer("Done." if route.changes else "Found.", schema, route.produces),
        "default": {"$ref": "#/components/responses/error"},
    }
    return operation


def _query(shape: Part) -> list[Part]:
    """Return a query struct's fields as parameters."""
    return [
        {"name": name, "in": "query", "required": name in shape.get("required", ()), "schema": schema}
        for name, schema in shape["properties"].items()
    ]


def _answer(description: str, schema: Part, produces: Sequence[str] = (JSON,)) -> Part:
    return {
        "description": description,
        "content": {kind: {"schema": schema if kind == JSON else {"type": "string"}} for kind in produces},
    }
