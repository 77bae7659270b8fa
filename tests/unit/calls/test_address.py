"""The caller's address is the last one that no proxy of ours has; what a caller forges stands before it."""

from ipaddress import ip_network

import pytest

from proxy.calls.address import caller_address
from proxy.calls.head import Head

OURS = (ip_network("10.0.0.0/8"), ip_network("::1/128"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.5"], "192.0.2.1"),  # a stranger's word counts for nothing
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["10.9.9.9, 203.0.113.5"], "203.0.113.5"),  # forged in front of what our proxy added
        ("10.0.0.1", ["10.9.9.9", "203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["203.0.113.5,10.0.0.2"], "203.0.113.5"),  # two proxies of ours
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("::1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["203.0.113.5, unknown"], ""),
        ("10.0.0.1", ["203.0.113.5, "], ""),
        ("", ["203.0.113.5"], ""),
    ],
)
def test_who_calls(peer: str, forwarded: list[str], address: str) -> None:
    head = Head("POST", "/", "", [("X-Forwarded-For", value) for value in forwarded], peer)
    assert caller_address(head, OURS) == address
    assert caller_address(head, ()) == caller_address(Head("POST", "/", "", (), peer), ())
