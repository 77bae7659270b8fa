"""The life of a session: a WebSocket, from its opening to the close of both sides.

    accept, authenticate       as for any call
    hold                       the first turn, before the provider is asked for anything
    connect                    the provider's side, with our key in the place of the tenant's
    relay                      messages both ways, each as it came; copies are read
      the caller asks          a turn is held before the message that asks for it goes on
      the provider answers     the turn is read, and settled before the message that ends it goes on
      and so on                each turn is a call of its own; a provider that starts turns by itself finds one held
    close                      the same code and reason on the other side, or ours: why the session ends
    finish                     every turn that is still open is settled with what was seen of it

Whose key was revoked, whose account is suspended or has no money left is told so at the next turn: in the provider's
own error event, and in the reason of the close.
"""

import asyncio
import logging
from collections.abc import Awaitable

from msgspec import Struct, structs

from proxy.call import Call, End, broken, finish
from proxy.calls.head import Head
from proxy.calls.sink import Sink
from proxy.calls.socket import CLOSED_ABNORMALLY, NO_CODE, Kind, Message, Socket, short
from proxy.doors import Doors
from proxy.errors import LedgerUnavailable, Refusal, Refused, refuse
from proxy.ledger.call import Outcome
from proxy.providers.messages import Asked, ask, hear, opens
from proxy.providers.route import Route
from proxy.providers.session import SessionSpec
from proxy.steps.accept import accept, locate
from proxy.steps.connect import Declined, connect, plain_protocol
from proxy.steps.follow import Followed
from proxy.turns import (
    Session,
    Silent,
    begin,
    count_told,
    cover_more,
    holder_of,
    own_named,
    parameters_of,
    settle_turn,
    slice_off,
    take,
    turn_of,
)
from proxy.upstream.door import UpstreamFailed

OPENING_S = 60.0
"""Seconds in which a caller must name its model, where it does so in its first message."""
LEAVING_S = 120.0
"""Seconds for which a turn is read on after its caller has left."""
GOODBYE = 1000
GOING_AWAY = 1001
INTERNAL_ERROR = 1011
_IN_ORDER = (GOODBYE, GOING_AWAY, NO_CODE)

_log = logging.getLogger("faregate.session")


class Closing(Struct, frozen=True):
    """Why a session ends: what the other side is told, and how its open turns end."""

    outcome: Outcome
    code: int = NO_CODE
    reason: bytes = b""
    fault: Refused | None = None


class Sides:
    """The two sides of a session, as far as they are open."""

    def __init__(self) -> None:
        self.caller: Socket | None = None
        self.provider: Socket | None = None


async def serve_session(head: Head, sink: Sink, doors: Doors) -> None:
    """Carry one session, from its opening to the close of both sides."""
    call = Call(doors.ids.new("call"), head, sink, doors.clock.now(), doors.clock.monotonic())
    try:
        session = await admit(call, doors)
    except Refused as refused:
        await turn_away(call, refused, doors)
        return
    except LedgerUnavailable:
        unread = Refused(Refusal.LEDGER_UNAVAILABLE, "The ledger cannot be read now, so no session was opened.")
        await turn_away(call, unread, doors)
        return
    except Exception:  # noqa: BLE001  # whatever broke in us, the caller is told so in its provider's words
        _log.exception("session %s failed", call.id)
        _ = await finish(call, broken(), doors)
        return
    doors.running.enter(session)
    try:
        await carry(session, sink)
    finally:
        doors.running.leave(session)


async def admit(call: Call, doors: Doors) -> Session:
    """Find the route and whose key it is. Raises Refused."""
    if doors.running.draining:
        refuse(Refusal.DRAINING, "This server is shutting down. Try again.")
    call.address = locate(call.head, doors.house)
    call.route = accept(call.head, call.address)
    call.holder = await holder_of(call.head, call.route, doors)
    head, spec = call.head, call.route.endpoint.session
    if spec is None:
        refuse(Refusal.INTERNAL_ERROR, f"The route {call.route.endpoint.name} is no session.")
    if head.value("sec-websocket-version") != "13" or not head.value("sec-websocket-key"):
        refuse(Refusal.UPGRADE_REQUIRED, "The opening of a WebSocket needs Sec-WebSocket-Version: 13 and a key.")
    named = parameters_of(call.route)
    for name, words in spec.refuse_query.items():
        if name in named:
            refuse(Refusal.MALFORMED_REQUEST, words)
    return Session(call, call.route, spec, doors)


