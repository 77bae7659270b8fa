"""AWS's, Google's and Anthropic's SDKs through the real process, which signs with credentials of its own."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from support.clouds import ACCESS_KEY, REGION, SECRET_KEY, TEXT, Cloud, cloud, service_account
from support.house import House
from support.sdk import LOUD, SCRIPT_S, SCRIPTS, interpreter

pytestmark = pytest.mark.sdk

Ran = tuple[dict[str, Any], list[dict[str, Any]], Cloud, House, dict[str, str]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """Run all calls once: what the SDKs showed, the ledger's entries oldest first, and what the clouds were sent."""
    python, folder = interpreter("clouds"), tmp_path_factory.mktemp("clouds")
    with cloud() as made:
        account = service_account(folder, f"{made.url}/token")
        providers = {
            "bedrock": {
                "upstream": made.url,
                "region": REGION,
                "access_key_id": ACCESS_KEY,
                "secret_access_key": SECRET_KEY,
            },
            "vertex": {"upstream": made.url, "credentials": str(account), "project": "acme-project"},
        }
        house = House(folder, providers, {"log": LOUD}).start()
        try:
            keys = {name: house.tenant(name, usd) for name, usd in (("key", "10"), ("poor", "0"), ("capped", "10"))}
            house.cli("cap", "set", "0.000000001", "--daily", "--tenant", "capped")
            done = subprocess.run(
                [str(python), str(SCRIPTS / "clouds_calls.py")],
                input=json.dumps({"edge": house.edge, **keys}),
                capture_output=True,
                text=True,
                timeout=SCRIPT_S,
                check=False,
                env=house.environment | {"PYTHONWARNINGS": "default"},
            )
            assert done.returncode == 0, done.stderr + house.log
            assert house.settled("key")["credits_held_micros"] == 0
            yield json.loads(done.stdout), list(reversed(house.calls("key"))), made, house, keys
            assert house.cli("ledger", "verify")["ok"] is True
        finally:
            house.stop()
        assert "Traceback" not in house.log, house.log


def test_answers_are_what_the_provider_said(ran: Ran) -> None:
    found = ran[0]
    assert found["converse"]["text"] == found["converse_stream"]["text"] == found["invoke_model"] == TEXT
    assert found["converse_stream"]["usage"]["outputTokens"] == 4
    assert found["invoke stream"][0] == "message_start"
    assert found["invoke stream"][-1] == "message_stop"
    assert found["anthropic bedrock"] == found["anthropic vertex"] == {"text": TEXT, "output": 4}
    assert found["anthropic bedrock stream"] == TEXT
    assert found["generate"] == {"text": TEXT, "output": 4}
    assert found["generate stream"] == TEXT
    assert (found["embed"], found["cache"].rpartition("/")[2], found["cache deleted"]) == (2, "77", True)


def test_each_call_is_charged_by_what_was_reported(ran: Ran) -> None:
    found, entries, *_ = ran
    seen = [(entry["call"]["endpoint"], entry["call"]["certainty"], entry["call"]["usage"]) for entry in entries]
    tokens = {"input_tokens": 9, "output_tokens": 4}
    cut = {"input_tokens": 5, "output_tokens": 3}
    assert seen == [
        ("converse", "exact", tokens),
        ("converse-stream", "exact", tokens),
        ("invoke", "exact", tokens),
        ("invoke-with-response-stream", "exact", tokens),
        ("converse-stream", "at_least", cut),
        ("converse-stream", "at_least", cut),
        ("invoke", "exact", tokens),
        ("invoke-with-response-stream", "exact", tokens),
        ("generateContent", "exact", tokens),
        ("streamGenerateContent", "exact", tokens),
        ("predict", "exact", {"input_tokens": 6}),
        ("cachedContents", "exact", {"cache_storage_tokens": 3000, "cache_storage_token_hours": 250}),
        ("anthropic/rawPredict", "exact", tokens),
    ]
    # Nova micro in the us geography: 0.035 and 0.14 USD a million, and 20 %.
    assert entries[0]["call"]["charge_nanos"] == round((9 * 35 + 4 * 140) * 1.2)
    assert found["converse"]["charge"] == "0.00000105"
    # Claude 4.5 costs 10 % more in a geography of Bedrock; at Vertex's global place it does not.
    assert entries[2]["call"]["charge_nanos"] == round((9 * 3300 + 4 * 16500) * 1.2)
    assert entries[-1]["call"]["charge_nanos"] == round((9 * 3000 + 4 * 15000) * 1.2)


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("402", 402, "ServiceQuotaExceededException"),
        ("402 stream", 402, "ServiceQuotaExceededException"),
        ("401", 401, "UnrecognizedClientException"),
        ("404 model", 404, "ResourceNotFoundException"),
        ("429", 429, "ThrottlingException"),
    ],
)
def test_refusals_are_aws_s_own_errors(ran: Ran, name: str, status: int, code: str) -> None:
    told = ran[0][name]
    assert (told["status"], told["error"]["Code"]) == (status, code)
    assert told["error"]["Message"]


def test_a_refusal_is_the_modelled_exception(ran: Ran) -> None:
    assert ran[0]["402"]["class"] == "ServiceQuotaExceededException"
    assert ran[0]["429"]["class"] == "ThrottlingException"


def test_a_stream_that_fails_raises(ran: Ran) -> None:
    found = ran[0]
    assert found["throttled in a stream"]["error"]["Code"] == "throttlingException"
    assert found["cut stream"]["class"] == "EventStreamError"
    assert found["cut stream"]["error"]["Code"] == "internalServerException"


def test_refusals_at_vertex(ran: Ran) -> None:
    told, other = ran[0]["vertex 402"], ran[0]["another project"]
    assert (told["class"], told["status"]) == ("ClientError", 402)
    assert other["status"] == 404
    assert "in the project acme-project only" in other["error"]


def test_the_clouds_saw_the_operator_s_proof_and_no_tenant_s_key(ran: Ran) -> None:
    _, _, made, house, keys = ran
    assert made.faults == []
    assert made.tokens == 1, "one token serves all calls"
    sent = b"".join(made.raw)
    for key in keys.values():
        assert key.encode() not in sent
        assert key not in house.log
    assert SECRET_KEY not in house.log
