"""Providers that speak OpenAI's dialect, with the SDKs that people use for them: one file of data each, no Python.

Three of them are charged by more than their rates: xAI and OpenRouter by the cost that they state, Azure by the model
that its answer names. A fourth is `openai-compatible.yaml`, copied.
"""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.house import House
from support.sdk import SCRIPTS, interpreter
from support.upstream import Seen, Upstream, upstream

from proxy.loading.shipped import shipped

pytestmark = [pytest.mark.process, pytest.mark.sdk]

SKY = "Rayleigh."
SCRIPT_S = 100
TOKENS = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
USAGE: dict[str, dict[str, Any]] = {
    "grok-4.7": {"cost_in_usd_ticks": 5_000_000, "completion_tokens_details": {"reasoning_tokens": 0}},
    "brand/new-model": {"cost": 0.0012},
}
COPIED_RATES = """integration: copycat
source: "https://copycat.example/prices"
checked: 2026-11-21
per: 1000000
models:
  - match: [cat-1]
    window: 8000
    output_max: 4000
    rates:
      - {usd: {input_tokens: "3", output_tokens: "7"}}
"""
CALLS = {
    # 100 in and 10 out: 2 and 6 USD a million by the rates, 0.0005 USD as xAI states.
    ("xai", "chat/completions"): ("grok-4.7", 500_000),
    ("openrouter", "chat/completions"): ("brand/new-model", 1_200_000),
    # 0.25 and 2 USD a million: the model that `our-mini` stands for, and the one that the answer names.
    ("azure-openai", "deployments/chat/completions"): ("gpt-5-mini", 45_000),
    ("copycat", "chat/completions"): ("cat-1", 370_000),
    ("groq", "chat/completions"): ("openai/gpt-oss-20b", 10_500),
    ("mistral", "chat/completions"): ("mistral-small-latest", 21_000),
}


def answer(connection: socket.socket, seen: Seen) -> None:
    """Answer a chat with the same words and usage, as its provider would."""
    body = json.loads(seen.body or b'{"model": ""}')  # doctor looks without one
    model = "gpt-5-mini" if "/deployments/" in seen.line else body["model"]
    head = {"id": "c1", "created": 1, "model": model}
    usage = TOKENS | USAGE.get(model, {})
    if body.get("stream"):
        first = {**head, "object": "chat.completion.chunk", "choices": [], "prompt_filter_results": []}
        words = {
            **head,
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {"content": SKY}, "finish_reason": None}],
        }
        # Azure reports in a chunk without choices, and only if asked; Mistral with its last words.
        asked = body.get("stream_options", {}).get("include_usage")
        chunks = [first, words, {**first, "usage": usage}] if asked else [{**words, "usage": usage}]
        data = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        kind = "text/event-stream"
    else:
        message = {"role": "assistant", "content": SKY}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        data = json.dumps({**head, "object": "chat.completion", "choices": choices, "usage": usage})
        kind = "application/json"
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n{data}".encode())


@pytest.fixture(scope="module")
def providers() -> Iterator[Upstream]:
    interpreter("chat")  # skips before anything is started
    with upstream(answer) as made:
        yield made


def copy_the_generic_file(folder: Path) -> dict[str, str]:
    """Do what an operator does: copy, change two lines, write the rates. Returns the settings that name the folders."""
    mine, rates = folder / "providers", folder / "rates"
    mine.mkdir()
    rates.mkdir()
    copy = shutil.copy(shipped("config") / "providers" / "openai-compatible.yaml", mine / "copycat.yaml")
    text = Path(copy).read_text().replace("integration: openai-compatible", "integration: copycat")
    Path(copy).write_text(text.replace("hosts: []", 'hosts: ["https://api.copycat.example"]'))
    (rates / "copycat.yaml").write_text(COPIED_RATES)
    return {"providers_dir": str(mine), "rates_dir": str(rates)}


@pytest.fixture(scope="module")
def house(providers: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    names = ("xai", "openrouter", "groq", "mistral", "copycat", "azure-openai")
    chosen: dict[str, Any] = {name: {"api_key": "sk-operator", "upstream": providers.origin} for name in names}
    chosen["azure-openai"]["models"] = {"our-mini": "gpt-5-mini"}
    made = House(folder, chosen, copy_the_generic_file(folder)).start()
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
    told = {"edge": house.edge, "key": house.tenant("acme", "1000"), "poor": house.tenant("poor", "0")}
    done = subprocess.run(
        [str(interpreter("chat")), str(SCRIPTS / "chat_calls.py")],
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
    answers = {name: found for name, found in said.items() if isinstance(found, str)}
    assert answers == dict.fromkeys(answers, SKY)
    assert len(answers) == 8


def test_refusals_are_the_sdks_own_errors(said: dict[str, Any]) -> None:
    assert said["groq 402"] == ["APIStatusError", 402, True]
    assert said["mistral 402"] == ["SDKError", 402, True]
    assert said["openrouter 402"] == ["APIStatusError", 402, True]
    assert said["copy 404"][:2] == ["NotFoundError", 404]


def test_each_call_costs_what_its_provider_asks(house: House, said: dict[str, Any]) -> None:
    entries = house.calls("acme")
    assert len(entries) == 8
    assert {one["call"]["certainty"] for one in entries} == {"exact"}
    for one in entries:
        call = one["call"]
        where = call["integration"], call["endpoint"]
        assert (call["model"], call["upstream_cost_nanos"]) == CALLS[where], where
        assert -one["amount_nanos"] == call["upstream_cost_nanos"] * 12 // 10


def test_a_stated_cost_is_explained_and_told_beside_ours(house: House, said: dict[str, Any]) -> None:
    entries = {one["call"]["integration"]: one["id"] for one in house.calls("acme")}
    grok = house.cli("ledger", "explain", entries["xai"])["charge"]
    assert (grok["reported_cost"], grok["by_report"], grok["rated_cost_nanos"]) == ("0.0005", True, 260_000)
    assert grok["agrees"] is True
    # A model that nobody knows is held at the dearest rates, so what it really costs always differs from them.
    counted = {line.split(" ")[0]: line.split(" ")[1] for line in house.metrics().splitlines() if line[0] != "#"}
    assert counted['faregate_reported_cost_usd_total{integration="xai"}'] == "0.0005"
    assert counted['faregate_reported_cost_differs_total{integration="xai"}'] == "1.0"
    checks = {check["check"]: check for check in json.loads(house.run_cli("doctor").stdout)["findings"]}
    assert "1 calls of xai cost another amount" in checks["reported costs"]["text"]


def test_azure_sees_the_path_and_the_option_that_it_needs(providers: Upstream, said: dict[str, Any]) -> None:
    azure = [seen for seen in providers.seen if "/deployments/" in seen.line]
    assert [seen.line.split()[1] for seen in azure] == [
        "/openai/deployments/our-mini/chat/completions?api-version=2024-10-21",
        "/openai/deployments/nobody-said/chat/completions?api-version=2024-10-21",
    ]
    assert {seen.headers["api-key"] for seen in azure} == {"sk-operator"}
    assert json.loads(azure[1].body)["stream_options"] == {"include_usage": True}
