"""A house whose provider is scripted to fail, and what must hold of money and answers then."""

import contextlib
import gzip
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]  # it ships no types
import pytest
import zstandard

from support.caller import Answer, call
from support.desk import Account, Desk
from support.house import House
from support.shapes import CHAT, PROVIDERS, SHAPES, Shape
from support.upstream import Seen, Upstream, chunk, hang_up, json_answer, reset, upstream

UPSTREAM_KEY = "sk-canary-of-the-operator"
ANSWER_TIMEOUT_S = 1.0
STALL_TIMEOUT_S = 1.0
JSON_HELD_BYTES_MAX = 50_000
LEAK_PATIENCE_S = 5.0

Say = Callable[[socket.socket, Seen], None]


@dataclass
class Rig:
    """One house for all tests, and the provider that each of them scripts."""

    house: House
    desk: Desk
    provider: Upstream

    def says(self, what: bytes | Say) -> None:
        """Let the provider answer so from now on."""
        self.provider.seen.clear()
        self.provider.early = lambda _: None
        self.provider.answer = (lambda connection, _: connection.sendall(what)) if isinstance(what, bytes) else what

    def ask(self, shape: Shape, account: Account, *, stream: bool = False, body: bytes | None = None) -> Answer:
        """Make a call."""
        answer = call(self.house.edge, shape.request(account.key, body, stream=stream))
        told = answer.body.decode("utf-8", "replace") + str(answer.headers)
        assert UPSTREAM_KEY not in told
        assert account.key not in told
        return answer

    def exposed(self) -> float:
        """Return the exposure that is counted so far."""
        return self.desk.metric("faregate_exposure_usd_total")


@contextlib.contextmanager
def faulty_house(folder: Path) -> Iterator[Rig]:
    """Start the house; at the end its books are in order and it has said no secret."""
    with upstream(lambda connection, _: hang_up()) as provider:
        chosen = {"api_key": UPSTREAM_KEY, "upstream": provider.origin}
        limits = {
            "answer_timeout_s": ANSWER_TIMEOUT_S,
            "stall_timeout_s": STALL_TIMEOUT_S,
            "json_held_bytes_max": JSON_HELD_BYTES_MAX,
        }
        house = House(folder, {shape.name: chosen for shape in PROVIDERS}, {"limits": limits})
        house.start()
        desk = Desk(house)
        try:
            yield Rig(house, desk, provider)
            desk.verify()
            assert UPSTREAM_KEY not in house.metrics()
        finally:
            status = house.stop()
        assert status == 0, house.log
        assert "Traceback" not in house.log
        assert UPSTREAM_KEY not in house.log


EACH = pytest.mark.parametrize("shape", PROVIDERS, ids=[shape.name for shape in PROVIDERS])
EVERY = pytest.mark.parametrize("shape", SHAPES, ids=["chat", "responses", "messages", "generate"])


def refused(shape: Shape, answer: Answer, status: int, code: str, *, retry: bool) -> None:
    """The answer is our own refusal, in the provider's envelope."""
    assert (answer.status, answer.headers.get("faregate-refusal")) == (status, code), answer
    assert answer.headers.get("x-should-retry") == (None if retry else "false")
    assert "faregate-charge-usd" not in answer.headers
    told, told_status, _ = shape.error_of(answer.json)
    assert (told, told_status or status) == (code, status)
    assert answer.whole


def uncharged(rig: Rig, account: Account, outcome: str, *, exposed: bool, calls: int = 1) -> None:
    """The tenant pays nothing; what the provider may bill is on the operator's account or nowhere."""
    assert rig.desk.settled(account, calls) == []
    assert rig.desk.last_call(account, calls)["outcome"] == outcome
    exposures = rig.desk.exposures(account)
    assert [exposure["reason"] for exposure in exposures] == ([outcome] * calls if exposed else [])
    assert all(exposure["exposure_nanos"] > 0 and exposure["at_most"] for exposure in exposures)


def charged_exactly(rig: Rig, account: Account, shape: Shape, calls: int = 1) -> None:
    """The account was charged what the answer reports, once, and nothing is exposed."""
    charges = rig.desk.settled(account, calls)
    assert [charge["amount_nanos"] for charge in charges] == [-shape.charge_nanos] * calls
    assert {charge["call"]["certainty"] for charge in charges} == {"exact"}
    assert rig.desk.exposures(account) == []


def charged_once(rig: Rig, account: Account) -> tuple[int, dict[str, Any]]:
    """Return what the account's one call cost it, in nano-USD, and the call of the entry."""
    [charge] = rig.desk.settled(account)
    return -charge["amount_nanos"], charge["call"]


FAULT_EVENTS = {
    "openai": b'data: {"error":',
    "anthropic": b'event: error\ndata: {"type":"error"',
    "gemini": b'data: {"error":',
}


def broken_off(shape: Shape, answer: Answer, code: str) -> None:
    """A stream that broke off never looks whole; after whole events the SDK is told why."""
    assert (answer.status, answer.whole) == (200, False)
    sent, mark, told = answer.body.rpartition(FAULT_EVENTS[shape.name])
    if not mark:
        sent = answer.body
    assert shape.relayed.startswith(sent), (sent, shape.relayed)
    assert shape.end not in sent[: sent.rfind(b"\n\n") + 1], "the event that ends the stream came whole"
    if mark:
        assert not sent or sent.endswith(b"\n\n")
        assert told.endswith(b"\n\n")
        if shape is CHAT:
            assert code.encode() in told
    assert mark or not sent.endswith(b"\n\n")


def cut_at(wire: bytes, at: int, how: Callable[[socket.socket], None]) -> Say:
    def answer(connection: socket.socket, _: Seen) -> None:
        connection.sendall(wire[:at])
        if how is reset:
            time.sleep(0.01)  # what was sent shall be read before the reset throws it away
        how(connection)

    return answer


def end_of_file(_: socket.socket) -> None:
    hang_up()


FRAMES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "length": lambda body, whole: json_answer(whole)[: len(json_answer(whole)) - len(whole)] + body,
    "chunks": lambda body, _: (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(body)
    ),
    "the connection": lambda body, _: b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + body,
}


def raw_deflate(body: bytes) -> bytes:
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(body) + made.flush()


ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
    "deflate": zlib.compress,
}
DECODE: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
    "deflate": zlib.decompress,
}
