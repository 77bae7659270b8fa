"""The head of a request as it arrived: what `accept` and `authenticate` read before a byte of body is asked for."""

from collections.abc import Collection, Iterable

from multidict import CIMultiDict, CIMultiDictProxy

WEBSOCKET = "WEBSOCKET"
"""The method that stands for the opening of a WebSocket, as files of providers name it."""


class Head:
    """Method, raw target, host and headers of one request. Header names compare without case; values are as sent.

    `address` is the caller's IP address, empty where it is not known.
    """

    __slots__ = ("_fields", "address", "host", "method", "target")

    def __init__(
        self,
        method: str,
        target: str,
        host: str,
        headers: CIMultiDictProxy[str] | Iterable[tuple[str, str]],
        address: str = "",
    ) -> None:
        self.method = method
        self.target = target
        self.host = host
        self.address = address
        self._fields = headers if isinstance(headers, CIMultiDictProxy) else CIMultiDict(headers)

    @property
    def headers(self) -> Collection[tuple[str, str]]:
        """Every header, in order."""
        return self._fields.items()

    def values(self, name: str) -> list[str]:
        """Return every value of a header, in order."""
        return self._fields.getall(name, [])

    def value(self, name: str) -> str:
        """Return the first value of a header, or an empty string."""
        return self._fields.get(name, "")
