import logging

import pytest
from aiohttp import web

from proxy.errors import InvariantBroken, LedgerUnavailable
from proxy.web.operator.doors import DOORS
from proxy.web.operator.messages import BODY_BYTES_MAX, admin_only, faults


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic the-admin-token",
        "the-admin-token",
        "Bearer the-admin-token2",
        "Bearer the-admin-tokeñ",
    ],
)
@pytest.mark.parametrize("path", ["/tenants", "/nowhere"])
async def test_nothing_without_the_token(api, header: str | None, path: str) -> None:
    headers = {} if header is None else {"Authorization": header}
    status, document = await api.ask("GET", path, headers=headers)
    assert (status, document["error"]["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("path", ["/", "/admin", "/%61dmin/v1/tenants", "/metrics/"])
async def test_only_the_three_open_paths_need_no_token(api, path: str) -> None:
    response = await api.client.get(path)
    assert response.status == 401


async def test_the_token_passes_in_any_case_of_bearer(api) -> None:
    status, _ = await api.ask("GET", "/tenants", headers={"Authorization": "bearer  the-admin-token "})
    assert status == 200


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "missing required field `name`"),
        (b"{", "truncated"),
        (b"[]", "expected `object`, got `array`"),
        (b"{}", "missing required field `name`"),
        (b'{"name": 5}', "expected `str`, got `int` - at `$.name`"),
        (b'{"name": "a", "tset": true}', "unknown field `tset`"),
        (b'{"name": "\xff"}', "the body: "),
    ],
)
async def test_bodies_are_read_strictly(api, body: bytes, why: str) -> None:
    response = await api.client.post(
        "/admin/v1/tenants", data=body, headers={"Authorization": "Bearer the-admin-token"}
    )
    error = (await response.json())["error"]
    assert (response.status, error["code"]) == (400, "invalid_request")
    assert why in error["message"]


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("limit=0", ">= 1"),
        ("limit=1001", "<= 1000"),
        ("limit=x", "expected `int`"),
        ("limt=1", "unknown field `limt`"),
        ("limit=1&limit=2", "given twice"),
    ],
)
async def test_queries_are_read_strictly(api, query: str, why: str) -> None:
    status, code, message = await api.refused("GET", f"/tenants?{query}")
    assert (status, code) == (400, "invalid_request")
    assert why in message


async def test_unknown_paths_methods_and_large_bodies_have_the_same_shape(api) -> None:
    assert (await api.refused("GET", "/nothing"))[:2] == (404, "not_found")
    assert (await api.refused("DELETE", "/tenants"))[:2] == (405, "method_not_allowed")
    assert (await api.refused("POST", "/tenants", {"name": "x" * BODY_BYTES_MAX}))[:2] == (413, "too_large")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (LedgerUnavailable("disk"), 503, "ledger_unavailable"),
        (InvariantBroken("sum"), 500, "internal_error"),
        (ValueError("canary"), 500, "internal_error"),
    ],
)
async def test_faults_of_ours_say_nothing_of_the_inside(
    api, aiohttp_client, caplog: pytest.LogCaptureFixture, error: Exception, status: int, code: str
) -> None:
    async def broken(_: web.Request) -> web.Response:
        raise error

    app = web.Application(middlewares=[faults, admin_only])
    app[DOORS] = api.client.app[DOORS]
    app.router.add_get("/broken", broken)
    client = await aiohttp_client(app)
    with caplog.at_level(logging.ERROR):
        response = await client.get("/broken", headers={"Authorization": "Bearer the-admin-token"})
    text = await response.text()
    assert (response.status, (await response.json())["error"]["code"]) == (status, code)
    assert "canary" not in text
    assert "Traceback" not in text
    assert bool(caplog.records) == (status == 500)


async def test_answers_are_not_kept_on_the_way(api) -> None:
    response = await api.client.get("/admin/v1/tenants", headers={"Authorization": "Bearer the-admin-token"})
    assert response.headers["Cache-Control"] == "no-store"
    assert response.content_type == "application/json"
