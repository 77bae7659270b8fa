"""Values that a setting can hold beyond text and numbers. Each has `parse`, which raises ValueError.

The settings themselves are in `settings.py`; this file knows no setting's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

SANDBOX = "sandbox"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SECRET = re.compile(r"[\x21-\x7e]*")


class Address(Struct, frozen=True):
    """Where to listen. Port 0 lets the system choose a free one. Written `host:port`, IPv6 in brackets."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `127.0.0.1:8080` or `[::1]:8080`."""
        host, colon, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if bracketed:
            host = host[1:-1]
        if not colon or not host or (":" in host) != bracketed or any(c.isspace() or c in "/@" for c in host):
            raise ValueError("expected HOST:PORT")
        if not (port.isascii() and port.isdigit() and int(port) < 65_536):
            raise ValueError("the port must be a number from 0 to 65535")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def reachable(self) -> Address:
        """The address a client on this machine connects to: an any-address stands for the loopback one."""
        loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, never bound
        return Address(loopback.get(self.host, self.host), self.port)


class Database(Struct, frozen=True):
    """Where the books are kept: a SQLite file, relative paths to the working directory."""

    path: Path

    @classmethod
    def parse(cls, text: str) -> Database:
        """Read `sqlite:///relative.db` or `sqlite:////absolute.db`."""
        if text.startswith(("postgresql://", "postgres://")):
            raise ValueError("this version keeps its books in SQLite only")
        path = text.removeprefix("sqlite:///")
        if path == text or not path or path.endswith(("/", ":memory:")):
            raise ValueError("expected sqlite:///FILE")
        return cls(Path(path))

    def __str__(self) -> str:
        return f"sqlite:///{self.path}"

    @property
    def token_file(self) -> Path:
        """Where the admin token lies that is made when none is set."""
        return self.path.with_name(f"{self.path.name}.admin-token")


class Networks(Struct, frozen=True):
    """Blocks of IP addresses."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Networks:
        """Read `10.0.0.0/8, 127.0.0.1, ::1`."""
        return cls(tuple(ip_network(each.strip()) for each in text.split(",")))

    def __str__(self) -> str:
        return ", ".join(map(str, self.networks))


class Domain(str):
    """A host name without scheme and port, in lower case."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Domain:
        """Read a host name such as `ai.example.com`."""
        name = text.lower()
        if len(name) > 200 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
            raise ValueError("expected a host name without scheme, port or path")
        return cls(name)


class Origin(str):
    """Scheme, host and perhaps a port of a web site, without a slash at its end; or empty."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Origin:
        """Read `https://gateway.example.com:8443`."""
        parts = _split(text)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected http:// or https:// and a host")
        if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("expected only scheme, host and port")
        return cls(f"{parts.scheme}://{parts.netloc}")


class Upstream(Origin):
    """An origin that replaces every host of an integration, or `sandbox`; or empty for the provider's own."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Upstream:
        """Read an origin or the word `sandbox`."""
        return cls(text if text == SANDBOX else Origin.parse(text))


class Collector(str):
    """Where traces are sent: an OpenTelemetry collector's HTTP address; or empty."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Collector:
        """Read `http://collector:4318`, or a whole URL if traces have a path of their own there."""
        parts = _split(text)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected http:// or https:// and a host")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("expected only scheme, host, port and path")
        return cls(text if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/v1/traces")


class Label(str):
    """A name as hosts and paths have it: lower-case letters, digits and hyphens; or empty."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Label:
        """Read a name such as `eu-central-1`."""
        if not _LABEL.fullmatch(text):
            raise ValueError("expected lower-case letters, digits and hyphens")
        return cls(text)


class Source(str):
    """Where credentials are: a file, or `default`; or empty."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read the word `default` or a path."""
        if not text.isprintable() or text.lstrip().startswith("{"):
            raise ValueError("expected the path of a file, or `default`; not what the file holds")
        return cls(text)


class Secret(str):
    """A key or token. Messages never show it; it is printable ASCII, so that it fits into a header."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Secret:
        """Take a secret as it is."""
        if not _SECRET.fullmatch(text):
            raise ValueError("a secret is printable ASCII without blanks")
        return cls(text)


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # reading it checks it
    except ValueError:
        raise ValueError("expected a URL with a valid port") from None
    if any(c.isspace() or not c.isprintable() for c in text):
        raise ValueError("expected a URL without blanks")
    return parts


class Names(Struct, frozen=True):
    """Names of the operator's own, and what each stands for."""

    stands_for: Mapping[str, str] = {}

    @classmethod
    def parse(cls, text: str) -> Names:
        """Read `mine=gpt-5-mini, other=gpt-5`, as a variable has it. Raises ValueError."""
        pairs = [each.partition("=") for each in text.split(",")]
        return cls.of({name.strip(): meant.strip() for name, _, meant in pairs})

    @classmethod
    def of(cls, given: Mapping[object, object]) -> Names:
        """Take a mapping of the file. Raises ValueError."""
        names: dict[str, str] = {}
        for name, meant in given.items():
            if not isinstance(meant, str) or not meant or not str(name):
                raise ValueError(f"{name!r} stands for {meant!r}; write NAME: MODEL, both as text")
            names[str(name)] = meant
        return cls(names)

    def __str__(self) -> str:
        return ", ".join(f"{name}={meant}" for name, meant in self.stands_for.items())


def decode(kind: type[Any], value: object) -> Any:
    """Decode what msgspec does not know by itself: the types above, and paths. Raises ValueError."""
    if isinstance(value, dict) and issubclass(kind, Names):
        return Names.of(value)
    if not isinstance(value, str):
        raise ValueError("expected text in quotes")
    return Path(value) if issubclass(kind, Path) else kind.parse(value)
