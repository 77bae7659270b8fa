"""A real SQLite store behind a real operator app: the API is tested as an operator meets it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from doubles.desk import TOKEN, Desk

from proxy.web.operator.app import operator_app
from proxy.web.operator.doors import DOORS, OperatorDoors


class Api(Desk):
    """The API as tests speak to it: method and path in, status and document out."""

    client: TestClient[Any, Any]

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        options.setdefault("headers", {"Authorization": f"Bearer {TOKEN}"})
        response = await self.client.request(method, f"/admin/v1{path}", json=body, **options)
        return response.status, await response.json()

    async def done(self, method: str, path: str, body: Any = None) -> Any:
        status, document = await self.ask(method, path, body)
        assert status < 300, document
        return document

    async def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str, str]:
        status, document = await self.ask(method, path, body)
        assert set(document) == {"error"}
        assert set(document["error"]) == {"code", "message"}
        return status, document["error"]["code"], document["error"]["message"]


@pytest.fixture
async def api(tmp_path: Path, aiohttp_client: Callable[..., Awaitable[TestClient[Any, Any]]]) -> AsyncIterator[Api]:
    desk = Api(tmp_path / "books.db")
    desk.client = await aiohttp_client(operator_app(await desk.open()))
    yield desk
    await desk.close()


@pytest.fixture
async def tenant(api: Api) -> str:
    """The id of a tenant with 10 USD."""
    made = await api.done("POST", "/tenants", {"name": "Acme"})
    await api.done("POST", "/credits", {"tenant": made["id"], "amount_usd": "10"})
    return str(made["id"])


@pytest.fixture
def doors(api: Api) -> OperatorDoors:
    """What the handlers of `api` reach."""
    return api.client.app[DOORS]
