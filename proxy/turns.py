"""The turns of a session: held, begun, covered while more is said, and settled. Each is a call of its own.

Everything here that touches money runs with `Session.taking` locked: both sides of a session come here.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import structs

from proxy.bounds.turns import Flow, TurnBound, asked_for, cover
from proxy.call import Call, End, finish, owner
from proxy.calls.head import Head
from proxy.clock import date_of
from proxy.doors import Doors
from proxy.errors import Refusal, Refused, refuse
from proxy.ledger.call import Outcome
from proxy.ledger.hold import Hold
from proxy.money import Quantity
from proxy.providers.messages import Heard
from proxy.providers.permit import Permit
from proxy.providers.route import Route
from proxy.providers.session import SessionSpec
from proxy.steps.authenticate import authenticate
from proxy.steps.authorize import admit_holder, authorize
from proxy.steps.estimate import estimate, estimate_turn
from proxy.steps.follow import Followed
from proxy.steps.hold import hold
from proxy.tenants.key import KeyHolder
from proxy.usage.reader import Reader
from proxy.wire.framing import Framing

_log = logging.getLogger("faregate.session")


class Silent:
    """The sink of a turn: its messages are relayed by the session, and it has no answer of its own."""

    gone = False
    started = True

    def when_gone(self, tell: object) -> None:
        """Nobody is asked: the session knows its caller."""

    async def read_body(self) -> bytes:
        """There is none."""
        return b""

    async def send(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """The session says it."""

    async def start(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """The session says it."""

    async def upgrade(self, headers: Sequence[tuple[str, str]], protocol: str) -> None:
        """The session has done so."""

    async def write(self, data: bytes) -> None:
        """The session says it."""

    async def finish(self) -> None:
        """The session says it."""

    def cut(self) -> None:
        """The session says it."""


class Turn:
    """One turn: a call that is held, and what its messages say. `covered` is what its hold covers.

    Nobody has asked for a turn that is held ahead, and nothing of it was begun: it may end without costing anything.
    """

    def __init__(self, call: Call, permit: Permit, held: Hold, followed: Followed, covered: Flow, lane: str) -> None:
        self.call = call
        self.permit = permit
        self.held = held
        self.followed = followed
        self.covered = covered
        self.lane = lane
        self.asked = self.begun = False
        self.read = Flow()

    @property
    def under_way(self) -> bool:
        """Whether the provider works on it, as far as we know."""
        return self.asked or self.begun


class Session:
    """What is known of one session so far."""

    def __init__(self, call: Call, route: Route, spec: SessionSpec, doors: Doors) -> None:
        self.call = call
        self.head = call.head
        self.route = route
        self.spec = spec
        self.doors = doors
        self.opening = b""
        self.turns: list[Turn] = []
        self.reader: Reader | None = None
        self.context = Flow()
        self.said = Flow()
        self.sent_bytes = 0
        self.told: Decimal = Decimal(0)
        self.counted: Decimal = Decimal(0)
        self.fed = self.leaving = False
        self.interruptible = False
        self.began = call.began
        self.held: Hold | None = None
        self.taking = asyncio.Lock()
        parameters = parameters_of(route)
        self.bound = asked_for(spec.bound or TurnBound(), parameters)
        self.tier = next((tier for mark, tier in spec.tiers.items() if marked(mark, parameters)), None)

    @property
    def under_way(self) -> bool:
        """Whether the provider works on any turn."""
        return any(turn.under_way for turn in self.turns)


def parameters_of(route: Route) -> dict[str, str]:
    """Return the parameters of a session's URL, as they were sent."""
    pairs = (part.partition("=") for part in route.query.split("&") if part)
    return {name: value for name, _, value in pairs}


def marked(mark: str, parameters: Mapping[str, str]) -> bool:
    """Tell whether a URL has a parameter with the value of a mark, `name=value`; the empty mark is on every URL."""
    name, _, value = mark.partition("=")
    return not mark or parameters.get(name) == value


