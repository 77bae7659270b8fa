"""Callers who hang up, stop reading, or were never there: by policy the answer is read on to its usage, or stopped.

Each of the three providers has a policy of its own here: openai drains, anthropic aborts, gemini estimates.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.caller import connect, read_answer
from support.desk import Account, Desk
from support.house import House
from support.shapes import CHAT, GENERATE, MESSAGES, PROVIDERS, QUESTION, RESPONSES, WORDS, Shape, event
from support.upstream import STREAM_END, STREAM_HEAD, Seen, Upstream, chunk, hang_up, upstream

pytestmark = pytest.mark.process

POLICIES = {"openai": "drain", "anthropic": "abort", "gemini": "estimate"}
CALLER_STALL_S = 0.5
STALL_TIMEOUT_S = 1.0
CALL_AGE_S_MAX = 4.0
PATIENCE_S = 15.0

HangUp = Callable[[socket.socket], None]


@dataclass
class Script:
    """An upstream that sends so much, tells that it has, and waits before it sends the rest.

    `go_on` lets it send the rest, after which it may hang up; `left` tells that it saw its own connection closed while
    it waited.
    """

    first: bytes
    rest: bytes
    ends_there: bool = False
    sent: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)

    def __call__(self, connection: socket.socket, _: Seen) -> None:
        """Answer one request."""
        connection.sendall(self.first)
        self.sent.set()
        deadline = time.monotonic() + PATIENCE_S
        connection.settimeout(0.01)
        while not self.go_on.is_set() and time.monotonic() < deadline:
            try:
                if connection.recv(1) == b"":
                    raise ConnectionResetError
            except TimeoutError:
                continue
            except OSError:
                self.left.set()
                raise
        connection.settimeout(None)
        connection.sendall(self.rest)
        if self.ends_there:
            hang_up()


@dataclass
class Rig:
    """One house for all tests, and the provider that each of them scripts."""

    house: House
    desk: Desk
    provider: Upstream

    def call(self, shape: Shape, account: Account, *, stream: bool) -> socket.socket:
        """Begin a call."""
        connection = connect(self.house.edge)
        connection.sendall(shape.request(account.key, stream=stream))
        return connection


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Start the house; at the end nothing runs any more, and its books are in order."""
    with upstream(lambda connection, _: hang_up()) as provider:
        providers = {
            shape.name: {
                "api_key": "sk-operator",
                "upstream": provider.origin,
                "on_disconnect": POLICIES[shape.name],
            }
            for shape in PROVIDERS
        }
        limits = {
            "caller_stall_s": CALLER_STALL_S,
            "stall_timeout_s": STALL_TIMEOUT_S,
            "call_age_s_max": CALL_AGE_S_MAX,
        }
        house = House(tmp_path_factory.mktemp("drain"), providers, {"limits": limits}).start()
        desk = Desk(house)
        try:
            yield Rig(house, desk, provider)
            assert desk.metric("faregate_open_holds") == 0
            assert desk.metric("faregate_held_usd") == 0
            desk.verify()
        finally:
            status = house.stop()
        assert (status, "Traceback" in house.log) == (0, False), house.log


@pytest.fixture
def account(rig: Rig) -> Account:
    return rig.desk.account()


def close(connection: socket.socket) -> None:
    connection.close()


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def half_close(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_WR)


HOW = pytest.mark.parametrize("how", [close, reset, half_close], ids=["close", "reset", "half-close"])


def script(shape: Shape, events: int | None, *, stream: bool = True) -> Script:
    """Return an upstream that waits after so many events, or (None) before its head."""
    if events is None:
        return Script(b"", shape.streamed if stream else shape.whole)
    chunks = [chunk(each) for each in shape.events]
    return Script(STREAM_HEAD + b"".join(chunks[:events]), b"".join(chunks[events:]) + STREAM_END)


