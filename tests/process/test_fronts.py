"""The same calls through Faregate's own TLS, through nginx and through Caddy: nothing may be lost, held up or said."""

import contextlib
import re
import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.caller import Answer, read_answer
from support.debian import program
from support.desk import Account, Desk
from support.front import DEPLOY, DOMAIN, FRONTS, SLOW_HEAD_S, Front, certify, front
from support.house import House
from support.shapes import CHAT, GENERATE, MESSAGES, Shape
from support.upstream import STREAM_END, STREAM_HEAD, Seen, Upstream, chunk, hang_up, json_answer, upstream

from proxy.loading.settings import Limits

pytestmark = pytest.mark.process

BODY_BYTES_MAX = 25_000_000
PATIENCE_S = 15.0


@dataclass
class Rig:
    """A house behind a front, and the provider that each test scripts."""

    front: Front
    house: House
    desk: Desk
    provider: Upstream

    def begin(
        self, shape: Shape, account: Account, *, stream: bool = False, body: bytes | None = None
    ) -> socket.socket:
        """Begin a call at the integration's own host name."""
        host = f"{shape.name}-proxy.{DOMAIN}"
        connection = self.front.connect(host)
        data = shape.request(account.key, body, stream=stream).replace(b"Host: 127.0.0.1", f"Host: {host}".encode())
        connection.sendall(data.replace(f" /{shape.name}/".encode(), b" /", 1))
        return connection

    def call(self, shape: Shape, account: Account, *, stream: bool = False, body: bytes | None = None) -> Answer:
        """Make a call."""
        with contextlib.closing(self.begin(shape, account, stream=stream, body=body)) as connection:
            return read_answer(connection)


