"""The operator's questions, each one command, asked of a real process after real calls: for people and as JSON."""

import csv
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from support.caller import call, chat, connect, read_answer, request
from support.house import House
from support.upstream import json_answer, upstream

pytestmark = pytest.mark.process

USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-5-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Because."}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
).encode()
COST = 1000 * 250 + 500 * 2000
"""gpt-5-mini: 0.25 USD a million input tokens, 2 USD a million output tokens."""

MARGIN = "12.5"
CHARGE = COST * 1125 // 1000


@dataclass
class Asked:
    """A house after three calls of acme (answered, waived, refused), and a call that still runs."""

    house: House
    charged: str
    refused: str
    running: str

    def people(self, *words: str, code: int = 0) -> str:
        """Run a command for people and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "proxy", *words],
            cwd=self.house.folder,
            env=self.house.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    def both(self, *words: str) -> tuple[Any, str]:
        """Run a command both ways; return the document and what people see."""
        return self.house.cli(*words), self.people(*words)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    arrived, let_go = threading.Event(), threading.Event()

    def answer(connection: Any, seen: Any) -> None:
        if b"wait" in seen.body:
            arrived.set()
            let_go.wait(60)
        connection.sendall(json_answer(ANSWER))

    folder = tmp_path_factory.mktemp("questions")
    (folder / "prices").mkdir()
    with upstream(answer) as provider:
        house = House(
            folder,
            {"openai": {"api_key": "sk-canary-upstream", "upstream": provider.origin}},
            {"rates_dir": str(folder / "prices")},
        ).start()
        try:
            key = house.tenant("acme")
            house.cli("margin", "set", MARGIN, "--tenant", "acme")
            charged = call(house.edge, request(key, chat())).headers["faregate-call-id"]
            trial = house.tenant("trial", test=True)
            assert call(house.edge, request(trial, chat())).status == 200
            refused = call(house.edge, request(key, chat(model="gpt-99"))).headers["faregate-call-id"]
            with connect(house.edge) as connection:
                connection.sendall(request(key, chat(user="wait")))
                assert arrived.wait(20), "the call that is to run reached its provider, so its hold is on disk"
                [held] = house.cli("holds", "list", "acme")["data"]
                yield Asked(house, charged, refused, held["call"])
                let_go.set()
                assert read_answer(connection).status == 200
        finally:
            let_go.set()
            assert house.stop() == 0, house.log
            assert "Traceback" not in house.log


def test_why_was_this_tenant_refused(asked: Asked) -> None:
    document, people = asked.both("calls", "list", "acme", "--outcome", "refused", "--since", "1d")
    assert [(row["id"], row["refusal"], row["status"]) for row in document["data"]] == [
        (asked.refused, "unpriced_model", 404)
    ]
    assert asked.refused in people
    document, people = asked.both("calls", "show", asked.refused)
    assert (document["refusal"], document["entry"], document["hold"]) == ("unpriced_model", None, None)
    assert "remedy     faregate rates list shows what has a price" in people


def test_what_did_this_call_cost_and_why(asked: Asked) -> None:
    document, people = asked.both("ledger", "explain", asked.charged)
    charge = document["charge"]
    assert (charge["upstream_cost_nanos"], charge["charge_nanos"], charge["paid_nanos"]) == (COST, CHARGE, CHARGE)
    assert int(charge["exact_charge_nanos"]) == CHARGE
    assert sum(line["charge_nanos"] for line in charge["lines"]) == CHARGE
    assert {(line["margin_level"], line["margin_pct"]) for line in charge["lines"]} == {("tenant", MARGIN)}
    assert charge["lines"][0]["rate"]["file"]["file"] == "openai.yaml"
    assert charge["agrees"] is True
    assert document["call"]["hold"]["state"] == "settled"
    assert f"{CHARGE} nano-USD, rounded half to even" in people
    assert "faregate's openai.yaml of" in people
    shown, told = asked.both("ledger", "show", asked.charged)
    assert shown["id"] == document["id"]
    assert asked.charged in told


def test_what_is_held(asked: Asked) -> None:
    document, people = asked.both("holds", "list")
    assert [row["call"] for row in document["data"]] == [asked.running]
    assert asked.running in people
    story, told = asked.both("calls", "show", asked.running)
    assert (story["outcome"], story["hold"]["state"]) == ("running", "held")
    assert "(still)" in told
    assert asked.house.cli("balance", "acme")["credits_held_micros"] > 0


@pytest.mark.parametrize("by", ["model", "integration", "endpoint", "key", "day", "unit"])
def test_what_is_a_tenant_s_usage(asked: Asked, by: str) -> None:
    document = asked.house.cli("usage", "acme", "--by", by)
    entries = asked.house.cli("ledger", "list", "acme", "--kind", "call")["data"]
    assert document["total"]["charged_nanos"] == -sum(entry["amount_nanos"] for entry in entries) == CHARGE
    assert sum(group["charged_nanos"] for group in document["data"]) == CHARGE
    assert document["total"]["usage"] == {"input_tokens": 1000, "output_tokens": 500}


def test_usage_for_people_and_of_a_test_tenant(asked: Asked) -> None:
    people = asked.people("usage", "acme", "--by", "model", "--since", "7d")
    assert "gpt-5-mini" in people
    waived = asked.house.cli("usage", "trial")["total"]
    assert (waived["charged_nanos"], waived["waived_nanos"]) == (0, COST * 12 // 10)


def test_lists_of_entries_calls_and_exposures(asked: Asked) -> None:
    document, people = asked.both("ledger", "list", "acme", "--limit", "1")
    assert document["data"][0]["call"]["id"] == asked.charged
    assert document["has_more"] is True
    assert asked.charged in people
    assert asked.house.cli("calls", "list", "acme", "--refusal", "any")["data"][0]["id"] == asked.refused
    document, people = asked.both("exposure", "list", "acme")
    assert document["data"] == []
    assert people.split()[0] == "row"


def test_the_ledger_written_out(asked: Asked) -> None:
    rows = list(csv.DictReader(io.StringIO(asked.people("ledger", "export", "acme"))))
    assert [row["kind"] for row in rows] == ["credit", "call"]
    assert Decimal(rows[1]["amount_usd"]) * 10**9 == -CHARGE
    told = asked.house.cli("ledger", "export", "--all", "--format", "ndjson", "--output", "all.ndjson")
    lines = (asked.house.folder / "all.ndjson").read_text().splitlines()
    assert told["lines"] == len(lines) == 4
    document = asked.house.cli("ledger", "export", "--all")
    assert document["data"] == [json.loads(line) for line in lines]


def test_the_books_are_right(asked: Asked) -> None:
    document, people = asked.both("ledger", "verify")
    assert (document["ok"], document["entries"], document["open_holds"]) == (True, 4, 1)
    assert people.splitlines()[0] == "ok          yes"


def test_which_margin_holds(asked: Asked) -> None:
    document, people = asked.both("margin", "explain", "--tenant", "acme", "--meter", "openai.output_tokens")
    assert (document["level"], document["pct"], len(document["levels"])) == ("tenant", MARGIN, 6)
    assert "decided by  tenant" in people
    assert asked.house.cli("margin", "list")["data"][0]["pct"] == MARGIN


def test_what_a_model_costs(asked: Asked) -> None:
    document, people = asked.both("rates", "show", "openai", "gpt-5-mini", "--tenant", "acme")
    prices = {row["unit"]: (row["usd"], row["charge_usd"]) for row in document["rates"] if row["tier"] is None}
    assert prices["output_tokens"] == ("2", "2.25")
    assert "tenant pays" in people
    document, people = asked.both("rates", "list", "--integration", "openai")
    assert any("gpt-5-mini" in row["match"] for row in document["data"])
    assert "gpt-5-mini" in people


def test_what_a_call_would_cost_and_hold(asked: Asked) -> None:
    words = ("quote", "openai", "gpt-5-mini", "--tenant", "acme", "--input-tokens", "1000", "--output-tokens", "500")
    document, people = asked.both(*words)
    assert document["cost"]["charge_nanos"] == CHARGE, "a quote is what the call cost"
    assert "it would cost" in people
    (asked.house.folder / "request.json").write_bytes(chat())
    body = ("--endpoint", "chat/completions", "--body", "request.json")
    held = asked.house.cli("calls", "show", asked.charged)["hold"]
    quoted = asked.house.cli("quote", "openai", "gpt-5-mini", "--tenant", "acme", *body)["hold"]
    assert quoted["upstream_cost_most_nanos"] == held["upstream_cost_nanos"]
    assert quoted["granted_nanos"] == held["held_nanos"], "what is quoted is what was held for the same request"


def test_rates_looked_over_compared_and_put_in_force(asked: Asked) -> None:
    mine = asked.house.folder / "prices" / "openai.yaml"
    head = "integration: openai\nsource: a contract\nchecked: 2026-11-21\nper: 1000000\nmodels:\n"
    mine.write_text(head + '  - {match: [gpt-99], rates: [{usd: {input_tokens: "-1"}}]}\n')
    looked = asked.people("rates", "check", code=1)
    assert "is negative" in looked
    refused = asked.house.run_cli("reload")
    assert refused.returncode == 1
    assert "nothing was reloaded" in json.loads(refused.stderr)["error"]["message"]
    mine.write_text(head + '  - {match: [gpt-99], rates: [{usd: {input_tokens: "1", output_tokens: "2"}}]}\n')
    assert asked.house.cli("rates", "check")["ok"] is True
    document, people = asked.both("rates", "diff")
    added = {each["integration"]: (each["kind"], each["models"]) for each in document["models"]}
    assert added["openai"] == ("added", ["gpt-99"])
    assert added["portkey"] == ("added", ["@openai/gpt-99", "gpt-99", "openai/gpt-99"]), "who resells asks the same"
    assert "gpt-99" in people
    assert asked.house.cli("reload")["rates_changed"] == sorted(added)
    shown = asked.house.cli("rates", "show", "openai", "gpt-99")
    assert (shown["source"]["owner"], shown["source"]["source"]) == ("operator", "a contract")
    assert asked.house.cli("ledger", "explain", asked.charged)["charge"]["agrees"] is True, (
        "the old card is still known"
    )
    assert asked.house.cli("ledger", "verify")["ok"] is True
