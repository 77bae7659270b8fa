"""The SDKs of sound and pictures, each pointed at Faregate by its base URL and its key, through the real process."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from support.house import House
from support.sdk import SCRIPT_S, SCRIPTS, interpreter
from support.studio import SOUND, SUBTITLES, TEXT, studio

pytestmark = pytest.mark.sdk

ENVIRONMENT = "media"
INTEGRATIONS = ("openai", "elevenlabs", "deepgram")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the script found, with the ledger's entries of its calls."""
    python = interpreter(ENVIRONMENT)
    with studio() as providers:
        chosen = {"api_key": "sk-of-the-operator", "upstream": providers.origin}
        house = House(tmp_path_factory.mktemp("house"), dict.fromkeys(INTEGRATIONS, chosen)).start()
        try:
            told = {
                "edge": house.edge,
                "operator": house.operator,
                "key": house.tenant("acme"),
                "poor": house.tenant("poor", "0"),
            }
            done = subprocess.run(
                [str(python), str(SCRIPTS / "media_calls.py")],
                input=json.dumps(told),
                capture_output=True,
                text=True,
                timeout=SCRIPT_S,
                check=False,
                env=house.environment | {"PYTHONWARNINGS": "default"},
            )
            assert done.returncode == 0, done.stderr
            house.settled("acme")
            sent = b"".join(seen.body + str(seen.headers).encode() for seen in providers.seen)
            assert told["key"].encode() not in sent
            yield {**json.loads(done.stdout), "entries": house.calls("acme")[::-1], "poor": house.calls("poor")}
            assert house.cli("ledger", "verify")["ok"] is True
        finally:
            status = house.stop()
        assert status == 0, house.log


def test_each_call_is_in_the_ledger_as_its_sdk_showed_it(said: dict[str, Any]) -> None:
    ledger = [(entry["call"]["model"], entry["call"]["usage"]) for entry in said["entries"]]
    assert ledger == [(one["model"], one["usage"]) for one in said["metered"]]
    assert len(ledger) == 19
    assert all(entry["amount_nanos"] < 0 for entry in said["entries"])


def test_what_the_sdks_showed(said: dict[str, Any]) -> None:
    found = said["results"]
    heard = ("translation", "tokens", "scribe", "listen", "listen url")
    assert [found[name] for name in heard] == [TEXT] * len(heard)
    assert found["transcription"] == {"text": TEXT, "seconds": 3}
    assert found["verbose"] == {"text": TEXT, "seconds": 2.5}
    assert [found[name] for name in ("text", "srt", "vtt")] == [SUBTITLES.decode()] * 3
    assert found["stream"] == ["transcript.text.delta", "transcript.text.done"]
    assert [found[name] for name in ("speech", "eleven speech", "eleven stream", "aura")] == [len(SOUND)] * 4
    assert (found["picture"], found["by size"], found["speech events"]) == (2, 1, 2)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("402 speech", "APIStatusError"),
        ("402 hear", "APIStatusError"),
        ("402 eleven", "ApiError"),
        ("402 scribe", "ApiError"),
        ("402 listen", "ApiError"),
        ("402 aura", "ApiError"),
    ],
)
def test_without_money_each_raises_its_own_error_once(said: dict[str, Any], name: str, kind: str) -> None:
    found = said["results"][name]
    assert (found["status"], found["requests"]) == (402, 1)
    assert kind in found["kinds"]
    assert "balance_exhausted" in json.dumps(found["body"])
    assert said["poor"] == []