async def turn_away(call: Call, refused: Refused, doors: Doors) -> None:
    """Refuse a session that was not opened.

    A wrong key is answered as HTTP has it, which clients know. Otherwise the WebSocket is opened, and closed with the
    reason: a client shows that, but not the body of an answer that is none.
    """
    route = call.route
    spec = route.endpoint.session if route is not None else None
    if spec is None or route is None or refused.refusal.status in (401, 426):
        _ = await finish(call, End(Outcome.REFUSED, refused), doors)
        return
    protocol = plain_protocol(call.head, route.integration)
    socket = await call.sink.upgrade(refusal_headers(call, refused), protocol)
    if socket is not None:
        call.sink = Silent()
        await tell_fault(socket, route, spec, refused, call.id)
    _ = await finish(call, End(Outcome.REFUSED, refused), doors)


def refusal_headers(call: Call, refused: Refused) -> list[tuple[str, str]]:
    """Return the headers of an opening that is refused."""
    return [("faregate-call-id", call.id), ("faregate-refusal", refused.refusal.code)]


async def tell_fault(socket: Socket, route: Route, spec: SessionSpec, refused: Refused, call_id: str) -> None:
    """Say why a session ends: in the provider's own error event, and in the close."""
    if spec.fault is not None:
        event = structs.replace(route.integration.envelope, body=spec.fault).render(refused, call_id)
        await socket.send(Message(Kind.TEXT, event))
    await socket.close(spec.close, short(f"{refused.refusal.code}: {refused.message}"))


async def carry(session: Session, sink: Sink) -> None:
    """See a session through: open both sides, relay, and settle every turn, however it ends."""
    doors, call, sides = session.doors, session.call, Sides()
    try:
        closing = await hold_open(session, sink, sides)
    except Refused as refused:
        closing = Closing(Outcome.REFUSED, fault=refused)
    except UpstreamFailed:
        unreached = Refused(Refusal.UPSTREAM_UNREACHABLE, "The provider could not be reached.")
        closing = Closing(Outcome.UPSTREAM_FAILED, fault=unreached)
    except LedgerUnavailable:
        unread = Refused(Refusal.LEDGER_UNAVAILABLE, "The ledger cannot be read now, so the session ends.")
        closing = Closing(Outcome.STOPPED, fault=unread)
    except asyncio.CancelledError:
        why = doors.running.acknowledge(session)
        closing = Closing(why, fault=Refused(Refusal.DRAINING, "The session was stopped."))
    except Exception:  # noqa: BLE001  # whatever broke in us, the money on hold must still find its end
        _log.exception("session %s failed", call.id)
        closing = Closing(Outcome.STOPPED, fault=broken().fault)
    session.interruptible = False  # nothing may stop the end of a session
    await end(session, closing, sides)


def stoppable(session: Session) -> None:
    """From here on the session may be interrupted. Raises CancelledError if it was meanwhile."""
    session.interruptible = True
    if session.doors.running.why(session) is not None:
        raise asyncio.CancelledError


async def hold_open(session: Session, sink: Sink, sides: Sides) -> Closing:
    """Open both sides and relay until one leaves. Raises Refused, UpstreamFailed, LedgerUnavailable."""
    stoppable(session)
    sides.caller = await hear_opening(session, sink)
    session.interruptible = False  # a hold that may have been committed must be known
    asked = ask(session.spec, session.opening, binary=False) if session.opening else Asked()
    session.said = session.said.plus(asked.flow)
    turn = await take(session, asked.lane, session.opening)
    turn.asked = asked.asks
    stoppable(session)
    connected = await connect(session.head, session.route, turn.held, session.doors.upstream)
    if isinstance(connected, Declined):
        await decline(session, sink, sides, connected)
        return Closing(Outcome.UPSTREAM_ERROR)
    sides.provider = connected.socket
    if sides.caller is None:
        headers = [*connected.headers, ("faregate-call-id", session.call.id)]
        sides.caller = await sink.upgrade(headers, connected.protocol)
    else:
        await connected.socket.send(Message(Kind.TEXT, session.opening))
    if sides.caller is None:
        return Closing(Outcome.CALLER_GONE)
    session.call.relay = Followed(None)
    session.doors.metrics.sessions.add(1, session.route.integration.name, session.route.endpoint.name)
    return await relay(session, sides.caller, connected.socket)


