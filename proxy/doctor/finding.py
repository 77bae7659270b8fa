"""What a check has found: one line, and the remedy where there is something to remedy."""

from enum import StrEnum

from msgspec import Struct


class State(StrEnum):
    """How a check ended. Only `failed` keeps a server, or calls, from working."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Finding(Struct, frozen=True):
    """One line of the report. `check` says what was looked at, in a few words."""

    check: str
    state: State
    text: str
    remedy: str = ""


def ok(check: str, text: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(check, State.OK, text)


def warning(check: str, text: str, remedy: str) -> Finding:
    """Return a finding that may hurt later, or some callers."""
    return Finding(check, State.WARNING, text, remedy)


def failed(check: str, text: str, remedy: str) -> Finding:
    """Return a finding that keeps something from working now."""
    return Finding(check, State.FAILED, text, remedy)


def skipped(check: str, text: str) -> Finding:
    """Return a finding that there was nothing to look at."""
    return Finding(check, State.SKIPPED, text)
