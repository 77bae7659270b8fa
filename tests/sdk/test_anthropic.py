"""Anthropic's own SDK, three majors of it, on nothing but another base URL and another key."""

import pytest
from support.sdk import Run, Stage, check_broken, check_ledger

pytestmark = pytest.mark.sdk

INTEGRATION = "anthropic"
ENVIRONMENTS = ["latest", "anthropic-1", "anthropic-0"]

BROKE = ["402 message", "402 stream", "402 stream helper", "402 async message"]
REFUSED = {
    "401": ("AuthenticationError", 401, "authentication_error", "invalid_key"),
    "400": ("BadRequestError", 400, "invalid_request_error", "malformed_request"),
    "404 model": ("NotFoundError", 404, "not_found_error", "unpriced_model"),
    "404 file": ("NotFoundError", 404, "not_found_error", "not_found"),
    "404 file used": ("NotFoundError", 404, "not_found_error", "not_found"),
    "our key refused": ("InternalServerError", 502, "api_error", "upstream_auth"),
}


def test_every_call_costs_what_an_independent_calculator_says(run: Run) -> None:
    check_ledger("anthropic", run)
    assert len(run.metered) == 11


def test_the_key_goes_where_this_major_puts_it(run: Run) -> None:
    assert run.results["auth"] == (["authorization"] if run.environment == "latest" else ["x-api-key"])


def test_the_head_of_an_answer_tells_the_charge(run: Run) -> None:
    head = run.results["head"]
    assert run.entries[0]["call"]["id"] == head["faregate-call-id"]
    assert round(float(head["faregate-charge-usd"]) * 1e9) == -run.entries[0]["amount_nanos"]
    assert head["request-id"].startswith("req_")


def test_messages(run: Run) -> None:
    found = run.results
    assert found["message"]["stop"] == "end_turn"
    for name in ("message stream", "async message", "async stream"):
        assert found[name]["text"] == found["message"]["text"]
        assert found[name].get("last", "message_stop") == "message_stop"
    assert found["stream helper"]["text"] == found["stream helper"]["final"]


def test_the_cache_is_written_and_read(run: Run) -> None:
    used = {call["name"]: call["usage"] for call in run.metered}
    assert used["cache written"]["cache_write_1h_tokens"] > 2000
    assert used["cache read"]["cache_read_tokens"] == used["cache written"]["cache_write_1h_tokens"]
    assert used["short cache written"]["cache_write_tokens"] > 2000
    assert used["short cache written"]["cache_write_1h_tokens"] == 0


def test_a_tool_goes_round(run: Run) -> None:
    called = run.results["tool call"]
    assert called == {"name": "weather", "arguments": {"city": "Why is the sky blue?"}, "stop": "tool_use"}
    assert run.results["tool result"]["stop"] == "end_turn"


def test_routes_that_cost_nothing(run: Run) -> None:
    assert run.results["count"] == run.metered[0]["usage"]["input_tokens"]
    assert run.results["model"] == "claude-sonnet-5"
    assert run.results["model"] in run.results["models"]


@pytest.mark.parametrize("name", BROKE)
def test_402_is_the_sdk_s_own_error_and_is_not_tried_again(run: Run, name: str) -> None:
    error = run.results[name]
    assert error["class"] == ("PaymentRequiredError" if run.environment == "latest" else "APIStatusError")
    assert error["status"] == 402
    assert error["requests"] == 1
    assert error["headers"]["faregate-refusal"] == "balance_exhausted"
    assert error["headers"]["x-should-retry"] == "false"
    assert error["body"]["type"] == "error"
    told = error["body"]["error"]
    assert (told["type"], told["code"]) == ("billing_error", "balance_exhausted")
    assert {"balance", "held", "needed", "top_up_url"} <= told.keys()


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_the_sdk_s_own_error_and_is_not_tried_again(run: Run, name: str) -> None:
    error = run.results[name]
    told = error["body"]["error"]
    assert (error["class"], error["status"], told["type"], told["code"]) == REFUSED[name]
    assert error["requests"] == 1
    assert error["headers"]["x-should-retry"] == "false"


def test_a_route_that_is_not_metered_is_not_there(run: Run, scene: Stage) -> None:
    error = run.results["404 route"]
    assert (error["class"], error["requests"]) == ("NotFoundError", 1)
    assert error["headers"]["faregate-refusal"] == "unknown_endpoint"
    assert b"/v1/skills" not in scene.tap.sent


def test_the_provider_never_hears_of_it(run: Run, scene: Stage) -> None:
    assert b"file_of_somebody_else" not in scene.tap.sent
    assert b"claude-none" not in scene.tap.sent


def test_the_provider_s_errors_are_relayed(run: Run) -> None:
    found = run.results
    assert (found["429"]["class"], found["429"]["requests"]) == ("RateLimitError", 2)
    assert found["429"]["headers"]["retry-after"] == "0.05"
    assert (found["500"]["class"], found["500"]["status"]) == ("InternalServerError", 500)
    assert (found["529"]["class"], found["529"]["status"]) == ("OverloadedError", 529)
    assert found["our key shown"]["class"] == "BadRequestError"
    assert found["our key shown"]["body"]["error"]["message"] == "invalid x-api-key: [redacted]"


@pytest.mark.parametrize("name", ["cut stream", "reset stream", "cut stream helper", "failed stream"])
def test_a_stream_that_breaks_never_looks_complete(run: Run, name: str) -> None:
    error = run.results[name]
    assert "APIStatusError" in error["kinds"]
    assert error["body"]["error"]["type"] == "api_error"
    assert error["requests"] == 1


def test_a_stream_that_breaks_costs_what_was_seen_of_it(run: Run) -> None:
    check_broken("anthropic", run)


def test_an_answer_cut_short_is_no_answer(run: Run) -> None:
    error = run.results["cut JSON"]
    assert (error["class"], error["status"]) == ("InternalServerError", 502)
    assert error["body"]["error"]["code"] == "upstream_unreachable"


def test_secrets_stay_where_they_belong(run: Run, scene: Stage) -> None:
    scene.check_secrets()
