"""The two addresses that a server listens on: free, or ours already; and who else can reach them."""

import errno
import socket
from ipaddress import ip_address

from proxy.doctor.finding import Finding, State, failed, ok, warning
from proxy.doctor.local import ask
from proxy.loading.settings import Settings
from proxy.loading.values import Address

SOFTWARE = "faregate"


def edge(settings: Settings, *, running: bool) -> Finding:
    """Look at the address of the edge. `running` tells whether a server of ours has the database."""
    name, at, tls = "listen", settings.listen, settings.tls.cert is not None
    found = _port(name, at, "FAREGATE_LISTEN", "/", tls=tls, running=running)
    if found.state is not State.OK or is_loopback(at.host) or tls or settings.public_url.startswith("https:"):
        return found
    remedy = "set tls, or put a server in front that ends TLS and set public_url to its https:// address"
    return warning(name, f"{found.text}, and keys go over the network in clear text", remedy)


def operator(settings: Settings, *, running: bool) -> Finding:
    """Look at the address of the operator API."""
    name, at = "operator_listen", settings.operator_listen
    found = _port(name, at, "FAREGATE_OPERATOR_LISTEN", "/healthz", tls=False, running=running)
    if found.state is not State.OK or is_loopback(at.host):
        return found
    return warning(
        name, f"{found.text}, and other machines reach it", "listen on 127.0.0.1, or keep it behind a firewall"
    )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _port(name: str, at: Address, variable: str, path: str, *, tls: bool, running: bool) -> Finding:
    """Tell whether an address is free, or one of our servers listens there."""
    error = _bind(at)
    if error is None:
        return ok(name, f"{at} is free")
    if error.errno == errno.EADDRINUSE:
        ours = _is_ours(at, path, tls=tls)
        if ours and running:
            return ok(name, f"{at} is the running server's")
        who = "another Faregate, with other books," if ours else "another program"
        return failed(name, f"{who} listens on {at}", f"stop it, or set {variable} to another HOST:PORT")
    if error.errno == errno.EACCES:
        remedy = "take a port above 1023, or grant CAP_NET_BIND_SERVICE"
        return failed(name, f"this user may not listen on {at}", remedy)
    text = f"nobody can listen on {at} ({error.strerror})"
    return failed(name, text, f"set {variable} to an address of this machine")


def _bind(at: Address) -> OSError | None:
    """Try an address for an instant, as the server would."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(at.host, at.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            probe.listen(1)
    except OSError as error:
        return error
    return None


def _is_ours(at: Address, path: str, *, tls: bool) -> bool:
    try:
        reply = ask(at, path, tls=tls)
    except OSError:
        return False
    return reply.software == SOFTWARE or reply.document == {"status": "ok"}
