"""The one shape of errors."""

from msgspec import Struct


class Problem(Struct, frozen=True):
    """What went wrong: a code for machines, one line for people."""

    code: str
    message: str


class ErrorDocument(Struct, frozen=True):
    """The answer to a request that was not carried out."""

    error: Problem
