"""What official SDKs do by themselves at a spend cap: none insists on what is spent; what others hold is waited for."""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from support.caller import call, chat, request
from support.desk import Desk
from support.house import House
from support.sdk import SCRIPTS, interpreter
from support.shapes import CHAT
from support.upstream import Seen, json_answer, upstream

pytestmark = pytest.mark.sdk

SDKS = [
    ("openai", "latest", "RateLimitError"),
    ("openai", "openai-2", "RateLimitError"),
    ("openai", "openai-1", "RateLimitError"),
    ("anthropic", "latest", "RateLimitError"),
    ("gemini", "latest", "ClientError"),
]
BODY = chat(max_completion_tokens=1000)


@pytest.fixture(scope="module")
def gate() -> threading.Event:
    """What the provider of chat completions waits for."""
    return threading.Event()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, gate: threading.Event) -> Iterator[House]:
    def answer(connection: socket.socket, _: Seen) -> None:
        assert gate.wait(30)
        connection.sendall(json_answer(CHAT.plain))

    with upstream(answer) as provider:
        sandbox = {"upstream": "sandbox"}
        openai = {"api_key": "sk-1", "upstream": provider.origin}
        made = House(
            tmp_path_factory.mktemp("capped"), {"openai": openai, "anthropic": sandbox, "gemini": sandbox}
        ).start()
        try:
            yield made
            Desk(made).verify()
            assert made.stop() == 0, made.log
        finally:
            gate.set()
            made.stop()


def drive(environment: str, **told: str) -> dict[str, Any]:
    """Make one call with an SDK in its environment, and return what came of it."""
    done = subprocess.run(
        [str(interpreter(environment)), str(SCRIPTS / "capped_calls.py")],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def refusals(desk: Desk) -> float:
    return desk.metric("faregate_refusals_total", code="spend_cap_daily")


@pytest.mark.parametrize(("sdk", "environment", "kind"), SDKS)
def test_none_insists_on_what_is_spent(
    house: House, gate: threading.Event, sdk: str, environment: str, kind: str
) -> None:
    interpreter(environment)  # skips before anything is asked
    gate.set()
    desk = Desk(house)
    account = desk.account()
    cap = {"tenant": account.id, "window": "daily"}
    assert call(house.edge, request(account.key, BODY)).status == 200
    desk.settled(account)
    spent = Decimal(desk.ask("PUT", "/caps", {**cap, "limit_usd": 0})["spent_usd"])
    desk.ask("PUT", "/caps", {**cap, "limit_usd": str(spent + Decimal("0.000001"))})
    before = refusals(desk)
    error = drive(environment, sdk=sdk, edge=house.edge, key=account.key)
    assert (error["class"], error["status"]) == (kind, 429)
    assert "spend_cap_daily" in json.dumps(error["body"])
    assert "daily spend cap" in error["message"]
    if sdk != "gemini":  # whose SDK shows no head, and tries nothing again by itself
        assert error["headers"]["faregate-refusal"] == "spend_cap_daily"
        assert error["headers"]["x-should-retry"] == "false"
    assert refusals(desk) - before == 1


@pytest.mark.parametrize("environment", ["latest", "openai-2", "openai-1"])
def test_what_others_hold_is_waited_for(house: House, gate: threading.Event, environment: str) -> None:
    """The SDK tries again by itself, and is let in when the call that held the money has ended."""
    interpreter(environment)
    gate.clear()
    desk = Desk(house)
    account = desk.account()
    cap = {"tenant": account.id, "window": "daily"}
    desk.ask("PUT", "/caps", {**cap, "limit_usd": 0})
    needed = Decimal(call(house.edge, request(account.key, BODY)).json["error"]["needed"])
    desk.ask("PUT", "/caps", {**cap, "limit_usd": str(needed * Decimal("1.9"))})
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(call, house.edge, request(account.key, BODY))
        until(lambda: bool(desk.held_nanos(account)))
        before = refusals(desk)
        second = pool.submit(drive, environment, sdk="openai", edge=house.edge, key=account.key)
        until(lambda: refusals(desk) > before)
        gate.set()
        assert first.result().status == 200
        assert second.result() == {"class": "", "text": json.loads(CHAT.plain)["choices"][0]["message"]["content"]}
    assert len(desk.settled(account, calls=4)) == 2


def until(is_so: Any, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
