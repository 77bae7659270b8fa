"""The signers that a provider file may name, and what must be installed for each."""

from collections.abc import Mapping
from importlib.util import find_spec

from msgspec import Struct


class Needs(Struct, frozen=True):
    """The module that a signer is made with, and the extra of ours that brings it."""

    module: str
    extra: str


SIGNERS: Mapping[str, Needs] = {"sigv4": Needs("botocore", "aws"), "google": Needs("google.auth", "google")}


def missing(signer: str) -> str:
    """Return what to install so that a signer works; empty if it is there."""
    needs = SIGNERS[signer]
    try:
        there = find_spec(needs.module) is not None
    except ModuleNotFoundError:  # the package around the module is missing too
        there = False
    return "" if there else f"pip install 'faregate-proxy[{needs.extra}]'"
