"""Batches and background answers through the official SDKs, and what the ledger has of them in the end."""

import contextlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from support.house import House
from support.kinds import KINDS, Maker
from support.sdk import SCRIPT_S, SCRIPTS, interpreter
from support.upstream import upstream
from support.worker import Worker

pytestmark = pytest.mark.sdk

PATIENCE_S = 20.0


def drive(house: House, key: str, *, begin: bool, of: str = "latest", **more: Any) -> dict[str, Any]:
    script = {"latest": "later_calls.py", "services": "later_services_calls.py", "chat": "later_chat_calls.py"}[of]
    done = subprocess.run(
        [str(interpreter(of)), str(SCRIPTS / script)],
        input=json.dumps({"edge": house.edge, "key": key, "begin": begin, **more}),
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


MORE = {kind.name: kind for kind in KINDS if kind.name in ("transcript", "prediction", "groq", "mistral")}


def test_transcripts_predictions_and_batches_of_others_are_driven_by_their_own_sdks(tmp_path: Path) -> None:
    makers = {name: Maker(kind) for name, kind in MORE.items()}
    with contextlib.ExitStack() as stack:
        running = {maker.kind.integration: stack.enter_context(upstream(maker)) for maker in makers.values()}
        chosen = {name: {"api_key": "sk-of-the-operator", "upstream": each.origin} for name, each in running.items()}
        house = House(tmp_path, chosen, {"limits": {"later_first_look_s": 0.5}}).start()
        try:
            keys = {"key": house.tenant("acme"), "other": house.tenant("other")}
            begun = {
                **drive(house, of="services", begin=True, names={}, **keys),
                **drive(house, of="chat", begin=True, names={}, **keys),
            }
            assert {name: state for name, (_, state) in begun.items()} == {
                "transcript": "queued",
                "prediction": "processing",
                "groq": "queued",
                "mistral": "RUNNING",
            }
            names = {name: each[0] for name, each in begun.items()}
            for maker in makers.values():
                maker.state = "completed"
            shown = drive(house, of="services", begin=False, names=names, **keys)
            assert "that this account did not create here" in shown.pop("strangers transcript")
            assert shown == {
                "transcript": ["completed", 61],
                "prediction": ["succeeded", {"predict_time": 2.5}],
                "strangers prediction": 404,
            }
            assert drive(house, of="chat", begin=False, names=names, **keys) == {
                "groq": ["completed", 2],
                "mistral": ["SUCCESS", 2],
                "strangers groq": 404,
                "strangers mistral": 404,
            }
            house.settled("acme", PATIENCE_S)
            charged = {entry["call"]["endpoint"]: entry["call"] for entry in house.calls("acme")}
            assert {call["integration"]: call["usage"] for call in charged.values()} == {
                kind.integration: dict(kind.usage) for kind in MORE.values()
            }
            assert len(house.calls("acme")) == len(MORE)
            assert house.calls("other") == []
            assert house.cli("ledger", "verify")["ok"] is True
        finally:
            status = house.stop()
        assert status == 0, house.log
