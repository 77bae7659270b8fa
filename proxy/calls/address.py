"""Where a call comes from: the peer's address, or what proxies of our own say of it."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from proxy.calls.head import Head

Network = IPv4Network | IPv6Network


def caller_address(head: Head, trusted: Sequence[Network]) -> str:
    """Return the caller's address: the last one in `X-Forwarded-For` that no trusted proxy has, seen from our side.

    What a caller writes into that header itself stands before it, and is not reached. An entry that is no address
    ends the search: the answer is then empty, "not known".
    """
    address = _plain(head.address)
    hops = [hop.strip() for value in head.values("x-forwarded-for") for hop in value.split(",")]
    while hops and address is not None and any(address in network for network in trusted):
        address = _plain(hops.pop())
    return "" if address is None else str(address)


def _plain(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address; one of IPv4 that came as IPv6 is one of IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
