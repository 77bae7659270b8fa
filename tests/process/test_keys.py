"""Keys through the real process: rotation with an overlap, expiry, allow-lists, and when they were last used."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.caller import Answer, call, chat, request
from support.desk import Desk
from support.house import House

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    made = House(folder, {"openai": {"upstream": "sandbox"}}, {"trusted_proxies": "127.0.0.1"})
    yield made.start()
    assert made.stop() == 0, made.log
    assert "Traceback" not in made.log


@pytest.fixture
def desk(house: House) -> Desk:
    return Desk(house, made=int(time.monotonic_ns()))


def ask(house: House, key: str, extra: str = "", **body: Any) -> Answer:
    return call(house.edge, request(key, chat(**body), extra=extra))


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.headers.get("faregate-refusal", "")


def test_both_keys_work_in_the_overlap_and_one_after_it(house: House, desk: Desk) -> None:
    account = desk.account()
    new = desk.ask("POST", f"/keys/{account.key_id}/rotate")
    assert [ask(house, secret).status for secret in (account.key, new["key"])] == [200, 200]
    desk.settled(account, 2)
    newest = desk.ask("POST", f"/keys/{new['id']}/rotate", {"overlap": "0h"})
    assert refused(ask(house, new["key"])) == (401, "key_expired")
    assert ask(house, newest["key"]).status == 200
    desk.ask("POST", f"/keys/{newest['id']}/revoke")
    assert refused(ask(house, newest["key"])) == (401, "invalid_key")


def test_models_by_glob(house: House, desk: Desk) -> None:
    account = desk.account(models=["gpt-5-*"])
    assert ask(house, account.key).status == 200
    assert refused(ask(house, account.key, model="gpt-4.1")) == (403, "model_not_allowed")


def test_networks_and_a_trusted_proxy_in_front(house: House, desk: Desk) -> None:
    near, far = desk.account(networks=["127.0.0.1"]), desk.account(networks=["203.0.113.0/24"])
    assert ask(house, near.key).status == 200
    assert refused(ask(house, far.key)) == (403, "key_scope")
    came = "X-Forwarded-For: 127.0.0.1, 203.0.113.9\r\n"
    assert ask(house, far.key, came).status == 200
    assert refused(ask(house, near.key, came)) == (403, "key_scope")


def test_the_last_use_is_shown_at_once_and_survives_a_restart(house: House, desk: Desk) -> None:
    account = desk.account()
    assert desk.ask("GET", f"/keys/{account.key_id}")["last_used_at"] is None
    assert ask(house, account.key).status == 200
    used = desk.ask("GET", f"/keys/{account.key_id}")["last_used_at"]
    assert used is not None
    assert house.stop() == 0
    house.start()
    assert desk.ask("GET", f"/keys/{account.key_id}")["last_used_at"] == used


def test_a_minimum_keeps_calls_away_from_a_reserve(house: House, desk: Desk) -> None:
    account = desk.account("1")
    desk.ask("PUT", f"/tenants/{account.id}/minimum", {"minimum_usd": "1"})
    assert refused(ask(house, account.key)) == (402, "balance_exhausted")
    desk.ask("PUT", f"/tenants/{account.id}/minimum", {"minimum_usd": "0"})
    assert ask(house, account.key).status == 200
