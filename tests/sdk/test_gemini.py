"""Google's own SDK on nothing but another base URL and another key, and plain HTTP with `?key=`."""

import json
import urllib.error
import urllib.request

import pytest
from support.sdk import Run, Stage, check_broken, check_ledger, price_nanos

pytestmark = pytest.mark.sdk

INTEGRATION = "gemini"
ENVIRONMENTS = ["latest"]

REFUSED = {
    "402 generate": ("ClientError", 402, "RESOURCE_EXHAUSTED", "balance_exhausted"),
    "402 stream": ("ClientError", 402, "RESOURCE_EXHAUSTED", "balance_exhausted"),
    "402 embedding": ("ClientError", 402, "RESOURCE_EXHAUSTED", "balance_exhausted"),
    "402 async generate": ("ClientError", 402, "RESOURCE_EXHAUSTED", "balance_exhausted"),
    "401": ("ClientError", 401, "UNAUTHENTICATED", "invalid_key"),
    "404 model": ("ClientError", 404, "NOT_FOUND", "unpriced_model"),
    "404 cache used": ("ClientError", 404, "NOT_FOUND", "not_found"),
    "our key refused": ("ServerError", 502, "UNAVAILABLE", "upstream_auth"),
}
ASK = {"contents": [{"role": "user", "parts": [{"text": "Why is the sky blue?"}]}]}


def post(scene: Stage, path: str, **headers: str) -> tuple[int, str]:
    """Ask without an SDK, and remember what was answered."""
    request = urllib.request.Request(
        f"{scene.house.edge}/gemini/v1beta/models/{path}",
        json.dumps(ASK).encode(),
        {"content-type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read().decode()
    scene.told.append(text)
    return status, text


def test_every_call_costs_what_an_independent_calculator_says(run: Run) -> None:
    check_ledger("gemini", run)
    assert len(run.metered) == 13


def test_the_head_of_an_answer_tells_the_charge(run: Run) -> None:
    head = run.results["head"]
    assert run.entries[0]["call"]["id"] == head["faregate-call-id"]
    assert round(float(head["faregate-charge-usd"]) * 1e9) == -run.entries[0]["amount_nanos"]


def test_generate(run: Run) -> None:
    found = run.results
    assert found["generate"]["finish"] == "STOP"
    for name in ("stream", "v1beta", "async generate", "async stream"):
        assert found[name]["text"] == found["generate"]["text"]
    assert found["stream"]["chunks"] > 2
    assert found["v1beta stream"]["finish"] == "STOP"
    used = {call["name"]: call["usage"] for call in run.metered}
    assert used["cached"]["cache_read_tokens"] > 2000


def test_a_tool_goes_round(run: Run) -> None:
    assert run.results["tool call"] == {"name": "weather", "arguments": {"city": "Why is the sky blue?"}}
    assert run.results["tool result"]["finish"] == "STOP"


def test_embeddings_and_routes_that_cost_nothing(run: Run) -> None:
    assert run.results["embeddings"] == [16, 2]
    assert run.results["count"] == run.metered[0]["usage"]["input_tokens"]
    assert run.results["model"] == "models/gemini-2.5-flash"
    assert run.results["model"] in run.results["models"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_the_sdk_s_own_error_and_is_not_tried_again(run: Run, name: str) -> None:
    error = run.results[name]
    told = error["body"]["error"]
    assert (error["class"], error["status"], error["type"], told["reason"]) == REFUSED[name]
    assert told["code"] == error["status"]
    assert error["requests"] == 1
    if error["status"] == 402:
        assert {"balance", "held", "needed", "top_up_url"} <= told.keys()


def test_a_route_that_is_not_metered_is_not_there(run: Run, scene: Stage) -> None:
    error = run.results["404 route"]
    assert (error["class"], error["status"], error["requests"]) == ("ClientError", 404, 1)
    assert error["headers"]["faregate-refusal"] == "unknown_endpoint"
    assert b"/files" not in scene.tap.sent


def test_the_provider_never_hears_of_it(run: Run, scene: Stage) -> None:
    assert b"of-somebody-else" not in scene.tap.sent
    assert b"gemini-none" not in scene.tap.sent


def test_the_provider_s_errors_are_relayed(run: Run) -> None:
    found = run.results
    assert (found["429"]["class"], found["429"]["status"], found["429"]["requests"]) == ("ClientError", 429, 1)
    assert (found["500"]["class"], found["500"]["type"]) == ("ServerError", "INTERNAL")
    assert (found["503"]["class"], found["503"]["type"]) == ("ServerError", "UNAVAILABLE")
    assert found["our key shown"]["class"] == "ClientError"
    assert found["our key shown"]["body"]["error"]["message"] == "API key not valid: [redacted]"


@pytest.mark.parametrize("name", ["cut stream", "reset stream", "failed stream"])
def test_a_stream_that_breaks_never_looks_complete(run: Run, name: str) -> None:
    error = run.results[name]
    assert (error["class"], error["status"]) == ("ServerError", 500 if name == "failed stream" else 502)
    assert error["requests"] == 1


def test_a_stream_that_breaks_costs_what_was_seen_of_it(run: Run) -> None:
    check_broken("gemini", run)


def test_an_answer_cut_short_is_no_answer(run: Run) -> None:
    error = run.results["cut JSON"]
    assert (error["class"], error["status"]) == ("ServerError", 502)
    assert error["body"]["error"]["reason"] == "upstream_unreachable"


def test_a_key_in_the_query_is_taken_and_goes_no_further(scene: Stage) -> None:
    key = scene.tenant("by-query")
    before = len(scene.sandbox.log)
    whole_status, whole = post(scene, f"gemini-2.5-flash:generateContent?key={key}")
    stream_status, stream = post(scene, f"gemini-2.5-flash:streamGenerateContent?key={key}&alt=sse")
    array_status, array = post(scene, f"gemini-2.5-flash:streamGenerateContent?key={key}")
    assert (whole_status, stream_status, array_status) == (200, 200, 200)
    chunks = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
    used = [json.loads(whole)["usageMetadata"], chunks[-1]["usageMetadata"], json.loads(array)[-1]["usageMetadata"]]
    scene.house.settled("by-query")
    charged = [-entry["amount_nanos"] for entry in scene.entries("by-query")]
    assert charged == [price_nanos("gemini", "gemini-2.5-flash", of_usage(one)) for one in used]
    assert [record.query for record in list(scene.sandbox.log)[before:]] == ["", "alt=sse", ""]
    scene.check_secrets()


def of_usage(usage: dict[str, int]) -> dict[str, int]:
    """Return reported usage as the calculator takes it."""
    output = usage["candidatesTokenCount"] + usage["thoughtsTokenCount"]
    return {"input_tokens": usage["promptTokenCount"], "output_tokens": output}


def test_a_wrong_key_in_the_query_is_not_said_again(scene: Stage) -> None:
    status, text = post(scene, "gemini-2.5-flash:generateContent?key=fg-nobody-has-this-one")
    assert status == 401
    assert "nobody-has-this-one" not in text + scene.house.log


def test_two_keys_that_differ_are_refused(scene: Stage) -> None:
    key, other = scene.tenant("by-query"), scene.tenant("other")
    status, text = post(scene, f"gemini-2.5-flash:generateContent?key={key}", **{"x-goog-api-key": other})
    assert (status, json.loads(text)["error"]["reason"]) == (400, "malformed_request")


def test_secrets_stay_where_they_belong(run: Run, scene: Stage) -> None:
    scene.check_secrets()
