"""The operator API of a real process is what its OpenAPI document says: every route, its answer and its errors.

A new route needs a row in `EXAMPLES`; a test says which one is missing.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from support.caller import call, chat, request
from support.house import House
from support.price_lists import map_file

from proxy.web.operator.routes import ROUTES

pytestmark = pytest.mark.process


@dataclass(frozen=True)
class Example:
    """What a route is asked with. `{tenant}`, `{key}`, `{call}` and `{entry}` stand for ids of the house."""

    path: str
    query: dict[str, str] | None = None
    body: dict[str, Any] | None = None


EXAMPLES: dict[str, Example] = {
    "create_tenant": Example("/tenants", body={"name": "new", "test": True}),
    "list_tenants": Example("/tenants", {"limit": "2"}),
    "show_tenant": Example("/tenants/acme"),
    "suspend_tenant": Example("/tenants/{tenant}/suspend"),
    "resume_tenant": Example("/tenants/{tenant}/resume"),
    "set_minimum": Example("/tenants/{tenant}/minimum", body={"minimum_usd": "-1.5"}),
    "create_key": Example("/keys", body={"tenant": "acme", "expires": "30d", "models": ["gpt-5*"]}),
    "list_keys": Example("/keys", {"tenant": "acme"}),
    "show_key": Example("/keys/{key}"),
    "rotate_key": Example("/keys/{key}/rotate", body={"overlap": "1h"}),
    "revoke_key": Example("/keys/{key}/revoke"),
    "create_credit": Example("/credits", body={"tenant": "acme", "amount_usd": 0.25, "reference": "example"}),
    "show_balance": Example("/balances/{tenant}"),
    "set_margin": Example("/margins", body={"pct": "15", "tenant": "acme"}),
    "post_margin": Example("/margins", body={"pct": 12.5, "meter": "openai.output_tokens"}),
    "unset_margin": Example("/margins", {"integration": "openai"}),
    "list_margins": Example("/margins"),
    "explain_margin": Example("/margins/explain", {"tenant": "acme", "meter": "openai.output_tokens"}),
    "set_cap": Example("/caps", body={"limit_usd": "2.5", "tenant": "acme", "window": "daily", "model": "gpt-5*"}),
    "list_caps": Example("/caps", {"tenant": "acme", "near": "true"}),
    "unset_cap": Example("/caps", {"tenant": "acme", "window": "monthly", "integration": "openai"}),
    "list_rates": Example("/rates", {"integration": "openai"}),
    "show_rates": Example("/rates/openai/gpt-5-mini", {"tenant": "acme"}),
    "sync_rates": Example("/rates/sync", body={"write": False}),
    "quote": Example(
        "/quote", body={"integration": "openai", "model": "gpt-5-mini", "tenant": "acme", "input_tokens": 1000}
    ),
    "list_entries": Example("/ledger", {"tenant": "acme", "limit": "5"}),
    "export_ledger": Example("/ledger/export", {"all": "true"}),
    "show_entry": Example("/ledger/{entry}"),
    "explain_entry": Example("/ledger/{entry}/explain"),
    "list_calls": Example("/calls", {"tenant": "acme"}),
    "show_call": Example("/calls/{call}"),
    "list_holds": Example("/holds"),
    "list_exposures": Example("/exposures"),
    "show_usage": Example("/usage", {"tenant": "acme", "by": "model", "since": "today"}),
    "verify": Example("/verify"),
    "follow_verification": Example("/verify/progress"),
    "list_audit": Example("/audit", {"since": "yesterday", "action": "key"}),
    "reload": Example("/reload"),
    "show_openapi": Example("/openapi.json"),
}


@dataclass
class Api:
    """A running house's API, the document that it serves, and ids to fill into examples."""

    house: House
    ids: dict[str, str]
    document: Any = None

    def ask(self, method: str, path: str, query: Any = None, body: Any = None) -> tuple[int, str, bytes]:
        """Make a request; return status, content type and body."""
        token = (self.house.folder / "books.db.admin-token").read_text().strip()
        asked = urllib.request.Request(
            f"{self.house.operator}/admin/v1{path}{'?' + urlencode(query) if query else ''}",
            data=json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={"Authorization": f"Bearer {token}"},
        )
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:
                return answer.status, answer.headers.get_content_type(), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get_content_type(), error.read()

    def done(self, method: str, path: str, query: Any = None, body: Any = None) -> Any:
        status, _, answered = self.ask(method, path, query, body)
        assert status < 300, answered
        return json.loads(answered)

    def operation(self, name: str) -> tuple[str, str, Any]:
        """Return an operation's method, path and description."""
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                if operation["operationId"] == name:
                    return method.upper(), path, operation
        raise AssertionError(f"{name} is not in the document")

    def check(self, response: Any, content_type: str, body: bytes) -> None:
        """Hold an answer against its part of the document, in which no field may be missing."""
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
        contents = {named.split(";")[0]: content for named, content in response["content"].items()}
        schema = contents[content_type]["schema"]
        if content_type == "application/json":
            whole = {**schema, "components": {"schemas": closed(self.document["components"]["schemas"])}}
            Draft202012Validator(whole).validate(json.loads(body))


