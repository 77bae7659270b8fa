"""Which headers pass. Everything does, but for what belongs to one hop, to one party's secrets, or to us.

Both ways a name that the message's own `Connection` header lists is dropped too. Credentials are set last, so
that nothing a caller sends can remove or replace them.
"""

from collections.abc import Iterable, Sequence

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
CREDENTIALS = frozenset(
    {
        "authorization",
        "x-api-key",
        "api-key",
        "xi-api-key",
        "x-goog-api-key",
        "cookie",
        "sec-websocket-protocol",
    }
)
_ABOUT_THE_HOP = frozenset(
    {
        "host",
        "content-length",
        "expect",
        "forwarded",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-real-ip",
    }
)
_NOT_UP = HOP_BY_HOP | CREDENTIALS | _ABOUT_THE_HOP
_NOT_DOWN = HOP_BY_HOP | frozenset({"content-length", "set-cookie", "alt-svc", "server", "date", "location"})
OURS = "faregate-"


def upward(headers: Iterable[tuple[str, str]], strip: frozenset[str]) -> list[tuple[str, str]]:
    """Return what of a caller's headers goes to the provider; `strip` is what the provider's file adds."""
    return _passing(headers, _NOT_UP | strip if strip else _NOT_UP)


def downward(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what of a provider's headers goes to the caller."""
    return _passing(headers, _NOT_DOWN)


def _passing(headers: Iterable[tuple[str, str]], dropped: frozenset[str]) -> list[tuple[str, str]]:
    kept: list[tuple[str, str]] = []
    listed: frozenset[str] = frozenset()
    for name, value in headers:
        lower = name.lower()
        if lower == "connection":
            listed |= frozenset(part.strip().lower() for part in value.split(","))
        if lower not in dropped and not lower.startswith(OURS):
            kept.append((name, value))
    if listed - {"keep-alive", "close"}:
        kept = [(name, value) for name, value in kept if name.lower() not in listed]
    return kept


def without(headers: Sequence[tuple[str, str]], *names: str) -> list[tuple[str, str]]:
    """Return headers but for those of the given lower-case names."""
    return [(name, value) for name, value in headers if name.lower() not in names]


def value_of(headers: Iterable[tuple[str, str]], name: str) -> str:
    """Return the first value of a header, `name` in lower case, or an empty string."""
    for key, value in headers:
        if key.lower() == name:
            return value
    return ""
