"""The head of a request as it arrived: what `accept` and `authenticate` read before a byte of body is asked for."""

from collections.abc import Sequence


class Head:
    """Method, raw target, host and headers of one request. Header names compare without case; values are as sent.

    `address` is the caller's IP address, empty where it is not known.
    """

    __slots__ = ("_by_name", "address", "headers", "host", "method", "target")

    def __init__(
        self, method: str, target: str, host: str, headers: Sequence[tuple[str, str]], address: str = ""
    ) -> None:
        self.method = method
        self.target = target
        self.host = host
        self.address = address
        self.headers = headers
        self._by_name: dict[str, list[str]] = {}
        for name, value in headers:
            self._by_name.setdefault(name.lower(), []).append(value)

    def values(self, name: str) -> list[str]:
        """Return every value of a header, in order; `name` in lower case."""
        return self._by_name.get(name, [])

    def value(self, name: str) -> str:
        """Return the first value of a header, or an empty string."""
        found = self._by_name.get(name)
        return found[0] if found else ""