def read_events(connection: socket.socket, shape: Shape, events: int) -> None:
    """Read until so many events have come; none of them is one that is taken out."""
    wanted, got = b"".join(shape.events[:events]), b""
    connection.settimeout(10)
    while len(got.partition(b"\r\n\r\n")[2]) < len(wanted):
        piece = connection.recv(65536)
        assert piece, got
        got += piece


def leave(rig: Rig, shape: Shape, account: Account, events: int | None, how: HangUp, *, stream: bool = True) -> Script:
    """Make a call, hang up after so many events (None: before the head), and return the upstream's script."""
    played = script(shape, events, stream=stream)
    rig.provider.seen.clear()
    rig.provider.answer = played
    with contextlib.closing(rig.call(shape, account, stream=stream)) as connection:
        assert played.sent.wait(PATIENCE_S)
        if events is not None:
            read_events(connection, shape, events)
        how(connection)
        if how is half_close:
            read_answer(connection) if events is None else connection.recv(65536)
    return played


def charged(rig: Rig, account: Account) -> tuple[int, dict[str, Any]]:
    """Wait for the account's one call; return what it cost in nano-USD, and the call of its entry."""
    [charge] = rig.desk.settled(account, within_s=PATIENCE_S)
    [record] = rig.desk.calls(account)
    assert (record["outcome"], record["id"]) == ("caller_gone", charge["call"]["id"])
    return -charge["amount_nanos"], charge["call"]


# Drain: the caller pays what the provider reports, as if it had stayed.


@HOW
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("shape", [CHAT, RESPONSES], ids=["chat", "responses"])
def test_drain_before_the_head_reads_on_to_the_usage(
    rig: Rig, account: Account, shape: Shape, stream: bool, how: HangUp
) -> None:
    played = leave(rig, shape, account, None, how, stream=stream)
    played.go_on.set()
    paid, of = charged(rig, account)
    assert (paid, of["certainty"]) == (shape.charge_nanos, "exact")
    assert rig.desk.exposures(account) == []
    assert len(rig.provider.seen) == 1
    assert not played.left.is_set()


@HOW
@pytest.mark.parametrize("shape", [CHAT, RESPONSES], ids=["chat", "responses"])
def test_drain_after_any_event_reads_on_to_the_usage(rig: Rig, shape: Shape, how: HangUp) -> None:
    for events in range(len(WORDS) + 1):
        account = rig.desk.account()
        leave(rig, shape, account, events, how).go_on.set()
        paid, of = charged(rig, account)
        assert (paid, of["certainty"]) == (shape.charge_nanos, "exact")
        assert rig.desk.exposures(account) == []


def test_drain_during_silence_reads_on_to_the_usage(rig: Rig, account: Account) -> None:
    played = leave(rig, CHAT, account, 0, close)
    time.sleep(STALL_TIMEOUT_S / 2)
    assert rig.desk.metric("faregate_open_holds") == 1
    assert rig.desk.held_nanos(account) > 0
    played.go_on.set()
    assert charged(rig, account)[0] == CHAT.charge_nanos


