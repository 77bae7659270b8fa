"""Rates synced by a server under load, on schedule: no call fails, and each has one of the two prices."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from process.test_reload import Load, ask, slowly, until
from support.desk import Desk
from support.house import House
from support.price_lists import map_file
from support.shapes import CHAT
from support.upstream import Upstream, upstream

pytestmark = pytest.mark.process

TRUE = {"litellm_provider": "openai", "input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06}
WRONG = """
integration: openai
source: an earlier sync that was misled
checked: 2026-01-01
held_against: [nothing]
added:
  - match: [gpt-5-mini]
    rates: [{since: 2026-01-01, per: 1000000, source: nobody, usd: {input_tokens: "0.3", output_tokens: "2.4"}}]
"""


@pytest.fixture
def provider() -> Iterator[Upstream]:
    with upstream(slowly) as found:
        yield found


@pytest.fixture
def house(tmp_path: Path, provider: Upstream) -> Iterator[House]:
    """A house whose price of the model is a fifth too high, with price lists that know better."""
    rates = tmp_path / "rates"
    rates.mkdir()
    (rates / "openai.synced.yaml").write_text(WRONG)
    sync = {"litellm": str(map_file(tmp_path, {CHAT.model: TRUE}))}
    providers = {"openai": {"api_key": "sk-canary", "upstream": provider.origin}}
    made = House(tmp_path, providers, {"rates_dir": str(rates), "rates_sync": sync}).start()
    yield made
    assert made.stop() == 0, made.log
    assert "Traceback" not in made.log


def change(house: House, **settings: Any) -> None:
    path = house.folder / "faregate.yaml"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def test_on_schedule_a_price_that_both_lists_ask_is_in_force_without_a_call_dropped(house: House) -> None:
    desk = Desk(house)
    account = desk.account("1000")
    looked = desk.ask("POST", "/rates/sync", {})
    assert {each["unit"] for each in looked["report"]["accepted"]} == {"input_tokens", "output_tokens"}
    assert looked["reload"] is None
    change(house, rates_sync=house.settings["rates_sync"] | {"every_hours": 0.0001, "jump_pct": 10})
    desk.ask("POST", "/reload")
    with Load(house, account, 4) as load:
        until(lambda: desk.metric("faregate_rates_syncs_total", outcome="unchanged") >= 1, house)
        assert desk.metric("faregate_rates_quarantined") >= 2, "17 % is above the limit"
        change(house, rates_sync=house.settings["rates_sync"] | {"every_hours": 0.0001})
        until(lambda: desk.metric("faregate_rates_syncs_total", outcome="written") >= 1, house)
        after = ask(house, account)
        load.more(4)
    assert [answer for answer in load.answers if answer.status != 200 or not answer.whole] == []
    charges = {each["call"]["id"]: each["amount_nanos"] for each in desk.settled(account, len(load.answers) + 1)}
    true = charges[after.headers["faregate-call-id"]]
    assert set(charges.values()) == {true, true * 6 // 5}
    text = (house.folder / "rates" / "openai.synced.yaml").read_text()
    assert 'usd: {input_tokens: "0.3", output_tokens: "2.4"}' in text, "what held before is still there"
    assert desk.ask("POST", "/rates/sync", {})["report"]["accepted"] == []
    reloaded = [each for each in desk.ask("GET", "/audit", action="server")["data"] if each["who"] == "rates_sync"]
    assert len(reloaded) == 1
    desk.verify()


def test_a_list_that_is_missing_is_said_and_nothing_changes(house: House) -> None:
    change(house, rates_sync={"litellm": str(house.folder / "gone.json")})
    ran = house.run_cli("rates", "sync", "--write")
    assert ran.returncode == 1
    assert "gone.json: cannot be read (No such file or directory)" in json.loads(ran.stderr)["error"]["message"]
    assert Desk(house).metric("faregate_rates_syncs_total", outcome="failed") == 1
    assert (house.folder / "rates" / "openai.synced.yaml").read_text() == WRONG