async def holder_of(head: Head, route: Route, doors: Doors) -> KeyHolder:
    """Return whose key it is, as of now. Raises Refused."""
    holder = await authenticate(head, route, doors.directory, doors.clock, doors.house.trusted_proxies)
    admit_holder(route, holder)
    return holder


async def take(session: Session, lane: str, raw: bytes, *, most: bool = True) -> Turn:
    """Hold a turn: a call of its own, of whoever the key belongs to now. Raises Refused.

    Not `most`: the provider has worked unasked, so the turn is settled with whatever there is.
    """
    doors, spec = session.doors, session.spec
    call = Call(doors.ids.new("call"), session.head, Silent(), doors.clock.now(), doors.clock.monotonic())
    call.address, call.route, call.session = session.call.address, session.route, session.call.id
    covered = Flow()
    if doors.running.draining and most:
        refuse(Refusal.DRAINING, "This server is shutting down. Open the session anew.")
    call.holder = await holder_of(session.head, session.route, doors)
    call.permit = permit = await authorize(session.route, call.holder, raw, doors.directory)
    if spec.bound is None:
        call.need = estimate(permit, date_of(call.started_at))
    else:
        covered = cover(session.context.plus(session.said), session.bound)
        call.need = estimate_turn(permit, session.bound, covered, beside(session), date_of(call.started_at))
    if not most:
        call.need = structs.replace(call.need, ask=structs.replace(call.need.ask, base=0, least=0))
    call.marks.asked = call.marks.sent = doors.clock.monotonic()
    call.held = held = await hold(call.id, permit, call.need, doors.ledger, call.started_at, doors.top_up_url)
    turn = Turn(call, permit, held, Followed(next_reader(session), session.tier), covered, lane)
    session.turns.append(turn)
    doors.running.enter_turn(call)
    return turn


def beside(session: Session) -> str:
    """Return the model that hears the sound beside the session's own, "" as long as none was named."""
    return session.reader.another_model if session.reader is not None else ""


def next_reader(session: Session) -> Reader | None:
    """Return the reader of the next turn; None where nothing is reported of turns, and they are counted instead."""
    spec = session.route.endpoint.reader
    if spec is None or not session.spec.asks:
        return None
    session.reader = session.reader.next() if session.reader is not None else Reader(spec, Framing.JSON)
    return session.reader


async def settle_turn(session: Session, turn: Turn, over: End) -> End:
    """End a turn, and return how it ended. What it used is what the next one has to read again."""
    session.turns.remove(turn)
    call = turn.call
    if turn.under_way or turn.followed.reading().reported:
        call.relay = turn.followed
        keep_context(session, turn)
    ended = await finish(call, over, session.doors)
    session.doors.running.leave(call)
    return ended


def keep_context(session: Session, turn: Turn) -> None:
    """Note what the next turn has to read: what this one has read and written, and what was said meanwhile."""
    bound = session.bound
    usage = turn.followed.reading().usage
    tokens = {unit: int(amount) for unit, amount in usage.items() if unit.endswith("_tokens")}
    heard = bound.sound.reported if bound.sound is not None else ()
    if tokens:
        sound = sum(amount for unit, amount in tokens.items() if unit in heard)
        session.context = Flow(text=sum(tokens.values()) - sound, heard=sound, maximum=turn.read.maximum)
    else:
        session.context = turn.read


def begin(session: Session, turn: Turn) -> None:
    """A turn has begun: what was said until now is what it reads."""
    if not turn.begun:
        turn.begun = True
        turn.call.relay = turn.followed  # from now on what is seen is kept, once a second
        turn.call.marks.head = session.doors.clock.monotonic()
        turn.read = session.context.plus(session.said)
        session.said = Flow(maximum=turn.read.maximum)