def closed(schemas: dict[str, Any]) -> dict[str, Any]:
    """Return schemas that allow no field that they do not name."""
    return {
        name: schema | ({"additionalProperties": False} if "properties" in schema else {})
        for name, schema in schemas.items()
    }


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A house with a tenant that has made a call."""
    folder = tmp_path_factory.mktemp("house")
    entry = {"litellm_provider": "openai", "input_cost_per_token": 1, "output_cost_per_token": -1}
    settings = {"rates_sync": {"litellm": str(map_file(folder, {"gpt-4o": entry}))}}
    house = House(folder, {"openai": {"upstream": "sandbox"}}, settings).start()
    try:
        found = Api(house, {})
        tenant = found.done("POST", "/tenants", body={"name": "acme"})["id"]
        found.done("POST", "/credits", body={"tenant": tenant, "amount_usd": "10"})
        key = found.done("POST", "/keys", body={"tenant": tenant})
        found.done("PUT", "/margins", body={"pct": "30", "integration": "openai"})
        of_openai = {"tenant": "acme", "window": "monthly", "integration": "openai"}
        found.done("PUT", "/caps", body={"limit_usd": "20", **of_openai})
        answer = call(house.edge, request(key["key"], chat()))
        assert answer.status == 200
        (entry, _) = found.done("GET", "/ledger", {"tenant": "acme"})["data"]
        assert entry["kind"] == "call"
        found.ids.update(tenant=tenant, key=key["id"], entry=entry["id"], call=answer.headers["faregate-call-id"])
        found.document = found.done("GET", "/openapi.json")
        yield found
    finally:
        assert house.stop() == 0, house.log
        assert "Traceback" not in house.log


def test_the_document_is_valid_openapi(api: Api) -> None:
    validate(api.document)


def test_router_document_and_examples_name_the_same_routes(api: Api) -> None:
    listed = {
        (method.upper(), path, operation["operationId"])
        for path, methods in api.document["paths"].items()
        for method, operation in methods.items()
    }
    assert listed == {(route.method, route.path, route.name) for route in ROUTES}
    assert {name for *_, name in listed} == set(EXAMPLES), "every route has a row in EXAMPLES, and the other way round"


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_answered_is_what_the_document_says(api: Api, name: str) -> None:
    example = EXAMPLES[name]
    method, path, operation = api.operation(name)
    if name == "rotate_key":  # the key of the house stays as it is for the other examples
        api.ids["key"] = api.done("POST", "/keys", body={"tenant": "acme"})["id"]
    asked = example.path.format(**api.ids)
    status, content_type, body = api.ask(method, asked, example.query, example.body)
    assert status < 300, body
    assert asked.count("/") == path.count("/")
    api.check(operation["responses"][str(status)], content_type, body)


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_refused_has_the_one_shape(api: Api, name: str) -> None:
    """A query that no route knows; and where a body is read, one that does not fit."""
    example = EXAMPLES[name]
    method, _, operation = api.operation(name)
    wrong = [({"nonsense": "1"}, example.body)]
    if "requestBody" in operation:
        wrong.append((None, (example.body or {}) | {"nonsense": 1}))
    for query, body in wrong:
        status, content_type, answered = api.ask(method, example.path.format(**api.ids), query, body)
        assert status == 400
        api.check(operation["responses"]["default"], content_type, answered)
        assert "nonsense" in json.loads(answered)["error"]["message"]


@pytest.mark.parametrize("name", [name for name, example in EXAMPLES.items() if "{" in example.path])
def test_an_unknown_name_is_not_found(api: Api, name: str) -> None:
    example = EXAMPLES[name]
    method, _, operation = api.operation(name)
    path = example.path.format(
        tenant=quote("nobody / at all", safe=""), key="key_none", entry="led_none", call="call_none"
    )
    status, content_type, answered = api.ask(method, path, example.query, example.body)
    assert status == 404
    api.check(operation["responses"]["default"], content_type, answered)
    assert "there is no" in json.loads(answered)["error"]["message"]