def test_to_hang_up_during_hidden_reasoning_is_not_free(rig: Rig, account: Account) -> None:
    """Nothing is said while a model thinks, and all of it is billed."""
    thought = {"input_tokens": 1000, "output_tokens": 9000, "output_tokens_details": {"reasoning_tokens": 8990}}
    end = {**RESPONSES.answer, "usage": {**thought, "total_tokens": 10_000}}
    last = event({"type": "response.completed", "response": end}, "response.completed")
    played = Script(STREAM_HEAD + chunk(RESPONSES.events[0]), chunk(last) + STREAM_END)
    rig.provider.answer = played
    with contextlib.closing(rig.call(RESPONSES, account, stream=True)) as connection:
        read_events(connection, RESPONSES, 1)
    played.go_on.set()
    paid, of = charged(rig, account)
    assert (paid, of["certainty"]) == ((1000 * 250 + 9000 * 2000) * 12 // 10, "exact")


def test_a_key_that_is_revoked_while_its_call_runs_pays_for_it_and_opens_no_other(rig: Rig, account: Account) -> None:
    played = script(CHAT, 2)
    rig.provider.answer = played
    with contextlib.closing(rig.call(CHAT, account, stream=True)) as connection:
        read_events(connection, CHAT, 2)
        rig.desk.ask("POST", f"/keys/{account.key_id}/revoke")
        rig.desk.ask("POST", f"/tenants/{account.id}/suspend")
        played.go_on.set()
        assert read_to_end(connection).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    [charge] = rig.desk.settled(account)
    assert -charge["amount_nanos"] == CHAT.charge_nanos
    with contextlib.closing(rig.call(CHAT, account, stream=True)) as connection:
        assert read_answer(connection).status == 401


def read_to_end(connection: socket.socket) -> bytes:
    """Read on to the end of a stream."""
    got = b""
    connection.settimeout(10)
    while not got.endswith(b"0\r\n\r\n"):
        piece = connection.recv(65536)
        assert piece, got
        got += piece
    return got


def test_drain_of_an_answer_that_breaks_off_charges_the_evidence(rig: Rig, account: Account) -> None:
    played = leave(rig, CHAT, account, 3, close)
    played.rest, played.ends_there = chunk(CHAT.events[3])[:-9], True
    played.go_on.set()
    [charge] = rig.desk.settled(account)
    assert rig.desk.last_call(account)["outcome"] == "upstream_cut"
    assert 0 < -charge["amount_nanos"] < CHAT.charge_nanos
    assert charge["call"]["certainty"] == "at_least"
    [exposure] = rig.desk.exposures(account)
    assert exposure["at_most"]


def test_drain_of_an_answer_that_stalls_ends_with_the_stall(rig: Rig, account: Account) -> None:
    played = leave(rig, CHAT, account, 3, close)
    [charge] = rig.desk.settled(account)
    assert played.left.wait(PATIENCE_S)
    assert 0 < -charge["amount_nanos"] < CHAT.charge_nanos
    assert charge["call"]["certainty"] == "at_least"


def test_drain_of_an_answer_without_end_stops_at_the_calls_greatest_age(rig: Rig, account: Account) -> None:
    def drip(connection: socket.socket, _: Seen) -> None:
        connection.sendall(STREAM_HEAD)
        while True:
            connection.sendall(chunk(CHAT.events[1]))
            time.sleep(0.05)

    rig.provider.answer = drip
    with contextlib.closing(rig.call(CHAT, account, stream=True)) as connection:
        read_events(connection, CHAT, 1)
    began = time.monotonic()
    [charge] = rig.desk.settled(account, within_s=PATIENCE_S)
    assert time.monotonic() - began < CALL_AGE_S_MAX + 2
    assert rig.desk.last_call(account)["outcome"] == "timed_out"
    assert charge["call"]["certainty"] == "at_least"
    assert charge["call"]["usage"]["output_tokens"] > 20
    assert len(rig.desk.exposures(account)) == 1


# Abort and estimate: the provider's connection is closed; what was seen is paid, and never less than the input.

STOPPED = pytest.mark.parametrize("shape", [MESSAGES, GENERATE], ids=["abort", "estimate"])


def stopped(rig: Rig, account: Account, shape: Shape, played: Script) -> int:
    """The provider saw its connection closed; return what the call cost."""
    assert played.left.wait(PATIENCE_S)
    paid, of = charged(rig, account)
    assert of["certainty"] == "at_least"
    assert of["usage"]["input_tokens"] >= len(QUESTION) // 4
    assert 0 < paid < shape.charge_nanos
    [exposure] = rig.desk.exposures(account)
    assert (exposure["reason"], exposure["at_most"]) == ("caller_gone", True)
    return paid


@HOW
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@STOPPED
def test_a_stop_before_the_head_costs_the_input(
    rig: Rig, account: Account, shape: Shape, stream: bool, how: HangUp
) -> None:
    before = rig.desk.metric("faregate_exposure_usd_total", integration=shape.name, reason="caller_gone")
    played = leave(rig, shape, account, None, how, stream=stream)
    stopped(rig, account, shape, played)
    assert rig.desk.charges(account)[0]["call"]["usage"].keys() == {"input_tokens"}
    assert len(rig.provider.seen) == 1
    assert rig.desk.metric("faregate_exposure_usd_total", integration=shape.name, reason="caller_gone") > before


@HOW
@STOPPED
def test_a_stop_after_any_event_costs_what_was_seen(rig: Rig, shape: Shape, how: HangUp) -> None:
    said = [index for index, each in enumerate(shape.events) if b"scatters" in each or b"The sky" in each]
    paid = []
    for events in range(said[-1] + 2):
        account = rig.desk.account()
        paid.append(stopped(rig, account, shape, leave(rig, shape, account, events, how)))
    assert paid == sorted(paid)
    assert len(set(paid)) > 3


@STOPPED
def test_a_stop_after_the_usage_costs_the_usage(rig: Rig, account: Account, shape: Shape) -> None:
    """The provider's last word was seen, though not the end of its bytes."""
    chunks = b"".join(chunk(each) for each in shape.events)
    played = Script(STREAM_HEAD + chunks, STREAM_END)
    rig.provider.answer = played
    with contextlib.closing(rig.call(shape, account, stream=True)) as connection:
        read_events(connection, shape, len(shape.events) - 1)
    assert played.left.wait(PATIENCE_S)
    paid, of = charged(rig, account)
    assert (paid, of["certainty"]) == (shape.charge_nanos, "exact")


# A whole answer, and nobody who takes it.


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("shape", PROVIDERS, ids=POLICIES.values())
def test_a_caller_who_leaves_after_the_last_byte_pays_for_the_answer(
    rig: Rig, account: Account, shape: Shape, stream: bool
) -> None:
    rig.provider.answer = lambda connection, _: connection.sendall(shape.streamed if stream else shape.whole)
    with contextlib.closing(rig.call(shape, account, stream=stream)):
        rig.desk.last_call(account)  # unread, but sent
    [charge] = rig.desk.settled(account)
    assert (-charge["amount_nanos"], charge["call"]["certainty"]) == (shape.charge_nanos, "exact")
    assert rig.desk.last_call(account)["outcome"] == "answered"


BIG = event({"model": "gpt-5-mini", "choices": [{"index": 0, "delta": {"content": "x" * 60_000}}], "usage": None})
BIG_BYTES = 16_000_000


def test_a_caller_who_reads_nothing_is_cut_and_pays_what_the_provider_reports(rig: Rig, account: Account) -> None:
    def answer(connection: socket.socket, _: Seen) -> None:
        connection.sendall(STREAM_HEAD + chunk(CHAT.events[0]))
        for _number in range(BIG_BYTES // len(BIG)):
            connection.sendall(chunk(BIG))
        connection.sendall(b"".join(chunk(each) for each in CHAT.events[-2:]) + STREAM_END)

    rig.provider.answer = answer
    with contextlib.closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", rig.house.port))
        connection.sendall(CHAT.request(account.key, stream=True))
        paid, of = charged(rig, account)
        assert (paid, of["certainty"]) == (CHAT.charge_nanos, "exact")
        connection.settimeout(5)
        with contextlib.suppress(ConnectionError):
            assert not read_answer(connection).whole
    assert "stopped reading" in rig.house.log


def test_a_caller_who_reads_nothing_stops_the_answer_where_the_policy_says_so(rig: Rig, account: Account) -> None:
    left = threading.Event()
    big = event({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x" * 60_000}})

    def answer(connection: socket.socket, _: Seen) -> None:
        connection.sendall(STREAM_HEAD + chunk(MESSAGES.events[0]))
        try:
            while True:
                connection.sendall(chunk(big))
        except OSError:
            left.set()
            raise

    rig.provider.answer = answer
    with contextlib.closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", rig.house.port))
        connection.sendall(MESSAGES.request(account.key, stream=True))
        paid, of = charged(rig, account)
    assert left.wait(PATIENCE_S)
    assert of["certainty"] == "at_least"
    assert of["usage"]["output_tokens"] > 60_000 // 4
    assert paid > 0


def test_a_caller_who_reads_slowly_gets_everything(rig: Rig, account: Account) -> None:
    events = [CHAT.events[0], *[BIG] * 40, *CHAT.events[-2:]]
    rig.provider.answer = lambda connection, _: connection.sendall(
        STREAM_HEAD + b"".join(map(chunk, events)) + STREAM_END
    )
    with contextlib.closing(rig.call(CHAT, account, stream=True)) as connection:
        for _ in range(5):
            time.sleep(CALLER_STALL_S / 2)
            connection.recv(200_000)
        rest = b""
        while not rest.endswith(STREAM_END):
            piece = connection.recv(1 << 20)
            assert piece
            rest = (rest + piece)[-100:]
    [charge] = rig.desk.settled(account)
    assert -charge["amount_nanos"] == CHAT.charge_nanos
    assert rig.desk.last_call(account)["outcome"] == "answered"


# Many at once.


def test_a_hundred_callers_who_hang_up_anywhere_leave_nothing_behind(rig: Rig) -> None:
    accounts = {shape.name: rig.desk.account("1000") for shape in PROVIDERS}
    by_path = {shape.stream_path.partition("?")[0].removeprefix(f"/{shape.name}"): shape for shape in PROVIDERS}

    def answer(connection: socket.socket, seen: Seen) -> None:
        shape = by_path[seen.line.split()[1].partition("?")[0]]
        time.sleep(0.02)
        connection.sendall(STREAM_HEAD)
        for each in shape.events:
            time.sleep(0.01)
            connection.sendall(chunk(each))
        connection.sendall(STREAM_END)

    plans = [(PROVIDERS[n % 3], n * 37 % 100 * 0.002, (close, reset)[n % 2]) for n in range(100)]

    def hang_up_after(plan: tuple[Shape, float, HangUp]) -> None:
        shape, seconds, how = plan
        connection = rig.call(shape, accounts[shape.name], stream=True)
        time.sleep(seconds)
        how(connection)

    rig.provider.seen.clear()
    rig.provider.answer = answer
    with ThreadPoolExecutor(100) as pool:
        list(pool.map(hang_up_after, plans))
    deadline = time.monotonic() + PATIENCE_S
    while rig.desk.metric("faregate_open_holds") and time.monotonic() < deadline:
        time.sleep(0.05)
    for shape in PROVIDERS:
        account = accounts[shape.name]
        charges = rig.desk.settled(account, within_s=PATIENCE_S)
        calls = rig.desk.calls(account)
        assert len({charge["call"]["id"] for charge in charges}) == len(charges)
        assert {call["outcome"] for call in calls} <= {"caller_gone", "answered", "refused"}
        sent = sum(by_path[seen.line.split()[1].partition("?")[0]] is shape for seen in rig.provider.seen)
        assert sent <= len(charges) <= len(calls)
        amounts = {-charge["amount_nanos"] for charge in charges}
        if POLICIES[shape.name] == "drain":
            assert amounts == {shape.charge_nanos}
            assert len(charges) == sent
        assert max(amounts) <= shape.charge_nanos
        spent = 1000 * 10**9 + sum(charge["amount_nanos"] for charge in charges)
        balance = rig.desk.balance(account)
        assert balance["credits_remaining_micros"] == spent // 1000
        assert balance["held_usd"] == "0"
    rig.desk.verify()
