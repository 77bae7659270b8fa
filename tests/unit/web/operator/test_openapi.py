from decimal import Decimal

from msgspec import Raw, Struct
from openapi_spec_validator import validate

from proxy.web.operator.amounts import DecimalNumber
from proxy.web.operator.documents.page import Limit
from proxy.web.operator.doors import Visit
from proxy.web.operator.openapi import openapi
from proxy.web.operator.route import Route, Streamed
from proxy.web.operator.routes import ROUTES


class Page(Struct, forbid_unknown_fields=True):
    """Which."""

    tenant: str
    limit: Limit = 100


class Change(Struct, forbid_unknown_fields=True):
    """What."""

    usd: DecimalNumber
    note: str = ""


class Told(Struct):
    """That."""

    amount: int | Decimal


async def change(visit: Visit, key: str, query: Page, body: Change) -> Told:
    """Change a key. It says `more`
    on a second line.
    """
    return Told(1)


async def export(visit: Visit) -> Streamed:
    """Export."""
    raise NotImplementedError


async def raw(visit: Visit) -> Raw:
    """Show."""
    return Raw(b"{}")


def test_the_shipped_document_is_valid_openapi_3_1() -> None:
    document = openapi(ROUTES)
    assert document["openapi"].startswith("3.1.")
    validate(document)


def test_an_operation_is_what_its_handler_says() -> None:
    document = openapi([Route("PUT", "/keys/{key}", change, 201)])
    validate(document)
    operation = document["paths"]["/keys/{key}"]["put"]
    assert operation["operationId"] == "change"
    assert operation["tags"] == ["keys"]
    assert operation["summary"] == "Change a key"
    assert operation["description"] == "It says `more` on a second line. Which."
    assert [(p["name"], p["in"], p["required"]) for p in operation["parameters"]] == [
        ("key", "path", True),
        ("tenant", "query", True),
        ("limit", "query", False),
    ]
    assert operation["parameters"][2]["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    assert operation["requestBody"]["required"] is True
    assert set(operation["responses"]) == {"201", "default"}
    shapes = document["components"]["schemas"]
    assert set(shapes) == {"Change", "Told", "ErrorDocument", "Problem"}
    assert shapes["Change"]["additionalProperties"] is False


def test_decimals_are_asked_as_either_and_answered_as_numbers() -> None:
    shapes = openapi([Route("PUT", "/keys/{key}", change)])["components"]["schemas"]
    assert shapes["Change"]["properties"]["usd"]["type"] == ["string", "number"]
    assert shapes["Told"]["properties"]["amount"] == {"anyOf": [{"type": "integer"}, {"type": "number"}]}


def test_answers_that_are_no_struct() -> None:
    document = openapi(
        [Route("GET", "/export", export, produces=("text/csv", "application/x-ndjson")), Route("GET", "/raw", raw)]
    )
    validate(document)
    streamed = document["paths"]["/export"]["get"]["responses"]["200"]["content"]
    assert set(streamed) == {"text/csv", "application/x-ndjson"}
    assert document["paths"]["/raw"]["get"]["responses"]["200"]["content"] == {
        "application/json": {"schema": {"type": "object"}}
    }
