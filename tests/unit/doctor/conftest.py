"""Certificates made for a test, and servers on real sockets."""

import contextlib
import datetime as dt
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from proxy.loading.settings import Tls

Issue = Callable[..., Tls]


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Who vouches for the certificates of all tests; no machine trusts it."""
    return trustme.CA()


@pytest.fixture
def issue(authority: trustme.CA, tmp_path: Path) -> Issue:
    """Make a certificate for these names that ends in so many days."""

    def make(*names: str, days: float = 90, folder: Path = tmp_path) -> Tls:
        ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
        begins = ends - dt.timedelta(days=365)
        pair = authority.issue_cert(*names, not_before=begins, not_after=ends)
        tls = Tls(cert=folder / "cert.pem", key=folder / "key.pem")
        assert tls.cert is not None
        assert tls.key is not None
        tls.cert.write_bytes(b"".join(each.bytes() for each in pair.cert_chain_pems))
        tls.key.write_bytes(pair.private_key_pem.bytes())
        return tls

    return make


class Site:
    """An HTTP server that answers every GET with what a test says, and remembers what it was sent."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, b"{}", dict[str, str]()
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.port = 0
        self.by_path: dict[str, tuple[int, bytes]] = {}


def handler_of(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            status, body = site.by_path.get(self.path, (site.status, site.body))
            self.send_response_only(status)
            for name, value in {"Content-Length": str(len(body)), **site.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextlib.contextmanager
def serve(tls: Tls | None = None) -> Iterator[Site]:
    """Serve on a free port of this machine, on a thread."""
    site = Site()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(site)) as server:
        server.daemon_threads = True
        if tls is not None and tls.cert is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.cert, tls.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            server.handle_error = lambda *_: None  # type: ignore[method-assign]  # callers who mistrust it hang up
        site.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield site
        server.shutdown()
        thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    """A plain HTTP server."""
    with serve() as made:
        yield made


@pytest.fixture
def secure_site(issue: Issue) -> Iterator[Site]:
    """A server whose certificate, for localhost, only the test's authority vouches for."""
    with serve(issue("localhost", "127.0.0.1")) as made:
        yield made
