"""Spend caps through the real process: none is overdrawn, and what was not used is free again, whatever dies."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.caller import Answer, call, chat, request
from support.desk import Account, Desk
from support.house import House
from support.upstream import Seen, json_answer, upstream

pytestmark = pytest.mark.process

ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-5-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Because."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
    }
).encode()
CHARGE = Decimal("0.0015")
"""Of that answer: 1000 x 0.25 + 500 x 2 USD a million, and 20 %."""

BODY = chat(max_completion_tokens=1000)
ENVELOPES = {
    "openai": ("/openai/v1/chat/completions", {"model": "gpt-5-mini"}, "code"),
    "anthropic": ("/anthropic/v1/messages", {"model": "claude-haiku-4-5", "max_tokens": 300}, "code"),
    "gemini": ("/gemini/v1beta/models/gemini-2.5-flash:generateContent", None, "reason"),
}
WITHIN_S = 10.0


class Gate:
    """A provider that answers at once, or, while it is shut, when it is opened."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()

    def answer(self, connection: socket.socket, _: Seen) -> None:
        """Answer one request."""
        assert self.open.wait(30)
        connection.sendall(json_answer(ANSWER))


Start = Callable[[], tuple[House, Desk]]


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def start(tmp_path: Path, gate: Gate) -> Iterator[Start]:
    """Start a house before a provider with a gate; afterwards its books must be in order."""
    with contextlib.ExitStack() as stack:
        provider = stack.enter_context(upstream(gate.answer))
        sandbox = {"upstream": "sandbox"}
        integrations = {
            "openai": {"api_key": "sk-1", "upstream": provider.origin},
            "anthropic": sandbox,
            "gemini": sandbox,
        }
        house = House(tmp_path, integrations)

        def begin() -> tuple[House, Desk]:
            return house.start(), Desk(house)

        try:
            yield begin
            Desk(house).verify()
            assert house.stop() == 0, house.log
            assert "Traceback" not in house.log, house.log
        finally:
            gate.open.set()
            house.stop()


def ask(house: House, account: Account, body: bytes = BODY) -> Answer:
    return call(house.edge, request(account.key, body))


def put(desk: Desk, account: Account, usd: Decimal | str, window: str = "daily", **names: str) -> dict[str, Any]:
    body = {"tenant": account.id, "window": window, "limit_usd": str(usd), **names}
    return dict(desk.ask("PUT", "/caps", body))


def stands(desk: Desk, account: Account) -> tuple[Decimal, Decimal]:
    """What is spent and held of an account's only cap."""
    [cap] = desk.ask("GET", "/caps", tenant=account.id)["data"]
    return Decimal(cap["spent_usd"]), Decimal(cap["held_usd"])


def holding(desk: Desk, account: Account, number: int) -> None:
    """Wait until so many calls of an account run."""
    deadline = time.monotonic() + WITHIN_S
    while sum(hold["tenant"] == account.id for hold in desk.ask("GET", "/holds")["data"]) < number:
        assert time.monotonic() < deadline, f"there are not {number} calls"
        time.sleep(0.02)


def worst_case(house: House, desk: Desk) -> Decimal:
    """What a call holds, as a refusal tells it."""
    probe = desk.account()
    put(desk, probe, 0)
    return Decimal(ask(house, probe).json["error"]["needed"])


def seconds_left() -> int:
    """Until the end of the day."""
    now = datetime.now(UTC)
    return 86_400 - (now.hour * 3600 + now.minute * 60 + now.second)


def test_a_hundred_at_once_on_a_cap_for_ten_admit_ten(start: Start, gate: Gate) -> None:
    house, desk = start()
    needed = worst_case(house, desk)
    account = desk.account()
    limit = needed * Decimal("10.5")
    put(desk, account, limit)
    gate.open.clear()
    with ThreadPoolExecutor(100) as pool:
        calls: list[Future[Answer]] = [pool.submit(ask, house, account) for _ in range(100)]
        deadline = time.monotonic() + 30
        while sum(each.done() for each in calls) < 90:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert stands(desk, account) == (0, needed * 10)
        gate.open.set()
        answers = [each.result() for each in calls]
    refused = [answer for answer in answers if answer.status != 200]
    assert len(refused) == 90
    for answer in refused:
        assert (answer.status, answer.headers["faregate-refusal"]) == (429, "spend_cap_daily")
        assert not {"retry-after", "x-should-retry"} & answer.headers.keys(), "running calls hold it: it may come back"
    assert len(desk.settled(account, calls=100)) == 10
    assert stands(desk, account) == (CHARGE * 10, 0), "what was not used is free again"
    more = 0
    while (again := ask(house, account)).status == 200:
        more += 1
    assert more > 0
    spent = CHARGE * (10 + more)
    assert limit - spent < needed <= limit - (spent - CHARGE)
    assert (again.status, again.headers["x-should-retry"]) == (429, "false")
    assert abs(int(again.headers["retry-after"]) - seconds_left()) < 10
    assert desk.metric("faregate_refusals_total", code="spend_cap_daily") == 92