@pytest.fixture(scope="module", params=FRONTS)
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Start the house and the front; at the end the books are in order, and neither has written a key anywhere."""
    folder = tmp_path_factory.mktemp(request.param)
    authority = certify(folder)
    limits = {"body_bytes_max": BODY_BYTES_MAX, "head_timeout_s": SLOW_HEAD_S if request.param == "tls" else 30}
    settings = {"base_domain": DOMAIN, "public_url": f"https://{DOMAIN}", "limits": limits}
    settings["trusted_proxies"] = "" if request.param == "tls" else "127.0.0.1"
    if request.param == "tls":
        settings["tls"] = {"cert": str(folder / "fullchain.pem"), "key": str(folder / "privkey.pem")}
    with upstream(lambda connection, _: hang_up()) as provider:
        chosen = {"api_key": "sk-operator", "upstream": provider.origin}
        providers = {"openai": chosen, "gemini": chosen, "anthropic": {**chosen, "on_disconnect": "abort"}}
        house = House(folder, providers, settings).start()
        try:
            with front(request.param, folder, house, authority) as made:
                yield Rig(made, house, Desk(house), provider)
                assert not re.findall(r"fg-[\w-]{10,}", made.logs), "a key is in the front's log"
            Desk(house).verify()
        finally:
            status = house.stop()
        assert (status, "Traceback" in house.log) == (0, False), house.log


@pytest.fixture
def account(rig: Rig) -> Account:
    rig.provider.seen.clear()
    rig.provider.answer = lambda connection, _: hang_up()
    return rig.desk.account()


@pytest.mark.parametrize("shape", [CHAT, MESSAGES, GENERATE], ids=["openai", "anthropic", "gemini"])
def test_the_host_name_chooses_the_integration(rig: Rig, account: Account, shape: Shape) -> None:
    rig.provider.answer = lambda connection, _: connection.sendall(shape.whole)
    answer = rig.call(shape, account)
    assert (answer.status, answer.body) == (200, shape.plain)
    [charge] = rig.desk.settled(account)
    assert (-charge["amount_nanos"], charge["call"]["integration"]) == (shape.charge_nanos, shape.name)
    assert answer.headers["faregate-call-id"] == charge["call"]["id"]
    [seen] = rig.provider.seen
    assert not {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"} & seen.headers.keys()
    assert DOMAIN not in str(seen.headers)


def test_any_other_name_takes_the_path(rig: Rig, account: Account) -> None:
    rig.provider.answer = lambda connection, _: connection.sendall(CHAT.whole)
    with contextlib.closing(rig.front.connect()) as connection:
        connection.sendall(CHAT.request(account.key).replace(b"Host: 127.0.0.1", f"Host: {DOMAIN}".encode()))
        assert read_answer(connection).status == 200


@pytest.mark.parametrize("shape", [CHAT, MESSAGES, GENERATE], ids=["openai", "anthropic", "gemini"])
def test_each_event_of_a_stream_comes_as_it_is_sent(rig: Rig, account: Account, shape: Shape) -> None:
    """The provider sends an event only when the caller has the one before it: a buffer anywhere would stop both."""
    has = threading.Semaphore(0)
    kept = [each for each in shape.events if each in shape.relayed]

    def answer(connection: socket.socket, _: Seen) -> None:
        connection.sendall(STREAM_HEAD)
        for each in shape.events:
            connection.sendall(chunk(each))
            assert each not in kept or has.acquire(timeout=PATIENCE_S)
        connection.sendall(STREAM_END)

    rig.provider.answer = answer
    with contextlib.closing(rig.begin(shape, account, stream=True)) as connection:
        got, wanted = b"", b""
        for each in kept[:-1]:
            wanted += each.strip()
            while unframed(got).count(b"data:") < unframed(wanted).count(b"data:"):
                piece = connection.recv(65_536)
                assert piece, got
                got += piece
            has.release()
        has.release(10)
        while not got.endswith(STREAM_END):
            piece = connection.recv(65_536)
            assert piece, got
            got += piece
    [charge] = rig.desk.settled(account)
    assert -charge["amount_nanos"] == shape.charge_nanos


def unframed(data: bytes) -> bytes:
    return data.partition(b"\r\n\r\n")[2] or data


def test_a_stream_that_breaks_off_does_not_look_whole(rig: Rig, account: Account) -> None:
    def answer(connection: socket.socket, _: Seen) -> None:
        connection.sendall(STREAM_HEAD + chunk(CHAT.events[0]) + chunk(CHAT.events[1]))
        hang_up()

    rig.provider.answer = answer
    got = rig.call(CHAT, account, stream=True)
    assert b'"code":"upstream_unreachable"' in got.body.replace(b": ", b":")
    assert CHAT.end not in got.body
    if not (rig.front.name == "caddy" and '"2.6.' in caddy_version()):  # the Caddyfile says so
        assert not got.whole
    rig.desk.settled(account)


def caddy_version() -> str:
    said = subprocess.run([program("caddy"), "version"], capture_output=True, text=True, check=True).stdout
    return f'"{said.removeprefix("v")}"'


def test_a_caller_who_hangs_up_is_heard_of(rig: Rig, account: Account) -> None:
    """Anthropic's calls are stopped then, so the provider sees its connection close while it still writes."""
    left = threading.Event()

    def answer(connection: socket.socket, _: Seen) -> None:
        connection.sendall(STREAM_HEAD)
        deadline = time.monotonic() + PATIENCE_S
        try:
            while time.monotonic() < deadline:
                connection.sendall(chunk(MESSAGES.events[1]))
                time.sleep(0.02)
        except OSError:
            left.set()

    rig.provider.answer = answer
    connection = rig.begin(MESSAGES, account, stream=True)
    assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
    connection.close()
    assert left.wait(PATIENCE_S)
    rig.desk.settled(account)
    assert rig.desk.last_call(account)["outcome"] == "caller_gone"


def test_402_comes_as_it_was_said(rig: Rig) -> None:
    poor = rig.desk.account("0")
    answer = rig.call(CHAT, poor)
    assert (answer.status, answer.headers["faregate-refusal"]) == (402, "balance_exhausted")
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["error"]["top_up_url"] == f"https://{DOMAIN}/billing"
    assert answer.json["error"]["code"] == "balance_exhausted"


def upload(key: str, size: int) -> bytes:
    """Return an upload whose body is as large as that."""
    field = b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
    file = b'--x\r\nContent-Disposition: form-data; name="file"; filename="notes.txt"\r\n\r\n'
    end = b"\r\n--x--\r\n"
    head = (
        f"POST /v1/files HTTP/1.1\r\nHost: openai-proxy.{DOMAIN}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {size}\r\n\r\n"
    )
    return head.encode() + field + file + b"n" * (size - len(field + file + end)) + end