async def hear_opening(session: Session, sink: Sink) -> Socket | None:
    """Where the caller names its model in its first message, switch to the WebSocket and wait for that.

    Raises Refused for another first message, or none.
    """
    spec, call = session.spec, session.call
    if not (spec.opening or spec.requests):
        return None
    protocol = plain_protocol(session.head, session.route.integration)
    caller = await sink.upgrade([("faregate-call-id", call.id)], protocol)
    if caller is None:
        raise ConnectionResetError("the caller has hung up")
    try:
        async with asyncio.timeout(OPENING_S):
            while (message := await caller.receive()).kind in (Kind.PING, Kind.PONG):
                if message.kind is Kind.PING:
                    await caller.send(Message(Kind.PONG, message.data))
    except TimeoutError:
        refuse(Refusal.REQUEST_TIMEOUT, "The session's first message did not arrive in time.")
    if message.kind is Kind.CLOSE or not opens(spec, message.data):
        refuse(Refusal.MALFORMED_REQUEST, "The session's first message must name its model, and does not.")
    session.opening = message.data
    return caller


async def decline(session: Session, sink: Sink, sides: Sides, declined: Declined) -> None:
    """Pass on a provider's answer that refuses a session. Raises Refused if the caller's side is open already."""
    session.turns[0].asked = False  # nothing was begun, and nothing will be
    if sides.caller is not None:
        refuse(Refusal.UPSTREAM_UNREACHABLE, f"The provider refused the session with status {declined.status}.")
    headers = [*declined.headers, ("faregate-call-id", session.call.id)]
    await sink.send(declined.status, headers, declined.body)


# --- Messages


async def relay(session: Session, caller: Socket, provider: Socket) -> Closing:
    """Relay messages both ways until a side leaves, the money is gone, or the server stops."""
    tasks = session.doors.tasks
    up = tasks.start(ending(from_caller(session, caller, provider)), name="session, from its caller")
    down = tasks.start(ending(from_provider(session, caller, provider)), name="session, from its provider")
    stop = tasks.start(session.doors.running.asked_to_drain(), name="session, until a stop")
    try:
        await asyncio.wait((up, down, stop), return_when=asyncio.FIRST_COMPLETED)
        if down.done():
            return down.result()
        closing = up.result() if up.done() else Closing(Outcome.STOPPED, GOING_AWAY, b"The server is shutting down.")
        session.leaving = True
        if closing.outcome is Outcome.CALLER_GONE:
            await caller.close(closing.code, closing.reason)
        drains = session.route.integration.policy.on_disconnect == "drain" or closing.outcome is not Outcome.CALLER_GONE
        if session.under_way and drains:
            await asyncio.wait((down,), timeout=LEAVING_S)
        return closing
    finally:
        async with session.taking:  # nobody is in the middle of a hold, or of a settlement
            for task in (up, down, stop):
                task.cancel()
        await asyncio.wait((up, down, stop))


async def ending(side: Awaitable[Closing]) -> Closing:
    """Return why one side of a relay has ended, refusals included."""
    try:
        return await side
    except Refused as refused:
        return Closing(Outcome.REFUSED, fault=refused)
    except LedgerUnavailable:
        unread = Refused(Refusal.LEDGER_UNAVAILABLE, "The ledger cannot be read now, so the session ends.")
        return Closing(Outcome.STOPPED, fault=unread)


async def from_caller(session: Session, caller: Socket, provider: Socket) -> Closing:
    """Relay the caller's messages, each after what it can cost is held. Raises Refused."""
    while True:
        message = await caller.receive()
        if message.kind is Kind.CLOSE:
            return Closing(Outcome.CALLER_GONE, message.code, message.data)
        if message.kind in (Kind.TEXT, Kind.BINARY):
            await before_sending(session, message)
        await provider.send(message)