def test_a_warning_comes_once_a_window(start: Start) -> None:
    house, desk = start()
    account = desk.account()
    limit = worst_case(house, desk) * 10
    put(desk, account, limit, "monthly", model="gpt-5*")
    near = f"/caps?tenant={account.id}&near=true"
    spent = Decimal(0)
    while spent < limit * 8 / 10:
        assert desk.metric("faregate_cap_warnings_total") == len(desk.ask("GET", near)["data"]) == 0
        assert ask(house, account).status == 200
        spent += CHARGE
    assert ask(house, account).status == 200
    said = f"80 % or more of the monthly cap of {account.id}, model gpt-5* is spent in {datetime.now(UTC):%Y-%m}: "
    assert house.log.count(said) == 1
    assert f"{said}{spent.normalize():f} of {limit.normalize():f} USD" in house.log
    assert desk.metric("faregate_cap_warnings_total", window="monthly") == 1
    assert desk.metric("faregate_cap_warnings_total", window="daily") == 0
    assert [cap["model"] for cap in desk.ask("GET", near)["data"]] == ["gpt-5*"]


def test_each_provider_s_envelope_says_it(start: Start) -> None:
    house, desk = start()
    account = desk.account()
    put(desk, account, 0, "monthly")
    for path, body, where in ENVELOPES.values():
        asked = {"contents": [{"parts": [{"text": "Why?"}]}]} if body is None else {
            **body, "messages": [{"role": "user", "content": "Why?"}]
        }  # fmt: skip
        answer = call(house.edge, request(account.key, json.dumps(asked).encode(), path=path))
        assert (answer.status, answer.headers["faregate-refusal"]) == (429, "spend_cap_monthly"), path
        error = answer.json["error"]
        assert error[where] == "spend_cap_monthly", path
        assert (error["window"], error["limit"], error["spent"], error["held"]) == ("monthly", "0", "0", "0")
        assert account.id not in answer.body.decode()
        assert "retry-after" not in answer.headers, "no waiting helps"


def test_caps_of_another_app_model_or_key_leave_a_call_alone(start: Start) -> None:
    house, desk = start()
    account = desk.account(app="bot")
    for names in ({"app": "other"}, {"model": "gpt-4*"}, {"integration": "gemini"}):
        put(desk, account, 0, **names)
    assert ask(house, account).status == 200
    for names in ({"app": "bot"}, {"model": "gpt-5-mini"}, {"integration": "openai"}, {"key": account.key_id}):
        put(desk, account, 0, **names)
        assert ask(house, account).headers["faregate-refusal"] == "spend_cap_daily", names
        place = {"tenant": account.id, "window": "daily", **names}
        desk.ask("DELETE", "/caps", **place)
        assert ask(house, account).status == 200, names


def test_a_kill_leaves_the_windows_right(start: Start, gate: Gate, tmp_path: Path) -> None:
    house, desk = start()
    account = desk.account("1000")
    needed = worst_case(house, desk)
    put(desk, account, needed * 50, "monthly")
    assert ask(house, account).status == 200
    gate.open.clear()
    with ThreadPoolExecutor(5) as pool:
        lost = [pool.submit(ask, house, account) for _ in range(5)]
        holding(desk, account, 5)
        assert stands(desk, account) == (CHARGE, needed * 5)
        house.kill()
        for each in lost:
            with contextlib.suppress(OSError):
                assert not each.result().whole
    gate.open.set()
    start()
    charged = sum(-entry["amount_nanos"] for entry in desk.charges(account))
    assert stands(desk, account) == (Decimal(charged) / 10**9, 0)
    for number in range(3):
        house.kill()
        start()
        assert ask(house, account).status == 200, number
    charged = sum(-entry["amount_nanos"] for entry in desk.settled(account, calls=9))
    assert stands(desk, account) == (Decimal(charged) / 10**9, 0)


def test_a_test_tenant_is_capped_by_what_its_calls_would_cost(start: Start) -> None:
    house, desk = start()
    tenant = desk.ask("POST", "/tenants", {"name": "trial", "test": True})["id"]
    account = Account(tenant, desk.ask("POST", "/keys", {"tenant": tenant})["key"], "")
    put(desk, account, worst_case(house, desk) + CHARGE)
    assert [ask(house, account).status for _ in range(3)] == [200, 200, 429]
    entries = desk.settled(account, calls=3)
    assert [(entry["amount_nanos"], entry["waived_nanos"]) for entry in entries] == [(0, 1_500_000)] * 2
    assert stands(desk, account) == (CHARGE * 2, 0)


def test_the_commands(start: Start) -> None:
    house, desk = start()
    account = desk.account()
    made = house.cli("cap", "set", "2.50", "--daily", "--tenant", account.id, "--model", "gpt-5*")
    assert (made["limit_usd"], made["window"], made["model"]) == ("2.5", "daily", "gpt-5*")
    assert house.cli("cap", "list")["data"] == [made]
    (house.folder / "body.json").write_bytes(BODY)
    quote = ("quote", "openai", "gpt-5-mini", "--tenant", account.id, "--endpoint", "chat/completions", "--body")
    assert house.cli(*quote, "body.json")["refusal"] is None
    house.cli("cap", "set", "0.001", "--daily", "--tenant", account.id, "--model", "gpt-5*")
    told = house.cli(*quote, "body.json")["refusal"]
    answer = ask(house, account).json["error"]
    assert (told["code"], told["message"]) == (answer["code"], answer["message"])
    house.cli("cap", "unset", "--daily", "--tenant", account.id, "--model", "gpt-5*")
    assert house.cli("cap", "list")["data"] == []
    assert [deed["action"] for deed in house.cli("audit", "list", "--action", "cap")["data"]] == [
        "cap.unset",
        "cap.set",
        "cap.set",
    ]
    refused = desk.last_call(account)
    told = house.cli("calls", "show", refused["id"])
    assert "faregate cap list" in told["remedy"]
