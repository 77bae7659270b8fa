"""A house that is to be abused: what must hold of every refusal, and that no secret is told anywhere."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.caller import Answer, call
from support.desk import Account, Desk
from support.house import House
from support.shapes import PROVIDERS, RESPONSES, Shape
from support.upstream import Upstream, json_answer, upstream

UPSTREAM_KEY = "sk-canary-of-the-operator"
PLANTED = "canary-in-the-dark"
"""Stands where a secret might: paths, hosts, header names, junk. No answer, log line or metric may repeat it."""

LOUD = {"level": "debug", "format": "human", "calls": "all"}
BODY_BYTES_MAX = 100_000
BODY_TIMEOUT_S = 0.4
HEAD_TIMEOUT_S = 1.5
RETRYABLE = {"request_timeout"}


@dataclass
class Rig:
    """One house with three providers for all tests, and an account that is never charged."""

    house: House
    desk: Desk
    provider: Upstream
    account: Account
    secrets: list[str] = field(default_factory=list)
    balance: str = ""

    def send(self, data: bytes) -> Answer:
        """Send raw bytes, read one answer, and look for secrets in it."""
        answer = call(self.house.edge, data)
        self.inspect(answer)
        return answer

    def inspect(self, answer: Answer) -> None:
        """No answer repeats a secret, or what was planted where one might stand."""
        told = answer.body.decode("utf-8", "replace") + str(answer.headers)
        for secret in (*self.secrets, UPSTREAM_KEY, PLANTED):
            assert secret not in told

    def begin(self) -> "Rig":
        """Forget what an earlier test did."""
        self.provider.seen.clear()
        self.balance = self.desk.balance(self.account)["balance_usd"]
        return self

    def customer(self) -> Account:
        """Make an account that may be charged; its key is a secret too."""
        account = self.desk.account()
        self.secrets.append(account.key)
        return account

    def untouched(self) -> None:
        """Nothing was forwarded, nothing was charged, nothing is held."""
        assert self.provider.seen == []
        balance = self.desk.balance(self.account)
        assert (balance["balance_usd"], balance["held_usd"]) == (self.balance, "0")


@contextlib.contextmanager
def abused_house(folder: Path) -> Iterator[Rig]:
    """Start the house; at the end its books are in order and its log and metrics tell no secret."""
    by_path = {shape.path.removeprefix(f"/{shape.name}"): shape.whole for shape in (*PROVIDERS, RESPONSES)}

    def answer(connection: socket.socket, seen: Any) -> None:
        path = seen.line.split()[1].partition("?")[0]
        connection.sendall(by_path.get(path, json_answer(b'{"object": "list", "data": []}')))

    with upstream(answer) as provider:
        chosen = {"api_key": UPSTREAM_KEY, "upstream": provider.origin}
        limits = {
            "body_bytes_max": BODY_BYTES_MAX,
            "body_timeout_s": BODY_TIMEOUT_S,
            "head_timeout_s": HEAD_TIMEOUT_S,
        }
        house = House(folder, {shape.name: chosen for shape in PROVIDERS}, {"limits": limits, "log": LOUD})
        house.start()
        desk = Desk(house)
        rig = Rig(house, desk, provider, desk.account())
        rig.secrets.append(rig.account.key)
        try:
            yield rig
            desk.verify()
            assert desk.charges(rig.account) == []
            told = house.metrics()
        finally:
            status = house.stop()
        assert status == 0, house.log
        assert "Traceback" not in house.log
        for secret in (*rig.secrets, UPSTREAM_KEY, PLANTED):
            assert secret not in house.log + told


def refused(rig: Rig, shape: Shape, data: bytes, status: int, code: str) -> Answer:
    """Send what must be refused in this provider's envelope, and leave no trace in the books."""
    answer = rig.send(data)
    assert (answer.status, answer.headers.get("faregate-refusal")) == (status, code), answer
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["faregate-call-id"].startswith("call_")
    assert answer.headers.get("x-should-retry") == (None if code in RETRYABLE else "false")
    assert "faregate-charge-usd" not in answer.headers
    told, told_status, message = shape.error_of(answer.json)
    assert (told, told_status or status) == (code, status)
    assert message
    rig.untouched()
    return answer


def plain(rig: Rig, data: bytes, status: int, code: str) -> Answer:
    """Send what must be refused before any provider is known."""
    answer = rig.send(data)
    assert (answer.status, answer.headers.get("faregate-refusal")) == (status, code), answer
    assert answer.json["error"]["code"] == code
    rig.untouched()
    return answer


EACH = pytest.mark.parametrize("shape", PROVIDERS, ids=[shape.name for shape in PROVIDERS])
