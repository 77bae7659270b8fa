from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientPayloadError, web
from msgspec import Struct

from proxy.errors import BadRequest
from proxy.web.operator.dispatch import route_def
from proxy.web.operator.doors import DOORS, Visit
from proxy.web.operator.messages import admin_only, faults
from proxy.web.operator.route import Route, Streamed

TOKEN = {"Authorization": "Bearer the-admin-token"}


class Asked(Struct, forbid_unknown_fields=True):
    flag: bool = False
    name: str = "nobody"


class Told(Struct):
    flag: bool
    name: str


async def tell(visit: Visit, name: str, query: Asked) -> Told:
    assert visit.doors.admin_token
    return Told(query.flag, name)


async def make(visit: Visit, body: Asked) -> Told:
    return Told(body.flag, body.name)


async def nothing(visit: Visit) -> Told:
    return Told(False, "")


async def count(visit: Visit, name: str) -> Streamed:
    async def chunks() -> AsyncIterator[bytes]:
        if name == "early":
            raise BadRequest("none of it")
        yield b"1\n"
        if name == "late":
            raise ValueError("half of it")
        yield b"2\n"

    return Streamed("text/plain", chunks())


@pytest.fixture
async def client(api, aiohttp_client):
    app = web.Application(middlewares=[faults, admin_only])
    app[DOORS] = api.client.app[DOORS]
    rows = (
        Route("GET", "/tell/{name}", tell),
        Route("POST", "/make", make, 201),
        Route("POST", "/nothing", nothing),
        Route("GET", "/count/{name}", count, produces=("text/plain",)),
    )
    app.add_routes([route_def(row) for row in rows])
    return await aiohttp_client(app)


async def ask(client, method: str, path: str, body: bytes = b""):
    response = await client.request(method, f"/admin/v1{path}", data=body, headers=TOKEN)
    return response.status, await response.json()


async def test_path_and_query(client) -> None:
    assert await ask(client, "GET", "/tell/a%2Fb?flag=true") == (200, {"flag": True, "name": "a/b"})
    status, document = await ask(client, "GET", "/tell/a?flga=true")
    assert (status, "unknown field `flga`" in document["error"]["message"]) == (400, True)


async def test_a_body_whose_fields_all_have_defaults_may_be_left_out(client) -> None:
    assert await ask(client, "POST", "/make") == (201, {"flag": False, "name": "nobody"})
    assert await ask(client, "POST", "/make", b'{"name": "x"}') == (201, {"flag": False, "name": "x"})


@pytest.mark.parametrize("path", ["/nothing?x=1", "/make?x=1"])
async def test_a_query_that_nothing_reads_is_an_error(client, path: str) -> None:
    assert (await ask(client, "POST", path))[0] == 400


async def test_a_body_that_nothing_reads_is_an_error(client) -> None:
    assert (await ask(client, "POST", "/nothing", b"{}"))[0] == 200
    assert (await ask(client, "POST", "/nothing", b'{"flag": true}'))[0] == 400


async def test_streams(client) -> None:
    response = await client.get("/admin/v1/count/all", headers=TOKEN)
    assert (response.content_type, await response.text()) == ("text/plain", "1\n2\n")
    assert response.headers["Cache-Control"] == "no-store"


async def test_a_stream_that_fails_at_once_is_answered(client) -> None:
    assert await ask(client, "GET", "/count/early") == (
        400,
        {"error": {"code": "invalid_request", "message": "none of it"}},
    )


async def test_a_stream_that_fails_later_never_looks_whole(client) -> None:
    response = await client.get("/admin/v1/count/late", headers=TOKEN)
    with pytest.raises(ClientPayloadError):
        await response.text()
