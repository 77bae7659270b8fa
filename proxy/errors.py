"""What can go wrong, by name: the closed list of refusals, and one root for every error of our own.

FaregateError
├── Refused            a call that is answered with a refusal (section "Refusals" of the reference)
├── BadConfig          a file or setting that cannot be used: what, where, which value, the remedy
├── LedgerUnavailable  the ledger cannot commit now; nothing was changed
├── BadRequest         the operator asked for something that cannot be done; the message says why
└── InvariantBroken    our own arithmetic is wrong; the batch is rolled back
"""

from enum import Enum
from typing import NoReturn


class FaregateError(Exception):
    """The root of Faregate's own errors."""


class BadConfig(FaregateError):
    """A configuration, provider or rates file that cannot be used. The message is one line with its remedy.

    `problems` are all the lines that were found, the message first among them.
    """

    def __init__(self, message: str, *more: str) -> None:
        super().__init__(message)
        self.problems = (message, *more)


class LedgerUnavailable(FaregateError):
    """The ledger cannot commit. Whatever was asked has not happened."""


class BadRequest(FaregateError):
    """An operator's request that cannot be carried out. `status` is the HTTP status that says so."""

    def __init__(self, message: str, *, code: str = "invalid_request", status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class InvariantBroken(FaregateError):
    """A rule of the ledger would be broken. Unlike `assert` this also holds under `python -O`."""


def invariant(holds: bool, message: str) -> None:
    """Raise InvariantBroken unless the rule holds."""
    if not holds:
        raise InvariantBroken(message)


class Refusal(Enum):
    """Every reason for which a call is refused: its HTTP status, and whether the same call may succeed later."""

    MALFORMED_REQUEST = ("malformed_request", 400, False)
    METHOD_NOT_ALLOWED = ("method_not_allowed", 405, False)
    REQUEST_TIMEOUT = ("request_timeout", 408, True)
    UPGRADE_REQUIRED = ("upgrade_required", 426, False)
    TOO_LARGE = ("too_large", 413, False)
    INVALID_KEY = ("invalid_key", 401, False)
    KEY_EXPIRED = ("key_expired", 401, False)
    BALANCE_EXHAUSTED = ("balance_exhausted", 402, False)
    REQUEST_TOO_LARGE_FOR_BALANCE = ("request_too_large_for_balance", 402, False)
    SUSPENDED = ("suspended", 402, False)
    KEY_SCOPE = ("key_scope", 403, False)
    MODEL_NOT_ALLOWED = ("model_not_allowed", 403, False)
    UNKNOWN_ENDPOINT = ("unknown_endpoint", 404, False)
    UNKNOWN_INTEGRATION = ("unknown_integration", 404, False)
    UNPRICED_MODEL = ("unpriced_model", 404, False)
    NOT_FOUND = ("not_found", 404, False)
    RATE_LIMITED = ("rate_limited", 429, True)
    SPEND_CAP_DAILY = ("spend_cap_daily", 429, True)
    SPEND_CAP_MONTHLY = ("spend_cap_monthly", 429, True)
    UPSTREAM_UNREACHABLE = ("upstream_unreachable", 502, True)
    UPSTREAM_AUTH = ("upstream_auth", 502, False)
    UPSTREAM_FUNDS = ("upstream_funds", 502, False)
    UPSTREAM_REDIRECT = ("upstream_redirect", 502, False)
    UPSTREAM_TIMEOUT = ("upstream_timeout", 504, False)
    LEDGER_UNAVAILABLE = ("ledger_unavailable", 503, True)
    DRAINING = ("draining", 503, True)
    OVERLOADED = ("overloaded", 503, True)
    INTERNAL_ERROR = ("internal_error", 500, False)

    def __init__(self, code: str, status: int, retryable: bool) -> None:
        self.code = code
        self.status = status
        self.retryable = retryable


class Refused(FaregateError):
    """A call is refused. `message` is for the caller: it names the fault and the remedy, never a secret.

    `facts` are extra fields of the answer's body (a 402's balance, held, needed and top-up URL); among them
    `retry_after` is also sent as a header, in seconds. `again` tells whether an SDK should try by itself.
    """

    def __init__(self, refusal: Refusal, message: str, **facts: object) -> None:
        super().__init__(message)
        self.refusal = refusal
        self.message = message
        self.again = refusal.retryable
        self.facts = facts

    def not_soon(self) -> "Refused":
        """Say that this call will not succeed for a while, though others of its kind may: no SDK should insist."""
        self.again = False
        return self


def refuse(refusal: Refusal, message: str, **facts: object) -> NoReturn:
    """Raise Refused: reads better than `raise` at the end of a condition."""
    raise Refused(refusal, message, **facts)