def test_a_large_body_passes(rig: Rig, account: Account) -> None:
    rig.provider.answer = lambda connection, _: connection.sendall(json_answer(b'{"id": "file-1", "object": "file"}'))
    with contextlib.closing(rig.front.connect(f"openai-proxy.{DOMAIN}")) as connection:
        connection.sendall(upload(account.key, 20_000_000))
        answer = read_answer(connection)
    assert answer.status == 200
    [seen] = rig.provider.seen
    assert len(seen.body) == 20_000_000
    assert not [path for path in rig.front.folder.rglob("*") if path.is_file() and path.stat().st_size > 10_000_000]


def test_a_body_that_is_too_large_is_refused_in_the_provider_s_words(rig: Rig, account: Account) -> None:
    with contextlib.closing(rig.front.connect(f"openai-proxy.{DOMAIN}")) as connection:
        with contextlib.suppress(OSError):  # it may be refused before all of it is sent
            connection.sendall(upload(account.key, BODY_BYTES_MAX + 1))
        answer = read_answer(connection)
    assert (answer.status, answer.json["error"]["code"]) == (413, "too_large")
    assert rig.provider.seen == []


def test_a_key_in_the_query_is_logged_by_nobody(rig: Rig, account: Account) -> None:
    rig.provider.answer = lambda connection, _: connection.sendall(GENERATE.whole)
    ask = GENERATE.request(account.key, path=f"/v1beta/models/gemini-2.5-flash:generateContent?key={account.key}")
    ask = ask.replace(b"Host: 127.0.0.1", f"Host: gemini.{DOMAIN}".encode())
    with contextlib.closing(rig.front.connect(f"gemini.{DOMAIN}")) as connection:
        connection.sendall(re.sub(rb"x-goog-api-key: [^\r]*\r\n", b"", ask))
        answer = read_answer(connection)
    assert answer.status == 200, answer
    assert account.key not in rig.front.logs + rig.house.log
    if rig.front.name == "nginx":
        assert answer.headers["faregate-call-id"] in rig.front.logs


def test_a_head_that_comes_too_slowly_is_cut_off(rig: Rig, account: Account) -> None:
    began = time.monotonic()
    with contextlib.closing(rig.front.connect()) as connection:
        with contextlib.suppress(OSError):
            for letter in CHAT.request(account.key)[:150]:
                connection.sendall(bytes([letter]))
                if select.select([connection], [], [], 0.05)[0]:
                    break
        with contextlib.suppress(OSError):
            assert connection.recv(1000)[:12] in (b"", b"HTTP/1.1 408", b"HTTP/1.1 400")
    assert time.monotonic() - began < SLOW_HEAD_S + 4
    assert rig.provider.seen == []


def test_a_key_is_bound_to_the_caller_s_address_and_not_to_what_the_caller_claims(rig: Rig, account: Account) -> None:
    rig.provider.answer = lambda connection, _: connection.sendall(CHAT.whole)
    for network, status in (("127.0.0.1", 200), ("10.0.0.0/8", 403)):
        bound = rig.desk.ask("POST", "/keys", {"tenant": account.id, "networks": [network]})
        data = CHAT.request(bound["key"], extra="X-Forwarded-For: 10.1.2.3\r\n")
        data = data.replace(b"Host: 127.0.0.1", f"Host: {DOMAIN}".encode())
        with contextlib.closing(rig.front.connect()) as connection:
            connection.sendall(data)
            assert read_answer(connection).status == status, network


def test_a_front_waits_longer_than_faregate_does() -> None:
    """What Faregate says of a late answer is better than what a front would say, so Faregate's time must end first."""
    waits = {
        DEPLOY / "nginx" / "faregate.conf": r"proxy_read_timeout\s+(\d+)s;",
        DEPLOY / "caddy" / "Caddyfile": r"response_header_timeout (\d+)s\n",
        DEPLOY / "kubernetes" / "ingress.yaml": r'proxy-read-timeout: "(\d+)s?"\n',
    }
    for path, pattern in waits.items():
        found = re.findall(pattern, path.read_text())
        assert found, path
        assert all(int(seconds) > max(Limits().answer_timeout_s, Limits().stall_timeout_s) for seconds in found)
    conf: str = Path(DEPLOY / "nginx" / "faregate.conf").read_text()
    for name, ours in {
        "client_body_timeout": Limits().body_timeout_s,
        "send_timeout": Limits().caller_stall_s,
        "proxy_send_timeout": Limits().body_timeout_s,
    }.items():
        [seconds] = re.findall(rf"^\s*{name}\s+(\d+)s;", conf, re.MULTILINE)
        assert int(seconds) > ours, name
