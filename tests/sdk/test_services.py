"""Cohere's, Tavily's and Ollama's own SDKs: dialects of their own, units besides tokens, streams as lines."""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.house import House
from support.sdk import SCRIPTS, interpreter
from support.upstream import Seen, Upstream, upstream

pytestmark = [pytest.mark.process, pytest.mark.sdk]

EXCHANGES = Path(__file__).resolve().parents[1] / "exchanges"
TYPES = {".json": "application/json", ".sse": "text/event-stream", ".ndjson": "application/x-ndjson"}
ANSWERS = {
    ("/v2/chat", False): "cohere/chat/json_thinking",
    ("/v2/chat", True): "cohere/chat/stream",
    ("/v1/chat", True): "cohere/chat_v1/stream",
    ("/v2/embed", False): "cohere/embed/pictures",
    ("/v2/rerank", False): "cohere/rerank/many_documents",
    ("/search", False): "tavily/credits/search",
    ("/api/chat", True): "ollama/native/chat_stream",
    ("/api/generate", False): "ollama/native/cached_prompt",
    ("/api/embed", False): "ollama/native/embed",
}
"""Which exchange each provider answers with: by path, and whether it shall stream."""

SCRIPT_S = 100


def answer(connection: socket.socket, seen: Seen) -> None:
    """Answer as the providers do."""
    body = json.loads(seen.body)
    path = next((EXCHANGES / ANSWERS[seen.line.split()[1], bool(body.get("stream"))]).glob("response.*"))
    data = path.read_bytes()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {TYPES[path.suffix]}\r\nContent-Length: {len(data)}\r\n\r\n"
    connection.sendall(head.encode() + data)


@pytest.fixture(scope="module")
def providers() -> Iterator[Upstream]:
    interpreter("services")  # skips before anything is started
    with upstream(answer) as made:
        yield made


@pytest.fixture(scope="module")
def house(providers: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    chosen = {"api_key": "sk-operator", "upstream": providers.origin}
    made = House(tmp_path_factory.mktemp("house"), dict.fromkeys(("cohere", "tavily", "ollama"), chosen)).start()
    try:
        yield made
        assert made.cli("ledger", "verify")["ok"] is True
        assert made.stop() == 0
        assert "Traceback" not in made.log, made.log
    finally:
        made.stop()


@pytest.fixture(scope="module")
def said(house: House) -> dict[str, Any]:
    """What the script found."""
    told = {"edge": house.edge, "key": house.tenant("acme"), "poor": house.tenant("poor", "0")}
    done = subprocess.run(
        [str(interpreter("services")), str(SCRIPTS / "services_calls.py")],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=SCRIPT_S,
        check=False,
        env=house.environment | {"PYTHONWARNINGS": "default"},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_answers_reach_the_sdks_as_they_are(said: dict[str, Any]) -> None:
    sea = "The North Sea."
    assert [said["cohere"][name] for name in ("chat", "chat stream", "chat v1 stream")] == [sea] * 3
    assert (said["cohere"]["embed"], said["cohere"]["rerank"]) == ([[0.1]], [0])
    assert said["tavily"]["search"] == "Sea"
    assert [said["ollama"][name] for name in ("chat stream", "generate", "embed")] == [sea, sea, 2]


def test_refusals_are_the_sdks_own_errors(said: dict[str, Any]) -> None:
    assert said["cohere"]["402"] == ["ApiError", 402, True]
    assert said["tavily"]["402"][0] == "HTTPError"
    assert said["ollama"]["wrong key"][:2] == ["ResponseError", 401]


def test_each_call_is_metered_in_its_own_units(house: House, said: dict[str, Any]) -> None:
    entries = house.calls("acme")
    billed = {(one["call"]["integration"], one["call"]["endpoint"]): one for one in reversed(entries)}
    assert {where: one["call"]["usage"] for where, one in billed.items()} == {
        ("cohere", "v2/chat"): {"input_tokens": 5, "output_tokens": 4},
        ("cohere", "v1/chat"): {"input_tokens": 4, "output_tokens": 4},
        ("cohere", "v2/embed"): {"input_image_tokens": 1204},
        ("cohere", "v2/rerank"): {"search_units": 2},
        ("tavily", "search"): {"credits": 2},
        ("ollama", "api/chat"): {"input_tokens": 29, "output_tokens": 8},
        ("ollama", "api/generate"): {"output_tokens": 6},
        ("ollama", "api/embed"): {"input_tokens": 4},
    }
    assert len(entries) == 9
    assert {one["call"]["certainty"] for one in entries} == {"exact"}
    cost = {where: one["call"]["upstream_cost_nanos"] for where, one in billed.items()}
    assert cost["cohere", "v2/rerank"] == 2 * 2_000_000
    assert cost["tavily", "search"] == 2 * 8_000_000
    assert cost["ollama", "api/chat"] == 0


def test_providers_saw_our_key_alone_and_were_asked_for_credits(providers: Upstream, said: dict[str, Any]) -> None:
    assert {seen.headers["authorization"] for seen in providers.seen} == {"Bearer sk-operator"}
    [search] = [json.loads(seen.body) for seen in providers.seen if seen.line.startswith("POST /search")]
    assert search["include_usage"] is True
