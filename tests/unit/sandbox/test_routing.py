from collections.abc import Callable

import pytest

from proxy.sandbox.routing import RouteTable
from proxy.sandbox.shapes import Shapes


@pytest.mark.parametrize(
    ("name", "method", "path", "route", "parameters"),
    [
        ("openai", "POST", "/v1/chat/completions", "chat", {}),
        ("openai", "GET", "/v1/responses/resp_1/input_items", "responses.input_items", {"id": "resp_1"}),
        ("openai", "POST", "/v1/responses/input_tokens", "responses.input_tokens", {}),
        ("openai", "GET", "/v1/models/ft%3Agpt-4o%3Ame", "models.get", {"model": "ft:gpt-4o:me"}),
        (
            "gemini",
            "POST",
            "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
            "streamGenerateContent",
            {"version": "v1beta", "model": "gemini-2.5-flash"},
        ),
        ("gemini", "GET", "/v1/models/gemini-2.5-pro", "models.get", {"version": "v1", "model": "gemini-2.5-pro"}),
        ("anthropic", "POST", "/v1/messages/count_tokens", "messages.count_tokens", {}),
    ],
)
def test_routes_are_found(
    load: Callable[[str], Shapes], name: str, method: str, path: str, route: str, parameters: dict[str, str]
) -> None:
    found, given, known = RouteTable(load(name)).find(method, path)
    assert found is not None
    assert (found.name, given, known) == (route, parameters, True)


@pytest.mark.parametrize(
    ("method", "path", "known"),
    [
        ("GET", "/v1/chat/completions", True),
        ("PUT", "/v1/files/file-1", True),
        ("POST", "/v1/chat", False),
        ("GET", "/v1/models/../x", False),
    ],
)
def test_others_are_not(load: Callable[[str], Shapes], method: str, path: str, known: bool) -> None:
    assert RouteTable(load("openai")).find(method, path) == (None, {}, known)