async def cover_more(session: Session, turn: Turn) -> None:
    """Raise a turn's hold if more was said than it covers. Raises Refused if that much money is not there."""
    bound, need = session.bound, turn.call.need
    flow = session.context.plus(session.said)
    if session.spec.requests or need is None or turn.begun or flow.within(turn.covered):
        return
    covered = cover(flow, bound)
    wider = estimate_turn(turn.permit, bound, covered, beside(session), date_of(turn.call.started_at))
    more = max(wider.ask.most - turn.held.wallet_nanos, 0)
    raised = await session.doors.ledger.raise_hold(turn.call.id, more, max(wider.cost_most - turn.held.cost_nanos, 0))
    if raised is None:
        refuse(Refusal.BALANCE_EXHAUSTED, f"The balance does not cover more. Top up at {session.doors.top_up_url}.")
    turn.covered, turn.call.need = covered, wider
    turn.held = turn.call.held = raised


async def turn_of(session: Session, heard: Heard, data: bytes) -> Turn | None:
    """Return the turn that a provider's message belongs to; one that it has begun by itself is held now."""
    turns = [turn for turn in session.turns if turn.lane == heard.lane]
    for wanted in ("begun", "asked"):
        for turn in turns:
            if getattr(turn, wanted):
                return turn
    if turns:
        return turns[0]
    reader = next_reader(session)
    if reader is None:
        return None
    reader.frame(data)
    reported = reader.snapshot().reported
    if not (heard.begins or reported):
        return None
    if session.spec.requests:
        _log.warning("session %s: the provider answers what was not asked; it is not metered", session.call.id)
        return None
    try:
        return await take(session, heard.lane, session.opening)
    except Refused:
        if not reported:
            raise
        return await take(session, heard.lane, session.opening, most=False)


async def own_named(session: Session, turn: Turn, known: int) -> None:
    """Record the objects that a message has named."""
    reader = turn.followed.reader
    if reader is None or len(reader.object_ids) <= known:
        return
    own = owner(turn.call, turn.permit, session.doors)
    if own is not None:
        await own(reader.object_ids[known:])


# --- Sessions without turns


async def count_told(session: Session, heard: Heard) -> Refused | None:
    """Take the seconds that the provider tells of. Returns why the session must end."""
    if heard.seconds is None:
        return None
    seconds = Decimal(heard.seconds)
    session.told = seconds if heard.last else max(session.told, seconds)
    try:
        await slice_off(session, last=heard.last)
    except Refused as refused:
        return refused
    return None


async def slice_off(session: Session, *, last: bool = False) -> None:
    """Count what was used since the last call, and settle it when it is enough for one. Raises Refused.

    Then it is sure: what else there was belongs to the next call.
    """
    async with session.taking:
        if not session.turns:
            return
        turn = session.turns[0]
        used = used_since(session)
        enough = any(amount >= step(session, unit) for unit, amount in used.items())
        sure = last or enough or session.bound.characters is not None or not session.spec.told
        turn.followed.count({unit: amount for unit, amount in used.items() if amount}, sure=sure)
        turn.call.relay = turn.followed if turn.followed.counted else None
        if not enough:
            return
        session.counted += max(map(Decimal, used.values()))
        ended = await settle_turn(session, turn, End(Outcome.ANSWERED))
        second = session.bound.sound.bytes_per_second if session.bound.sound is not None else 0
        session.said = Flow(sound_bytes=max(session.sent_bytes - int(session.counted * second), 0))
        if ended.fault is not None:
            raise ended.fault
        if not session.leaving:
            _ = await take(session, "", session.opening)


def used_since(session: Session) -> dict[str, Quantity]:
    """Return what was used since the last call: the caller's characters, or seconds, as told if they ever are."""
    bound = session.bound
    if bound.characters is not None:
        return {bound.characters.unit: session.said.characters}
    if bound.sound is None:
        return {}
    heard = session.told if session.spec.told else Decimal(session.sent_bytes) / bound.sound.bytes_per_second
    return dict.fromkeys((bound.sound.seconds, *bound.sound.added), max(heard - session.counted, Decimal(0)))


def step(session: Session, unit: str) -> int:
    """Return how much of a unit is one call."""
    bound = session.bound
    if bound.characters is not None and unit == bound.characters.unit:
        return bound.characters.step
    return bound.sound.step_s if bound.sound is not None else 1
