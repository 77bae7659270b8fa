import errno
import socket
from collections.abc import Iterator

import pytest

from proxy.doctor import listeners
from proxy.loading.settings import Settings, Tls
from proxy.loading.values import Address, Origin


@pytest.fixture
def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def at(port: int, host: str = "127.0.0.1", **more: object) -> Settings:
    place = Address(host, port)
    return Settings(listen=place, operator_listen=place, **more)


LOOKS = pytest.mark.parametrize("look", [listeners.edge, listeners.operator])


@LOOKS
def test_a_free_port(look, free: int) -> None:
    found = look(at(free), running=False)
    assert (found.state, found.text) == ("ok", f"127.0.0.1:{free} is free")
    with socket.create_server(("127.0.0.1", free)):
        pass  # the look has not taken it


@LOOKS
def test_a_port_that_our_server_has(look, site) -> None:
    if look is listeners.edge:
        site.headers = {"Server": "faregate"}
    else:
        site.by_path["/healthz"] = (200, b'{"status": "ok"}')
    found = look(at(site.port), running=True)
    assert (found.state, found.text) == ("ok", f"127.0.0.1:{site.port} is the running server's")
    found = look(at(site.port), running=False)
    assert found.state == "failed"
    assert found.text == f"another Faregate, with other books, listens on 127.0.0.1:{site.port}"


@LOOKS
def test_a_port_that_somebody_has(look, site) -> None:
    site.headers = {"Server": "nginx"}
    found = look(at(site.port), running=True)
    assert (found.state, found.text) == ("failed", f"another program listens on 127.0.0.1:{site.port}")
    assert found.remedy.startswith("stop it, or set FAREGATE_")


def test_an_edge_with_tls_is_asked_over_tls(secure_site) -> None:
    secure_site.headers = {"Server": "faregate"}
    pair = Tls(cert="c", key="k")  # type: ignore[arg-type]  # only whether they are set is looked at
    assert listeners.edge(at(secure_site.port, tls=pair), running=True).state == "ok"
    assert listeners.edge(at(secure_site.port), running=True).state == "failed"


def test_an_address_of_another_machine(free: int) -> None:
    found = listeners.edge(at(free, "192.0.2.1"), running=False)
    assert (found.state, found.remedy) == ("failed", "set FAREGATE_LISTEN to an address of this machine")


def test_a_port_that_needs_a_privilege(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    found = listeners.operator(at(443), running=False)
    assert found.text == "this user may not listen on 127.0.0.1:443"
    assert "CAP_NET_BIND_SERVICE" in found.remedy


@pytest.mark.parametrize(
    ("host", "more", "state"),
    [
        ("0.0.0.0", {}, "warning"),
        ("127.0.0.1", {}, "ok"),
        ("0.0.0.0", {"public_url": Origin("https://ai.example.com")}, "ok"),
        ("0.0.0.0", {"tls": Tls(cert="c", key="k")}, "ok"),  # type: ignore[arg-type]  # as above
    ],
)
def test_keys_in_clear_text(free: int, host: str, more: dict[str, object], state: str) -> None:
    assert listeners.edge(at(free, host, **more), running=False).state == state


def test_an_operator_api_for_everybody(free: int) -> None:
    found = listeners.operator(at(free, "0.0.0.0"), running=False)
    assert (found.state, found.text) == ("warning", f"0.0.0.0:{free} is free, and other machines reach it")


@pytest.mark.parametrize(("host", "alone"), [("127.0.0.5", True), ("::1", True), ("localhost", True), ("::", False)])
def test_who_reaches_an_address(host: str, alone: bool) -> None:
    assert listeners.is_loopback(host) is alone
    assert not listeners.is_loopback("ai.example.com")
