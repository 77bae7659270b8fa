"""Tricks with targets, hosts, framing and versions of HTTP: refused, not forwarded, not charged, not repeated."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from support.abuse import EACH, HEAD_TIMEOUT_S, PLANTED, Rig, abused_house, plain, refused
from support.caller import connect, read_answer
from support.shapes import CHAT, MESSAGES, Shape

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def abused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with abused_house(tmp_path_factory.mktemp("abuse")) as rig:
        yield rig


@pytest.fixture
def rig(abused: Rig) -> Rig:
    return abused.begin()


# Targets (rows 22, 47 to 50).

TARGETS = {
    "absolute": ("http://evil.example/openai/v1/chat/completions", 400, "malformed_request"),
    "absolute, our own": ("http://127.0.0.1/openai/v1/chat/completions", 400, "malformed_request"),
    "another scheme": ("gopher://evil.example/openai/v1/chat/completions", 400, "malformed_request"),
    "brackets": ("http://]*[::1@/openai/v1/chat/completions", 400, "malformed_request"),
    "an asterisk": ("*", 400, "malformed_request"),
    "no leading slash": ("openai/v1/chat/completions", 400, "malformed_request"),
    "a backslash": ("/openai\\v1/chat/completions", 400, "malformed_request"),
    "a leading backslash": ("/\\evil.example/openai/v1/chat/completions", 400, "malformed_request"),
    "a fragment": ("/openai/v1/chat/completions#@evil.example", 400, "malformed_request"),
    "a quote": ('/openai/v1/chat/completions"', 400, "malformed_request"),
    "angle brackets": ("/openai/v1/<script>", 400, "malformed_request"),
    "Latin-1": ("/openai/v1/caf\xe9", 400, "malformed_request"),
    "a network path": ("//evil.example/v1/chat/completions", 404, "unknown_integration"),
    "a network path, ours": ("//openai/v1/chat/completions", 404, "unknown_integration"),
    "an authority": ("/@evil.example/v1/chat/completions", 404, "unknown_integration"),
    "an authority behind": ("/openai@evil.example/v1/chat/completions", 404, "unknown_integration"),
    "a port": ("/openai:80/v1/chat/completions", 404, "unknown_integration"),
    "dots before": ("/../openai/v1/chat/completions", 404, "unknown_integration"),
    "escaped integration": ("/%6fpenai/v1/chat/completions", 404, "unknown_integration"),
    "capitals in the integration": ("/OpenAI/v1/chat/completions", 404, "unknown_integration"),
    "the root": ("/", 404, "unknown_integration"),
    "the operator's API": ("/admin/v1/tenants", 404, "unknown_integration"),
    "metrics": ("/metrics", 404, "unknown_integration"),
    "a key": ("/{key}/v1/chat/completions", 404, "unknown_integration"),
    "dots": ("/openai/v1/../v1/chat/completions", 404, "unknown_endpoint"),
    "a dot": ("/openai/./v1/chat/completions", 404, "unknown_endpoint"),
    "escaped dots": ("/openai/v1/%2e%2e/v1/chat/completions", 404, "unknown_endpoint"),
    "an escaped slash": ("/openai/v1%2fchat/completions", 404, "unknown_endpoint"),
    "an escaped slash twice": ("/openai/v1%252fchat/completions", 404, "unknown_endpoint"),
    "an escaped backslash": ("/openai/v1/chat%5ccompletions", 404, "unknown_endpoint"),
    "an escaped NUL": ("/openai/v1/chat/completions%00", 404, "unknown_endpoint"),
    "an escaped line end": ("/openai/v1/chat/completions%0d%0ax:y", 404, "unknown_endpoint"),
    "a bad escape": ("/openai/v1/chat/completions%zz", 404, "unknown_endpoint"),
    "an escaped letter": ("/openai/v1/chat/c%6fmpletions", 404, "unknown_endpoint"),
    "two slashes": ("/openai//v1/chat/completions", 404, "unknown_endpoint"),
    "two slashes later": ("/openai/v1//chat/completions", 404, "unknown_endpoint"),
    "a slash behind": ("/openai/v1/chat/completions/", 404, "unknown_endpoint"),
    "matrix parameters": ("/openai/v1/chat/completions;x=y", 404, "unknown_endpoint"),
    "capitals": ("/openai/v1/Chat/completions", 404, "unknown_endpoint"),
    "only the integration": ("/openai", 404, "unknown_endpoint"),
    "nothing behind": ("/openai/", 404, "unknown_endpoint"),
    "an unlisted route": ("/openai/v1/fine_tuning/jobs", 404, "unknown_endpoint"),
    "another provider's route": ("/openai/v1/messages", 404, "unknown_endpoint"),
    "a key behind": ("/openai/v1/{key}", 404, "unknown_endpoint"),
    "a key before a route": ("/openai/{key}/chat/completions", 404, "unknown_endpoint"),
    "dots as a model": ("/gemini/v1beta/models/..:generateContent", 404, "unknown_endpoint"),
    "a slash in a model": ("/gemini/v1beta/models/a/b:generateContent", 404, "unknown_endpoint"),
    "an escape in a model": ("/gemini/v1beta/models/a%2Fb:generateContent", 404, "unknown_endpoint"),
    "a line end in a model": ("/gemini/v1beta/models/a%0d%0ab:generateContent", 404, "unknown_endpoint"),
    "another version": ("/gemini/v2/models/gemini-2.5-flash:generateContent", 404, "unknown_endpoint"),
    "another verb": ("/gemini/v1beta/models/gemini-2.5-flash:generatecontent", 404, "unknown_endpoint"),
    "a quote in the query": ('/openai/v1/chat/completions?a="', 400, "malformed_request"),
}


@pytest.mark.parametrize("case", TARGETS)
def test_a_target_that_is_no_plain_known_path_is_refused(rig: Rig, case: str) -> None:
    target, status, code = TARGETS[case]
    target = target.replace("{key}", rig.account.key)
    data = CHAT.request(rig.account.key).replace(
        b"POST /openai/v1/chat/completions", f"POST {target}".encode("latin-1")
    )
    answer = rig.send(data)
    assert (answer.status, answer.headers.get("faregate-refusal")) == (status, code), answer
    assert b"evil" not in answer.body
    rig.untouched()


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("PUT", 405), ("DELETE", 405), ("post", 405), ("X", 405)])
def test_a_method_that_a_route_does_not_take_is_refused(rig: Rig, method: str, status: int) -> None:
    data = CHAT.request(rig.account.key).replace(b"POST", method.encode(), 1)
    answer = rig.send(data)
    assert answer.status in (status, 400)
    assert answer.headers["faregate-refusal"] in ("method_not_allowed", "malformed_request")
    rig.untouched()


@pytest.mark.parametrize("target", ["127.0.0.1:80", "evil.example:443", "/openai/v1/chat/completions"])
def test_connect_is_refused(rig: Rig, target: str) -> None:
    data = f"CONNECT {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {rig.account.key}\r\n\r\n"
    answer = rig.send(data.encode())
    assert answer.status in (400, 405)
    assert answer.headers["faregate-refusal"] in ("malformed_request", "method_not_allowed")
    rig.untouched()


# Hosts (row 51).

PATH_ROUTED = ["127.0.0.1", "localhost", "localhost:8080", "[::1]", "[::1]:8080", "evil.example", "x.evil.localhost."]
OPENAI_HOSTS = [
    "openai-proxy.localhost",
    "openai.localhost",
    "openai-proxy.localhost.",
    "openai-proxy.localhost.:8080",
    "OPENAI-proxy.LocalHost:1",
]
UNKNOWN_HOSTS = ["nobody-proxy.localhost", "openai-proxy-proxy.localhost", "-proxy.localhost", "fg-key-proxy.localhost"]
JUNK_HOSTS = [
    "localhost:4000/#@x",
    "openai-proxy.localhost@evil.example",
    "openai-proxy.localhost:80:80",
    "openai-proxy.localhost/x",
    "openai-proxy.localhost#",
    "a.openai-proxy.localhost",
    "openai-proxy.localhost.evil.example",
    "openai_proxy.localhost",
    "..localhost",
    "%6fpenai.localhost",
    "",
]


def at_host(rig: Rig, host: str, path: str) -> bytes:
    data = CHAT.request(rig.account.key, path=path)
    return data.replace(b"Host: 127.0.0.1", f"Host: {host}".encode())


@pytest.mark.parametrize("host", PATH_ROUTED)
def test_any_other_host_routes_by_the_path(rig: Rig, host: str) -> None:
    answer = rig.send(at_host(rig, host, "/openai/v1/models").replace(b"POST", b"GET", 1))
    assert answer.status == 200
    [seen] = rig.provider.seen
    assert seen.headers["host"] == f"127.0.0.1:{rig.provider.port}"


@pytest.mark.parametrize("host", OPENAI_HOSTS)
def test_a_host_names_its_integration(rig: Rig, host: str) -> None:
    assert rig.send(at_host(rig, host, "/v1/models").replace(b"POST", b"GET", 1)).status == 200
    rig.provider.seen.clear()
    assert plain_code(rig, at_host(rig, host, CHAT.path)) == "unknown_endpoint"


@pytest.mark.parametrize("host", UNKNOWN_HOSTS)
def test_a_proxy_label_that_names_nothing_is_refused(rig: Rig, host: str) -> None:
    plain(rig, at_host(rig, host, "/v1/chat/completions"), 404, "unknown_integration")


@pytest.mark.parametrize("host", JUNK_HOSTS)
def test_a_junk_host_never_chooses_an_integration(rig: Rig, host: str) -> None:
    assert plain_code(rig, at_host(rig, host, "/v1/chat/completions")) in ("unknown_integration", "malformed_request")


def plain_code(rig: Rig, data: bytes) -> str:
    answer = rig.send(data)
    assert answer.status in (400, 404)
    rig.untouched()
    return answer.headers["faregate-refusal"]


# Framing (rows 54 to 56) and odd requests (rows 12 to 15).

FRAMING = {
    "CL and TE": "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    "TE and CL": "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    "CL twice, differing": "Content-Length: 4\r\nContent-Length: 5\r\n",
    "CL twice, the same": "Content-Length: 4\r\nContent-Length: 4\r\n",
    "a list of CL": "Content-Length: 4, 4\r\n",
    "CL with a sign": "Content-Length: +4\r\n",
    "CL negative": "Content-Length: -4\r\n",
    "CL hexadecimal": "Content-Length: 0x4\r\n",
    "CL of 30 digits": f"Content-Length: {'9' * 30}\r\n",
    "CL in other digits": "Content-Length: \xb2\r\n",
    "TE twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "TE of another coding": "Transfer-Encoding: chunked, gzip\r\n",
    "TE identity twice": "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
    "a folded line": f"X-A: b\r\n {PLANTED}\r\nContent-Length: 4\r\n",
    "a bare line feed in a value": f"X-A: b\n{PLANTED}\r\nContent-Length: 4\r\n",
    "a bare carriage return": f"X-A: b\r{PLANTED}\r\nContent-Length: 4\r\n",
    "NUL in a value": f"X-A: {PLANTED}\x00\r\nContent-Length: 4\r\n",
    "NUL in a name": f"X-{PLANTED}\x00: b\r\nContent-Length: 4\r\n",
    "a blank before the colon": f"X-{PLANTED} : b\r\nContent-Length: 4\r\n",
    "no colon": f"{PLANTED}\r\nContent-Length: 4\r\n",
    "no name": f": {PLANTED}\r\nContent-Length: 4\r\n",
    "Host twice": "Host: openai.localhost\r\nContent-Length: 4\r\n",
    "a header of 20,000 bytes": f"X-A: {PLANTED * 1200}\r\nContent-Length: 4\r\n",
    "500 headers": f"X-A: {PLANTED}\r\n" * 500 + "Content-Length: 4\r\n",
}


@pytest.mark.parametrize("case", FRAMING)
def test_a_request_that_two_servers_could_read_differently_is_refused(rig: Rig, case: str) -> None:
    head = f"POST {CHAT.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {rig.account.key}\r\n"
    hidden = CHAT.request(rig.account.key)
    with connect(rig.house.edge) as connection:
        connection.sendall((head + FRAMING[case] + "\r\n").encode("latin-1") + b"0\r\n\r\n" + hidden)
        answer = read_answer(connection)
        rig.inspect(answer)
        assert (answer.status, answer.headers["faregate-refusal"]) == (400, "malformed_request"), answer
        assert answer.json["error"]["code"] == "malformed_request"
        assert ended(connection), "a second request was read from the same connection"
    rig.untouched()


def ended(connection: socket.socket) -> bool:
    """Tell whether the other side closes without saying more."""
    connection.settimeout(5)
    with contextlib.suppress(ConnectionError):
        return connection.recv(1) == b""
    return True


LINES = {
    "HTTP/2.0": f"POST {CHAT.path} HTTP/2.0",
    "HTTP/3": f"POST {CHAT.path} HTTP/3",
    "HTTP/0.9": f"POST {CHAT.path}",
    "no version": f"POST {CHAT.path} ",
    "blanks in the path": f"POST {CHAT.path} {PLANTED} HTTP/1.1",
    "NUL in the path": f"POST {CHAT.path}\x00{PLANTED} HTTP/1.1",
    "a method that is none": f"PO{PLANTED}(ST {CHAT.path} HTTP/1.1",
    "a line of 100,000 bytes": f"POST {CHAT.path}?{PLANTED * 6000} HTTP/1.1",
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2 preface": "PRI * HTTP/2.0",
}


@pytest.mark.parametrize("case", LINES)
def test_a_request_line_that_is_none_is_refused(rig: Rig, case: str) -> None:
    line = LINES[case].encode("latin-1")
    data = CHAT.request(rig.account.key).replace(f"POST {CHAT.path} HTTP/1.1".encode(), line, 1)
    answer = rig.send(data)
    assert (answer.status, answer.headers.get("faregate-refusal")) == (400, "malformed_request"), answer
    rig.untouched()


def test_a_head_that_drips_is_not_waited_for_longer(rig: Rig) -> None:
    with connect(rig.house.edge) as connection:
        connection.sendall(b"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        connection.settimeout(0.1)
        for _ in range(int(HEAD_TIMEOUT_S * 40)):
            connection.sendall(b"a")
            with contextlib.suppress(TimeoutError):
                assert connection.recv(1, socket.MSG_PEEK)
                break
        connection.settimeout(5)
        answer = read_answer(connection)
        rig.inspect(answer)
        assert (answer.status, answer.headers["faregate-refusal"]) == (408, "request_timeout")
        assert answer.json["error"]["code"] == "request_timeout"
        assert ended(connection)
    rig.untouched()


def test_who_connects_and_says_nothing_is_let_go(rig: Rig) -> None:
    with connect(rig.house.edge) as connection:
        assert ended(connection)


def test_the_refusal_of_a_large_body_arrives_while_the_caller_still_sends(rig: Rig) -> None:
    data = CHAT.request("fg-wrong", b"x" * 3_000_000)
    for extra in (b"", b"Connection: close\r\n"):
        with connect(rig.house.edge) as connection:
            connection.sendall(data.replace(b"Content-Type", extra + b"Content-Type", 1))
            assert read_answer(connection).status == 401
    rig.untouched()


def test_http_1_0_is_served_without_chunks(rig: Rig) -> None:
    account = rig.customer()
    data = CHAT.request(account.key).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    with connect(rig.house.edge) as connection:
        connection.sendall(data)
        answer = read_answer(connection)
        assert (answer.status, answer.body) == (200, CHAT.plain)
        assert "transfer-encoding" not in answer.headers
        assert ended(connection)
    assert len(rig.desk.settled(account)) == 1


def test_pipelined_requests_are_served_in_order_each_with_its_own_hold(rig: Rig) -> None:
    account = rig.customer()
    with connect(rig.house.edge) as connection:
        wrong = CHAT.request("fg-wrong")
        connection.sendall(CHAT.request(account.key) + wrong + MESSAGES.request(account.key))
        reader = connection.makefile("rb")
        answers = [one_answer(reader) for _ in range(3)]
    assert [status for status, _ in answers] == [200, 401, 200]
    assert (answers[0][1], answers[2][1]) == (CHAT.plain, MESSAGES.plain)
    amounts = [entry["amount_nanos"] for entry in rig.desk.settled(account, 2)]
    assert amounts == [-CHAT.charge_nanos, -MESSAGES.charge_nanos]
    assert len(rig.provider.seen) == 2


def one_answer(reader: Any) -> tuple[int, bytes]:
    """Read one answer with a length from a connection that goes on."""
    status, length = int(reader.readline().split()[1]), 0
    while line := reader.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return status, reader.read(length)


@EACH
def test_expect_is_answered_only_to_a_known_key(rig: Rig, shape: Shape) -> None:
    extra = "Expect: 100-continue\r\n"
    refused(
        rig, shape, shape.request("fg-wrong", extra=extra).partition(b"\r\n\r\n")[0] + b"\r\n\r\n", 401, "invalid_key"
    )
    account = rig.customer()
    head, blank, body = shape.request(account.key, extra=extra).partition(b"\r\n\r\n")
    with connect(rig.house.edge) as connection:
        connection.sendall(head + blank)
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert rig.provider.seen == []
        connection.sendall(body)
        assert read_answer(connection).status == 200
    [seen] = rig.provider.seen
    assert "expect" not in seen.headers


def test_expect_of_a_body_too_large_is_refused_without_a_continue(rig: Rig) -> None:
    data = CHAT.request(rig.account.key, b"x", extra="Expect: 100-continue\r\n")
    head = data.partition(b"\r\n\r\n")[0].replace(b"Content-Length: 1", b"Content-Length: 100001") + b"\r\n\r\n"
    refused(rig, CHAT, head, 413, "too_large")


@EACH
def test_an_upgrade_of_a_plain_route_is_refused_or_ignored(rig: Rig, shape: Shape) -> None:
    extra = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    data = shape.request(rig.account.key, b"", extra=extra).replace(b"POST", b"GET", 1)
    answer = rig.send(data)
    assert (answer.status, answer.headers["faregate-refusal"]) in (
        (405, "method_not_allowed"),
        (404, "unknown_endpoint"),
    )
    rig.untouched()


def test_an_upgrade_is_not_forwarded(rig: Rig) -> None:
    account = rig.customer()
    extra = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    answer = rig.send(CHAT.request(account.key, extra=extra))
    assert answer.status in (200, 400)
    for seen in rig.provider.seen:
        assert "upgrade" not in seen.headers
        assert "http2-settings" not in seen.headers
