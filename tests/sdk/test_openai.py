"""OpenAI's own SDK, three majors of it, on nothing but another base URL and another key."""

import pytest
from support.sdk import Run, Stage, check_broken, check_ledger

pytestmark = pytest.mark.sdk

INTEGRATION = "openai"
ENVIRONMENTS = ["latest", "openai-2", "openai-1"]

REFUSED = {
    "402 chat": ("APIStatusError", 402, "balance_exhausted"),
    "402 chat stream": ("APIStatusError", 402, "balance_exhausted"),
    "402 responses": ("APIStatusError", 402, "balance_exhausted"),
    "402 embeddings": ("APIStatusError", 402, "balance_exhausted"),
    "402 async chat": ("APIStatusError", 402, "balance_exhausted"),
    "401": ("AuthenticationError", 401, "invalid_key"),
    "400": ("BadRequestError", 400, "malformed_request"),
    "404 model": ("NotFoundError", 404, "unpriced_model"),
    "404 route": ("NotFoundError", 404, "unknown_endpoint"),
    "our key refused": ("InternalServerError", 502, "upstream_auth"),
}
NOT_FOUND = [
    "404 response",
    "404 response items",
    "404 response delete",
    "404 previous response",
    "404 file",
    "404 file content",
    "404 file delete",
    "404 file used",
    "404 deleted file",
    "404 deleted response",
]
BY_ID = [
    "responses.get",
    "responses.input_items",
    "responses.delete",
    "files.get",
    "files.content",
    "files.delete",
]


def test_every_call_costs_what_an_independent_calculator_says(run: Run) -> None:
    check_ledger("openai", run)
    assert len(run.metered) == 19


def test_the_head_of_an_answer_tells_the_charge(run: Run) -> None:
    head = run.results["head"]
    [entry] = [entry for entry in run.entries if entry["call"]["id"] == head["faregate-call-id"]]
    assert round(float(head["faregate-charge-usd"]) * 1e9) == -entry["amount_nanos"]
    assert head["x-request-id"].startswith("req_")


def test_chat(run: Run) -> None:
    found = run.results
    assert found["chat"]["finish"] == found["key everywhere"]["finish"] == "stop"
    assert found["chat stream"]["text"] == found["chat"]["text"]
    assert found["async chat stream"]["text"] == found["async chat"]["text"]
    cached = {
        call["name"]: call["usage"]["cache_read_tokens"]
        for call in run.metered
        if "chat " in call["name"] and call["usage"]
    }
    assert cached["chat cached"] > 2000


def test_a_stream_shows_usage_only_to_whom_asked_for_it(run: Run) -> None:
    plain, asked = run.results["chat stream"], run.results["chat stream with usage"]
    assert (plain["usages"], plain["without_choices"]) == (0, 0)
    assert (asked["usages"], asked["without_choices"]) == (1, 1)
    assert run.results["async chat stream"]["usages"] == 0


def test_a_tool_goes_round(run: Run) -> None:
    assert run.results["tool call"] == {"name": "weather", "arguments": {"city": "Why is the sky blue?"}}
    assert run.results["tool result"]["finish"] == "stop"


def test_responses(run: Run) -> None:
    found = run.results["responses"]
    assert found["text"] == found["again"]
    assert found["asked"] == "Tell me of rivers."
    assert found["grew"]
    for name in ("responses stream", "async responses stream"):
        stream = run.results[name]
        assert stream["last"] == "response.completed"
        assert stream["text"] == stream["final"] != ""


def test_embeddings_models_and_files(run: Run) -> None:
    assert run.results["embeddings"] == [3, 1536, 16]
    assert "gpt-5-mini" in run.results["models"]
    assert run.results["model"] == "gpt-5-mini"
    assert run.results["file"] == {"name": "notes.txt", "content": "Notes of a tenant.", "deleted": True}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_the_sdk_s_own_error_and_is_not_tried_again(run: Run, name: str) -> None:
    error = run.results[name]
    assert (error["class"], error["status"], error["code"]) == REFUSED[name]
    assert error["requests"] == 1
    assert error["headers"]["faregate-refusal"] == error["code"]
    assert error["headers"]["x-should-retry"] == "false"


def test_402_says_what_is_lacking(run: Run) -> None:
    for name in [name for name in REFUSED if name.startswith("402")]:
        body = run.results[name]["body"]
        assert body["type"] == run.results[name]["type"] == "insufficient_quota"
        assert {"balance", "held", "needed", "top_up_url"} <= body.keys()


@pytest.mark.parametrize("name", NOT_FOUND)
def test_what_is_not_the_tenant_s_own_is_not_there(run: Run, name: str) -> None:
    error = run.results[name]
    assert (error["class"], error["status"], error["code"]) == ("NotFoundError", 404, "not_found")
    assert error["requests"] == 1


def test_the_provider_never_hears_of_it(run: Run, scene: Stage) -> None:
    """Of all the requests for an object by its id only the owner's went on, and none after it was deleted."""
    assert b"/v1/batches" not in scene.tap.sent
    assert b"gpt-none" not in scene.tap.sent
    by_id = [(record.route, record.status) for record in run.records if record.route in BY_ID]
    assert sorted(by_id) == sorted((route, 200) for route in BY_ID)


def test_the_provider_s_errors_are_relayed(run: Run) -> None:
    found = run.results
    limited = found["429"]
    assert (limited["class"], limited["status"], limited["code"]) == ("RateLimitError", 429, "rate_limit_exceeded")
    assert limited["headers"]["retry-after"] == "0.05"
    assert limited["requests"] == 2  # the SDK's one retry: the provider's own 429 is the provider's to explain
    assert (found["500"]["class"], found["500"]["status"]) == ("InternalServerError", 500)
    assert (found["503"]["class"], found["503"]["status"]) == ("InternalServerError", 503)
    assert found["our key shown"]["class"] == "BadRequestError"
    assert found["our key shown"]["body"]["message"] == "Incorrect API key provided: [redacted]."


@pytest.mark.parametrize("name", ["cut chat", "reset chat", "cut responses", "failed chat", "failed responses"])
def test_a_stream_that_breaks_never_looks_complete(run: Run, name: str) -> None:
    error = run.results[name]
    assert error["class"] == "APIError"
    assert error["requests"] == 1
    assert error["code"] == (None if name.startswith("failed") else "upstream_unreachable")


def test_a_stream_that_breaks_costs_what_was_seen_of_it(run: Run) -> None:
    check_broken("openai", run)


def test_an_answer_cut_short_is_no_answer(run: Run) -> None:
    error = run.results["cut JSON"]
    assert (error["class"], error["status"], error["code"]) == ("InternalServerError", 502, "upstream_unreachable")


def test_secrets_stay_where_they_belong(run: Run, scene: Stage) -> None:
    scene.check_secrets()