async def before_sending(session: Session, message: Message) -> None:
    """Hold what a caller's message can cost. Raises Refused."""
    spec = session.spec
    asked = ask(spec, message.data, binary=message.kind is Kind.BINARY)
    if asked.unmetered:
        refuse(Refusal.MALFORMED_REQUEST, asked.unmetered)
    async with session.taking:
        session.said = session.said.plus(asked.flow)
        session.sent_bytes += asked.flow.sound_bytes
        session.fed = session.fed or asked.feeds
        turn = next((one for one in session.turns if one.lane == asked.lane and not one.under_way), None)
        if turn is None and (asked.asks or (asked.feeds and not session.turns)):
            turn = await take(session, asked.lane, message.data if spec.requests else session.opening)
        if turn is not None:
            await cover_more(session, turn)
            turn.asked = turn.asked or asked.asks
    if not spec.asks:
        await slice_off(session)


async def from_provider(session: Session, caller: Socket, provider: Socket) -> Closing:
    """Relay the provider's messages; one that ends a turn goes on once that is settled. Raises Refused."""
    while True:
        message = await provider.receive()
        if message.kind is Kind.CLOSE:
            return gone_upstream(message)
        fault: Refused | None = None
        if message.kind in (Kind.TEXT, Kind.BINARY):
            fault = await before_relaying(session, message.data)
        await caller.send(message)
        if fault is not None:
            raise fault
        if session.leaving and not session.under_way:
            return Closing(Outcome.CALLER_GONE)


def gone_upstream(message: Message) -> Closing:
    """Say how a session ends whose provider has left."""
    if message.code == CLOSED_ABNORMALLY:
        return Closing(Outcome.UPSTREAM_CUT, INTERNAL_ERROR, b"The provider's connection broke off.")
    return Closing(Outcome.UPSTREAM_CUT, message.code, message.data)


async def before_relaying(session: Session, data: bytes) -> Refused | None:
    """Read a copy of a provider's message, and settle the turn that it ends. Returns why the session must end after it.

    What names objects is relayed once it is recorded whose they are.
    """
    heard = hear(session.spec, data)
    if not session.spec.asks:
        return await count_told(session, heard)
    async with session.taking:
        try:
            turn = await turn_of(session, heard, data)
            if turn is None:
                return None
            if heard.begins:
                begin(session, turn)
            known = len(turn.followed.reader.object_ids) if turn.followed.reader is not None else 0
            turn.followed.hear(data)
            await own_named(session, turn, known)
            if heard.voids and turn.asked and (session.spec.requests or not turn.begun):
                turn.asked = turn.begun  # what was not begun has cost nothing
                _ = await settle_turn(session, turn, End(Outcome.UPSTREAM_ERROR))
            elif turn.followed.over:
                begin(session, turn)
                ended = await settle_turn(session, turn, End(Outcome.ANSWERED))
                if ended.fault is not None:
                    return ended.fault
                if session.fed and not session.turns and not session.leaving:
                    _ = await take(session, turn.lane, session.opening)
        except Refused as refused:
            return refused
    return None


# --- The end


async def end(session: Session, closing: Closing, sides: Sides) -> None:
    """Settle every open turn with what was seen, tell both sides, and record the session itself."""
    call, doors, fault = session.call, session.doors, closing.fault
    outcome = Outcome.STOPPED if closing.outcome is Outcome.REFUSED else closing.outcome
    for turn in list(session.turns):
        used = turn.under_way or turn.followed.reading().reported
        _ = await settle_turn(session, turn, End(outcome, fault, turn.under_way) if used else End(Outcome.FREE))
    if sides.provider is not None:
        code, reason = (closing.code, closing.reason) if fault is None else (GOING_AWAY, b"")
        _ = doors.tasks.start(sides.provider.close(code, reason), name="session, goodbye to its provider")
    if sides.caller is None and fault is not None:
        await turn_away(call, fault, doors)
        return
    if sides.caller is not None and fault is not None:
        await tell_fault(sides.caller, session.route, session.spec, fault, call.id)
    elif sides.caller is not None:
        await sides.caller.close(closing.code, closing.reason)
    call.sink = Silent()
    in_order = fault is None and (closing.outcome is Outcome.CALLER_GONE or closing.code in _IN_ORDER)
    _ = await finish(call, End(Outcome.FREE if in_order else closing.outcome, fault), doors)


def watch_session(session: Session) -> None:
    """Look after a running session, once a second: stop it if one of its turns takes too long."""
    now = session.doors.clock.monotonic()
    for turn in session.turns:
        if turn.under_way and now - turn.call.began > session.doors.call_age_s_max:
            session.doors.running.interrupt(session, Outcome.TIMED_OUT)
