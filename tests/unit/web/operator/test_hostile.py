"""Whatever an operator's client sends, the API answers in its one shape, never with a fault of ours."""

import json
import random  # noqa: TID251  # requests are rolled from a seed, so that a failure replays
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from doubles.desk import TOKEN

from proxy.web.operator.route import Route
from proxy.web.operator.routes import ROUTES

EACH = 24
HOSTILE: tuple[Any, ...] = (
    *("", " ", "\x00", "\r\nx: y", "' OR 1=1 --", "%00", "../../etc/passwd", "\ud800", "=HYPERLINK(1)", "a" * 5000),
    *("tnt_", "Acme", "call_01", "NaN", "Infinity", "-1", "1e999", "0.0000000001", "9" * 400, "\u202e", "*", "[", "**"),
    *(None, True, False, 0, -1, 1.5, 10**18, -(10**40), 1e308, [], {}, [[]], {"a": {"b": []}}, ["x"] * 500),
    *("2026-02-30", "9999-12-31", "0001-01-01", "2026-11-21T25:00:00Z", "yesterday", "openai", "openai.output_tokens"),
)
RAW = (
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b"\xff\xfe",
    b'{"a":1,"a":2}',
    b"[" * 100_000,
    b"{}" + b" " * 100_000,
    b"1e9999",
)
LEFT_ALONE = {"/rates/sync", "/reload", "/verify/progress"}
"""What reads files of the operator's, or goes on by itself, is tested by its own tests."""


def rolled(route: Route, dice: random.Random, tenant: str) -> tuple[str, bytes | None]:
    """Return a path with its query, and a body: names that the route knows with values that it cannot like."""
    path = route.path
    for part in route.signature.path:
        path = path.replace(f"{{{part}}}", quote(word(dice, tenant), safe="") or "x")
    query = route.signature.query
    if query is not None:
        names = [field.encode_name for field in msgspec.structs.fields(query) if dice.random() < 0.7]
        path += "?" + "&".join(f"{name}={quote(word(dice, tenant))}" for name in [*names, "x"][: dice.randint(0, 9)])
    if route.signature.body is None and dice.random() < 0.8:
        return path, None
    if route.signature.body is None or dice.random() < 0.2:
        return path, dice.choice(RAW)
    fields = [field.encode_name for field in msgspec.structs.fields(route.signature.body)]
    body = {name: dice.choice((*HOSTILE, tenant)) for name in fields if dice.random() < 0.8}
    return path, json.dumps(body).encode()


def word(dice: random.Random, tenant: str) -> str:
    """Return something to put into a path or a query."""
    value = dice.choice((*HOSTILE, tenant))
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else str(value)[:2000]


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.path not in LEFT_ALONE], ids=lambda each: each.name
)
async def test_nothing_that_a_client_sends_is_a_fault_of_ours(api: Any, tenant: str, route: Route) -> None:
    dice = random.Random(route.name)
    for _ in range(EACH):
        path, body = rolled(route, dice, tenant)
        answer = await api.client.request(
            route.method, f"/admin/v1{path}", data=body, headers={"Authorization": f"Bearer {TOKEN}"}
        )
        said = await answer.read()
        assert answer.status < 500, (route.method, path, body, said)
        assert b"Traceback" not in said
        if answer.status >= 400:
            assert set(json.loads(said)) == {"error"}
    verdict = await api.done("GET", "/verify")
    assert verdict["ok"], verdict


def test_what_is_left_alone_is_there() -> None:
    assert {route.path for route in ROUTES} >= LEFT_ALONE
