"""Which headers pass. Everything does, but for what belongs to one hop, to one party's secrets, or to us.

Both ways a name that the message's own `Connection` header lists is dropped too. Credentials are set last, so
that nothing a caller sends can remove or replace them.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-version",
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
NAMES_KEPT = 4_096
_CONNECTION = len("connection")
_SAYS_NOTHING = (["keep-alive"], ["close"], ["Keep-Alive"])
"""What most `Connection` headers say; it names no other header."""


def upward(headers: Collection[tuple[str, str]], strip: frozenset[str]) -> list[tuple[str, str]]:
    """Return what of a caller's headers goes to the provider; `strip` is what the provider's file adds."""
    return _passing(headers, _NOT_UP | strip if strip else _NOT_UP)


def downward(headers: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what of a provider's headers goes to the caller."""
    return _passing(headers, _NOT_DOWN)


def _passing(headers: Collection[tuple[str, str]], dropped: frozenset[str]) -> list[tuple[str, str]]:
    passes = sieve(dropped)
    kept = [header for header in headers if passes[header[0]]]
    connection = [value for name, value in headers if len(name) == _CONNECTION and name.lower() == "connection"]
    if connection and connection not in _SAYS_NOTHING:
        listed = {part.strip().lower() for part in ",".join(connection).split(",")}
        kept = [(name, value) for name, value in kept if name.lower() not in listed]
    return kept


class Sieve(dict[str, bool]):
    """Which names pass: those that are, in lower case, none of the dropped ones and not one of our own.

    Callers and providers send the same few names again and again, so verdicts are remembered.
    """

    def __init__(self, dropped: frozenset[str]) -> None:
        super().__init__()
        self._dropped = dropped

    def __missing__(self, name: str) -> bool:
        """Judge a name that was not seen before."""
        lower = name.lower()
        verdict = lower not in self._dropped and not lower.startswith(OURS)
        if len(self) < NAMES_KEPT:
            self[name] = verdict
        return verdict


@lru_cache(maxsize=256)  # a memo of a pure function: there are as many as kinds of integrations
def sieve(dropped: frozenset[str]) -> Sieve:
    """Return the sieve that drops these names, in lower case."""
    return Sieve(dropped)


def without(headers: Sequence[tuple[str, str]], *names: str) -> list[tuple[str, str]]:
    """Return headers but for those of the given lower-case names."""
    return [(name, value) for name, value in headers if name.lower() not in names]


def value_of(headers: Iterable[tuple[str, str]], name: str) -> str:
    """Return the first value of a header, `name` in lower case, or an empty string."""
    size = len(name)
    for key, value in headers:
        if len(key) == size and key.lower() == name:
            return value
    return ""
