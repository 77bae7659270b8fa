"""What callers meet before Faregate: its own TLS, or nginx or Caddy with the files of `deploy/`, as they are shipped.

Each answers for `example.com` and `*.example.com`, with a certificate of an authority that only the tests trust.
"""

import contextlib
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import trustme

from support.debian import program
from support.house import READY_WITHIN_S, House, free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
DOMAIN = "example.com"
SLOW_HEAD_S = 1


@dataclass(frozen=True)
class Front:
    """A server for callers. `logs` is all that it has written."""

    name: str
    port: int
    trusted: ssl.SSLContext
    folder: Path
    authority: trustme.CA

    def connect(self, host: str = DOMAIN) -> ssl.SSLSocket:
        """Connect, as one who asks for this host."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return self.trusted.wrap_socket(plain, server_hostname=host)

    @property
    def logs(self) -> str:
        """Everything that the front wrote."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))


def certify(folder: Path) -> trustme.CA:
    """Put a wildcard certificate into a folder; return the authority that has signed it."""
    authority = trustme.CA()
    renew(authority, folder)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    return authority


def renew(authority: trustme.CA, folder: Path) -> None:
    """Put another certificate for the same names there."""
    leaf = authority.issue_cert(DOMAIN, f"*.{DOMAIN}")
    leaf.private_key_pem.write_to_path(str(folder / "privkey.pem"))
    (folder / "fullchain.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))


def replaced(path: Path, changes: Mapping[str, str]) -> str:
    """Return a shipped file with what differs here; each change has to find its place once."""
    text = path.read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, f"{path.name} has {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def own(folder: Path, house: House) -> Iterator[int]:
    """Faregate's own TLS."""
    del folder
    yield house.port


@contextlib.contextmanager
def nginx(folder: Path, house: House) -> Iterator[int]:
    """nginx with `deploy/nginx/faregate.conf`; only where things lie, and how long a head may take, is changed."""
    port, server = free_port(), program("nginx")
    changes = {
        "server 127.0.0.1:8080;": f"server 127.0.0.1:{house.port};",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        f"/etc/letsencrypt/live/{DOMAIN}/fullchain.pem": str(folder / "fullchain.pem"),
        f"/etc/letsencrypt/live/{DOMAIN}/privkey.pem": str(folder / "privkey.pem"),
        "/var/log/nginx/faregate.log": str(folder / "access.log"),
        "/var/log/nginx/faregate.error.log": str(folder / "error.log"),
        "client_header_timeout 10s;": f"client_header_timeout {SLOW_HEAD_S}s;",
    }
    (folder / "faregate.conf").write_text(replaced(DEPLOY / "nginx" / "faregate.conf", changes))
    places = "".join(
        f"{kind}_temp_path {folder / kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder / 'pid'}; error_log {folder / 'start.log'};\n"
        f"events {{}}\nhttp {{ {places} include {folder / 'faregate.conf'}; }}\n"
    )
    command = [server, "-p", folder, "-e", folder / "start.log", "-c", folder / "nginx.conf"]
    with _running(folder, [str(word) for word in command]):
        yield port


@contextlib.contextmanager
def caddy(folder: Path, house: House) -> Iterator[int]:
    """Caddy with `deploy/caddy/Caddyfile`; only where things lie, and how long a head may take, is changed."""
    port, server = free_port(), program("caddy")
    pair = f"{folder / 'fullchain.pem'} {folder / 'privkey.pem'}"
    changes = {
        "\n{\n\t# Keys": f"\n{{\n\tadmin off\n\thttps_port {port}\n\t# Keys",
        "reverse_proxy 127.0.0.1:8080": f"reverse_proxy 127.0.0.1:{house.port}",
        "tls /etc/caddy/fullchain.pem /etc/caddy/privkey.pem": f"tls {pair}",
        "read_header 10s": f"read_header {SLOW_HEAD_S}s",
        f"{DOMAIN}, *.{DOMAIN} {{": f"{DOMAIN}, *.{DOMAIN} {{\n\tbind 127.0.0.1",
    }
    (folder / "Caddyfile").write_text(replaced(DEPLOY / "caddy" / "Caddyfile", changes))
    with _running(folder, [str(server), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]):
        yield port


FRONTS: Mapping[str, Callable[[Path, House], contextlib.AbstractContextManager[int]]] = {
    "tls": own,
    "nginx": nginx,
    "caddy": caddy,
}


@contextlib.contextmanager
def front(name: str, folder: Path, house: House, authority: trustme.CA) -> Iterator[Front]:
    """Run a front before a house; the certificate of `authority` lies in the folder."""
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    with FRONTS[name](folder, house) as port:
        made = Front(name, port, trusted, folder, authority)
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                made.connect().close()
                break
            except OSError:
                assert time.monotonic() < deadline, made.logs
                time.sleep(0.03)
        yield made


@contextlib.contextmanager
def _running(folder: Path, command: list[str]) -> Iterator[None]:
    """Run a server of somebody else's; it must still run at the end, and stop when it is told to."""
    environment = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield
        assert process.poll() is None, (folder / "server.log").read_text()
    finally:
        process.terminate()
        process.wait(timeout=20)
