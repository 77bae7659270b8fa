"""Batches and background answers through the official SDKs, and what the ledger has of them in the end."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from support.house import House
from support.sdk import SCRIPT_S, SCRIPTS, interpreter
from support.upstream import upstream
from support.worker import Worker

pytestmark = pytest.mark.sdk

PATIENCE_S = 20.0


def drive(house: House, key: str, *, begin: bool) -> dict[str, Any]:
    done = subprocess.run(
        [str(interpreter("latest")), str(SCRIPTS / "later_calls.py")],
        input=json.dumps({"edge": house.edge, "key": key, "begin": begin}),
        capture_output=True,
        text=True,
        timeout=SCRIPT_S,
        check=False,
        env=house.environment | {"PYTHONWARNINGS": "default"},
    )
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def test_what_finishes_later_is_charged_once_when_its_sdk_has_seen_it(tmp_path: Path) -> None:
    worker = Worker()
    with upstream(worker) as running:
        chosen = {"api_key": "sk-of-the-operator", "upstream": running.origin}
        providers = dict.fromkeys(("openai", "anthropic", "gemini"), chosen)
        house = House(tmp_path, providers, {"limits": {"later_first_look_s": 0.5}}).start()
        try:
            key = house.tenant("acme")
            begun = drive(house, key, begin=True)
            assert begun == {
                "batch": "queued",
                "response": "queued",
                "messages": "in_progress",
                "job": "JOB_STATE_PENDING",
            }
            works = {hold["work"]["object"] for hold in house.cli("holds", "list", "acme")["data"]}
            assert works == {"batch_1", "resp_1", "msgbatch_1", "batches/b1"}
            worker.state = "completed"
            ended = drive(house, key, begin=False)
            assert ended == {
                "batch": "completed",
                "output": 2,
                "response": "completed",
                "messages": "ended",
                "results": ["succeeded", "succeeded"],
                "job": "JOB_STATE_SUCCEEDED",
            }
            deadline = time.monotonic() + PATIENCE_S
            while len(house.calls("acme")) < 4 and time.monotonic() < deadline:
                time.sleep(0.1)
            charged = {entry["call"]["endpoint"]: entry["call"] for entry in house.calls("acme")}
            assert {name: call["usage"] for name, call in charged.items()} == {
                "batches": {"input_tokens": 200, "output_tokens": 100},
                "responses": {"input_tokens": 100, "output_tokens": 50},
                "messages/batches": {"input_tokens": 40, "output_tokens": 10},
                "batchGenerateContent": {"input_tokens": 26, "output_tokens": 2},
            }
            assert charged["batches"]["charge_nanos"] == charged["responses"]["charge_nanos"], "two at half the price"
            assert house.cli("ledger", "verify")["ok"] is True
            assert house.cli("balance", "acme")["credits_held_micros"] == 0
        finally:
            status = house.stop()
        assert status == 0, house.log
