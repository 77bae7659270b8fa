"""The subprotocols that a caller offers for its WebSocket: browsers have no other place for a key."""

from collections.abc import Mapping, Sequence

from proxy.calls.head import Head


def offered(head: Head) -> list[str]:
    """Return what a caller offers, in order."""
    values = head.values("sec-websocket-protocol")
    return [name for value in values for each in value.split(",") if (name := each.strip())]


def keys_in(names: Sequence[str], beginnings: Sequence[str]) -> Mapping[int, str]:
    """Return the keys among subprotocols, by number. `beginnings` are `Integration.key_protocols`."""
    found: dict[int, str] = {}
    for at, name in enumerate(names):
        for beginning in beginnings:
            if beginning.endswith(",") and at + 1 < len(names) and name == beginning[:-1]:
                found[at + 1] = names[at + 1]
            elif not beginning.endswith(",") and name.startswith(beginning):
                found[at] = name[len(beginning) :]
    return found
