"""The closed list of refusals is the one that the design fixes, and one root catches all that is ours."""

import pytest

from proxy.errors import (
    BadConfig,
    BadRequest,
    FaregateError,
    InvariantBroken,
    LedgerUnavailable,
    Refusal,
    Refused,
    invariant,
    refuse,
)

STATUSES = {
    "malformed_request": 400,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "upgrade_required": 426,
    "too_large": 413,
    "invalid_key": 401,
    "key_expired": 401,
    "balance_exhausted": 402,
    "request_too_large_for_balance": 402,
    "suspended": 402,
    "key_scope": 403,
    "model_not_allowed": 403,
    "unknown_endpoint": 404,
    "unknown_integration": 404,
    "unpriced_model": 404,
    "not_found": 404,
    "rate_limited": 429,
    "spend_cap_daily": 429,
    "spend_cap_monthly": 429,
    "upstream_unreachable": 502,
    "upstream_auth": 502,
    "upstream_funds": 502,
    "upstream_redirect": 502,
    "upstream_timeout": 504,
    "ledger_unavailable": 503,
    "draining": 503,
    "overloaded": 503,
    "internal_error": 500,
}
"""The table "Refusals" of the design."""


def test_the_refusals_are_exactly_those_of_the_reference() -> None:
    assert {refusal.code: refusal.status for refusal in Refusal} == STATUSES


def test_a_refusal_is_named_by_its_code() -> None:
    for refusal in Refusal:
        assert refusal.name == refusal.code.upper()


def test_only_what_may_pass_by_itself_is_worth_a_retry() -> None:
    """Money, keys and mistakes do not; a timeout upstream may have been billed already."""
    retryable = {refusal.code for refusal in Refusal if refusal.retryable}
    assert retryable == {
        "request_timeout",
        "rate_limited",
        "spend_cap_daily",
        "spend_cap_monthly",
        "upstream_unreachable",
        "ledger_unavailable",
        "draining",
        "overloaded",
    }


def test_one_root_for_all_of_them() -> None:
    for kind in (BadConfig, BadRequest, InvariantBroken, LedgerUnavailable, Refused):
        assert issubclass(kind, FaregateError)


def test_refuse_raises_with_its_facts() -> None:
    with pytest.raises(Refused, match="Top up") as caught:
        refuse(Refusal.BALANCE_EXHAUSTED, "Top up.", held="1", needed="2")
    refused = caught.value
    assert (refused.refusal, refused.message) == (Refusal.BALANCE_EXHAUSTED, "Top up.")
    assert refused.facts == {"held": "1", "needed": "2"}


def test_an_invariant_that_holds_says_nothing() -> None:
    invariant(True, "never seen")
    with pytest.raises(InvariantBroken, match="two and two"):
        invariant(2 + 2 == 5, "two and two")


def test_a_bad_request_says_how_to_answer_it() -> None:
    error = BadRequest("no such tenant", code="not_found", status=404)
    assert (str(error), error.code, error.status) == ("no such tenant", "not_found", 404)
    assert (BadRequest("x").code, BadRequest("x").status) == ("invalid_request", 400)


def test_a_refusal_may_be_one_that_no_sdk_should_insist_on() -> None:
    soon, late = (Refused(Refusal.SPEND_CAP_DAILY, "No.") for _ in range(2))
    assert late.not_soon() is late
    assert (soon.again, late.again) == (True, False)
    assert (Refused(Refusal.BALANCE_EXHAUSTED, "No.").again, Refusal.SPEND_CAP_DAILY.retryable) == (False, True)
