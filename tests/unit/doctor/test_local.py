import socket

import pytest

from proxy.doctor.local import ask
from proxy.loading.values import Address


def test_what_a_server_here_answers(site) -> None:
    site.by_path["/doc"] = (503, b'{"a": 1}')
    site.headers = {"Server": "faregate"}
    reply = ask(Address("127.0.0.1", site.port), "/doc", "the-token")
    assert (reply.status, reply.software, reply.document) == (503, "faregate", {"a": 1})
    assert site.seen[0][1]["authorization"] == "Bearer the-token"
    site.body = b"no json"
    assert ask(Address("0.0.0.0", site.port), "/").document is None, "an any-address is asked on the loopback one"
    assert "authorization" not in site.seen[1][1]


def test_over_tls_nobody_has_to_vouch_for_it(secure_site) -> None:
    assert ask(Address("127.0.0.1", secure_site.port), "/", tls=True).status == 200


def test_nothing_there() -> None:
    with pytest.raises(OSError, match="refused"):
        ask(Address("127.0.0.1", 1), "/")


def test_something_that_speaks_no_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        import threading

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(OSError, match=r"does not speak HTTP|reset"):
            ask(Address("127.0.0.1", server.getsockname()[1]), "/")
        thread.join()
