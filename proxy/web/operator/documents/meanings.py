"""What refusals and outcomes mean, in a sentence, and what an operator can do about a refusal."""

from proxy.errors import Refusal
from proxy.ledger.call import Outcome

MEANINGS = {
    Refusal.MALFORMED_REQUEST: "the request cannot be read, or asks for something absurd; the message names the field",
    Refusal.METHOD_NOT_ALLOWED: "the path is known, but not with this method",
    Refusal.REQUEST_TIMEOUT: "the head or the body did not arrive in time",
    Refusal.UPGRADE_REQUIRED: "the route is a WebSocket",
    Refusal.TOO_LARGE: "the body is larger than `limits.body_bytes_max`",
    Refusal.INVALID_KEY: "no key, an unknown one, or a revoked one",
    Refusal.KEY_EXPIRED: "the key's time is over",
    Refusal.BALANCE_EXHAUSTED: "the wallet does not cover what the call may cost; `held` is what running calls hold",
    Refusal.REQUEST_TOO_LARGE_FOR_BALANCE: "the maximum asked for costs more than the wallet has; a smaller would fit",
    Refusal.SUSPENDED: "the operator has suspended the tenant",
    Refusal.KEY_SCOPE: "the key lacks the scope, or may not use this integration or this address",
    Refusal.MODEL_NOT_ALLOWED: "the key may not use this model",
    Refusal.UNKNOWN_ENDPOINT: "the route is not listed for this integration, so it would not be metered",
    Refusal.UNKNOWN_INTEGRATION: "no such integration is switched on",
    Refusal.UNPRICED_MODEL: "the model has no rate; it is never served for nothing",
    Refusal.NOT_FOUND: "an object that this tenant did not create through Faregate",
    Refusal.RATE_LIMITED: "too many calls or tokens for now",
    Refusal.SPEND_CAP_DAILY: "a daily spend cap leaves too little: the rest is spent, or held by running calls",
    Refusal.SPEND_CAP_MONTHLY: "a monthly spend cap leaves too little: the rest is spent, or held by running calls",
    Refusal.UPSTREAM_UNREACHABLE: "the provider was not reached, or its answer broke off before anything was relayed",
    Refusal.UPSTREAM_AUTH: "the provider does not accept the operator's key",
    Refusal.UPSTREAM_FUNDS: "the operator's account at the provider is out of money",
    Refusal.UPSTREAM_REDIRECT: "the provider answered with a redirect, which is not followed",
    Refusal.UPSTREAM_TIMEOUT: "the provider did not answer, or stopped answering, in time",
    Refusal.LEDGER_UNAVAILABLE: "the ledger cannot commit, so nothing was sent",
    Refusal.DRAINING: "this server is shutting down",
    Refusal.OVERLOADED: "more calls are waiting than can be served",
    Refusal.INTERNAL_ERROR: "a fault of Faregate's; the log has the call's id",
}
"""Every refusal, as the reference page and `calls show` say it."""

_CAPS = "faregate cap list --tenant TENANT shows what is spent and held; faregate cap set raises a cap"

REMEDIES = {
    Refusal.KEY_EXPIRED: "faregate key create TENANT, or key rotate KEY",
    Refusal.BALANCE_EXHAUSTED: "faregate credit TENANT USD; faregate holds list TENANT shows what is on hold",
    Refusal.REQUEST_TOO_LARGE_FOR_BALANCE: "faregate credit TENANT USD, or a smaller output maximum in the request",
    Refusal.SUSPENDED: "faregate tenant resume TENANT",
    Refusal.KEY_SCOPE: "faregate key list TENANT shows scopes and integrations; faregate key create makes another key",
    Refusal.MODEL_NOT_ALLOWED: "faregate key list TENANT shows the models; faregate key create makes another key",
    Refusal.UNPRICED_MODEL: "faregate rates list shows what has a price; a file in rates_dir adds one",
    Refusal.SPEND_CAP_DAILY: _CAPS,
    Refusal.SPEND_CAP_MONTHLY: _CAPS,
    Refusal.UPSTREAM_AUTH: "set a valid api_key for the integration, and restart",
    Refusal.UPSTREAM_FUNDS: "top up the account at the provider",
    Refusal.LEDGER_UNAVAILABLE: "look at the log and at the disk of the database",
    Refusal.INTERNAL_ERROR: "look for the call's id in the log",
}
"""What the operator can do, where it is in the operator's hands."""

OUTCOMES = {
    Outcome.ANSWERED: "the provider's answer was relayed whole",
    Outcome.FREE: "the route is free: it was forwarded without a hold",
    Outcome.REFUSED: "the call was refused before anything was sent",
    Outcome.UPSTREAM_ERROR: "the provider answered with an error, which costs the tenant nothing",
    Outcome.UPSTREAM_FAILED: "the provider gave no answer",
    Outcome.UPSTREAM_CUT: "the provider's answer broke off",
    Outcome.CALLER_GONE: "the caller hung up",
    Outcome.TIMED_OUT: "the call reached its maximum age and was stopped",
    Outcome.STOPPED: "the call was stopped from inside: the server was ending, or something in it failed",
    Outcome.RECOVERED: "the server died during the call; it was settled at the next start by what had been seen",
}
"""Every outcome."""


def refusal_of(code: str) -> Refusal | None:
    """Return the refusal of a code, None for none."""
    return next((refusal for refusal in Refusal if refusal.code == code), None)
