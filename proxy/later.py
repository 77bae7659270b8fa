"""The life of work that finishes later: batches, background answers, videos.

Its call was held and answered as any other (`call.py`), but the answer only names an object. From then on

    entrust         the call's hold belongs to that object, before its name is relayed
    look            we ask the provider how it is, now and then (`jobs/later.py` says when)
    observe         or see it in an answer that a caller has asked for
    judge           it runs, is done, or has failed
    gather          what it used stands in the object, or in its results
    price           with the rates and margins that the call was held with
    close           the hold ends and the entry is written, in one transaction, once

The ledger ends a hold once. So it does not matter who sees the end first, we or a caller or both, before a restart or
after it: a call's work is charged once, to the tenant that made it. Work that failed and reports no usage is released.
Work of which nothing can be known is released two days after the provider must have ended it, as exposure.
"""

import logging
from collections.abc import Mapping, Sequence
from enum import Enum
from urllib.parse import quote, unquote

from msgspec import Struct, structs

from proxy.bounds.measures import added, measured, variant
from proxy.clock import MICROS_PER_SECOND
from proxy.doors import Doors
from proxy.errors import LedgerUnavailable, Refusal, Refused, refuse
from proxy.ledger.bill import Bill
from proxy.ledger.call import CallRecord, Ending, Outcome, Receipt
from proxy.ledger.hold import Hold
from proxy.ledger.work import Facts, OpenWork, Work, read_facts, write_facts
from proxy.money import format_usd
from proxy.pricing.formula import Prices
from proxy.providers.endpoint import Endpoint
from proxy.providers.endpoint import fill as parameters_filled
from proxy.providers.integration import Integration
from proxy.providers.json_path import matches
from proxy.providers.later import Fate, Later, Results, fill, named
from proxy.providers.permit import Permit
from proxy.providers.route import Route
from proxy.steps.price_work import Answers
from proxy.store.doors import OwnedObject
from proxy.upstream.door import Answer, Outbound, UpstreamFailed
from proxy.upstream.headers import value_of
from proxy.usage.reader import Reader
from proxy.usage.reading import Reading
from proxy.usage.spec import ReaderSpec
from proxy.waiting import Waited
from proxy.wire.framing import Framing, framing_of

GRACE_S = 48 * 3_600
"""How long after the provider's own deadline work is still waited for."""

UNKNOWN_S = 900.0
"""How long the provider must say that it does not know the work, before we believe it."""

OVERDUE_S = 3_600.0
"""How long work must have been overdue by a clock that does not jump: a wall clock may be wrong for a while."""

LOOK_BYTES_MAX = 16 << 20
PAGES_MAX = 10_000
NOT_THERE = (404, 410)

_log = logging.getLogger("faregate.later")


class Look(Enum):
    """What a look has found, as metrics name it. `UNSEEN`: the provider could not be asked, or did not say."""

    RUNS = "runs"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNSEEN = "unseen"


class Closed(Struct, frozen=True):
    """How work ended: its bill, if there is one, and what became of that."""

    bill: Bill | None
    receipt: Receipt


class Unseen(Exception):
    """The provider could not be asked, or its answer could not be read: to be asked again. `gone`: it has no such."""

    def __init__(self, why: str, *, gone: bool = False) -> None:
        super().__init__(why)
        self.gone = gone


def makes_work(permit: Permit) -> Later | None:
    """Return what a request's route says of the work that it makes; None if it is an ordinary call."""
    later = permit.route.endpoint.later
    if later is None or (later.when is not None and not matches(permit.body, later.when)):
        return None
    return later


async def claim(call: str, permit: Permit, doors: Doors) -> OwnedObject | None:
    """Take the name of work that no answer names, before it is asked for; None for all other work.

    Raises Refused (malformed_request) if it was begun before: a second hold could not belong to the same work.
    """
    later, route = makes_work(permit), permit.route
    if later is None or not later.at:
        return None
    name = parameters_filled(later.at, route.parameters)
    mine = OwnedObject(route.integration.name, name, permit.holder.tenant.id, later.kind, call, doors.clock.now())
    await doors.ledger.own([mine])
    owned = await doors.directory.owned(mine.integration, name)
    if owned is None or owned.call != call:
        refuse(
            Refusal.MALFORMED_REQUEST, f"This {later.kind} was begun before, and can be only once: make another one."
        )
    return mine


async def disclaim(claimed: OwnedObject, doors: Doors) -> None:
    """Give back the name of work that was not begun."""
    try:
        await doors.ledger.disown(claimed.integration, claimed.id)
    except LedgerUnavailable as error:
        _log.warning("%s of %s cannot be begun again: %s", claimed.id, claimed.integration, error)


async def entrust(call: str, permit: Permit, later: Later, objects: Sequence[OwnedObject], doors: Doors) -> Work | None:
    """Let the call's hold belong to the object that its answer names (or that was claimed), before that is relayed;
    None if it names none.

    Returns another call's work if the provider has given the same object to both.
    """
    made = next((each for each in objects if each.kind == later.kind), None)
    if made is None:
        await doors.ledger.own(objects)
        return None
    work = Work(
        call=call,
        tenant=made.tenant,
        integration=made.integration,
        object=made.id,
        kind=made.kind,
        endpoint=permit.route.endpoint.name,
        created_at=made.created_at,
        deadline_at=made.created_at + later.deadline_s * MICROS_PER_SECOND,
        facts=write_facts(facts_said(permit, later, names_of(permit.route, objects))),
    )
    return await doors.ledger.entrust(work, objects)


def names_of(route: Route, objects: Sequence[OwnedObject]) -> dict[str, str]:
    """Return what may stand in the paths that are looked at: what the route's own path names, and the answer."""
    named_here = {name: unquote(value) for name, value in route.parameters.items()}
    return {**named_here, **{each.kind: each.id for each in reversed(objects)}}


def facts_said(permit: Permit, later: Later, names: Mapping[str, str]) -> Facts:
    """Return what the request says of its price: nobody will have it any more when the work is over."""
    bound, rates = permit.route.endpoint.bound, permit.rates
    if bound is None or rates is None:
        return Facts(names, region=permit.region)
    found = measured(permit.body, bound.measures, rates, permit.model) if later.asked else []
    beside = {addon.unit: addon.beside for addon in bound.addons if added(permit.body, (addon,), {addon.beside: 1})}
    tier = variant(permit.body, bound.variants, rates) if bound.variants else None
    return Facts(names, {each.unit: each.quantity for each in found}, beside, tier, permit.region)


def completed(reading: Reading, facts: Facts, fate: Fate) -> Reading:
    """Return what an answer says, with what only the request said: of work that is done, and reports nothing else."""
    usage, reported = reading.usage, reading.reported
    if fate is Fate.DONE and facts.asked and not reported:
        usage, reported = facts.asked, True
    extra = {unit: usage[of] for unit, of in facts.beside.items() if of in usage}
    tier, region = reading.tier or facts.tier, reading.region or facts.region
    return structs.replace(reading, usage={**usage, **extra}, reported=reported, tier=tier, region=region)


async def leave(work: Work, held: Hold, later: Later, reading: Reading | None, doors: Doors) -> Closed | None:
    """The call that made the work is over. Close the work if that is over too, else wait for it."""
    open_work = OpenWork(work, held)
    doors.waiting.add(open_work, doors.clock, later.look_s_most)
    return await observe(open_work, reading, doors) if reading is not None else None


async def observe(open_work: OpenWork, reading: Reading, doors: Doors) -> Closed | None:
    """Close work that an answer to a caller says is over; what stands in results is for us to fetch, and soon."""
    work = open_work.work
    later = rule_of(work, doors)
    fate = later.judge(reading) if later is not None else Fate.RUNS
    if later is None or fate is Fate.RUNS:
        return None
    reading = completed(reading, facts_of(open_work), fate)
    if later.results is not None or (fate is Fate.DONE and not reading.reported):
        doors.waiting.hurry(work.call, doors.clock)
        return None
    try:
        answers = await answers_of(open_work.hold, later, doors)
        answers.add(reading)
        return await close(open_work, fate, answers, doors)
    except LedgerUnavailable:
        doors.waiting.hurry(work.call, doors.clock)
        return None


async def look_after(waited: Waited, doors: Doors) -> Look:
    """Look at one piece of work, and close it if it is over. What goes wrong is for the next look."""
    open_work = waited.open
    later = rule_of(open_work.work, doors)
    if later is None:
        found = Look.UNSEEN
        _tell(
            open_work, "cannot be looked at: its integration is off, or its route is no longer in the provider's file"
        )
    else:
        found = await _look(waited, open_work, later, doors)
    waited.failures = waited.failures + 1 if found in (Look.UNSEEN, Look.UNKNOWN) else 0
    doors.metrics.looks.add(1, open_work.work.integration, found.value)
    return found


async def _look(waited: Waited, open_work: OpenWork, later: Later, doors: Doors) -> Look:
    try:
        reading = await ask(open_work, later.look, later, later.reader, doors)
        fate = later.judge(reading)
        if fate is not Fate.RUNS:
            await finish(open_work, fate, reading, later, doors)
            return Look.DONE if fate is Fate.DONE else Look.FAILED
        waited.unknown_since = None
        await give_up(waited, doors, unknown=False)
        return Look.RUNS
    except Unseen as unseen:
        if waited.failures in (0, 5):
            _tell(open_work, f"was not seen: {unseen}")
        if not unseen.gone:
            return Look.UNSEEN
        await give_up(waited, doors, unknown=True)
        return Look.UNKNOWN


async def give_up(waited: Waited, doors: Doors, *, unknown: bool) -> None:
    """Release work as exposure if the provider no longer knows it, or should have ended it two days ago.

    Both must be found for a while, by a clock that does not jump.
    """
    open_work, now = waited.open, doors.clock.monotonic()
    overdue = doors.clock.now() > open_work.work.deadline_at + GRACE_S * MICROS_PER_SECOND
    if not overdue:
        waited.overdue_since = None
    elif waited.overdue_since is None:
        waited.overdue_since = now
    if unknown and waited.unknown_since is None:
        waited.unknown_since = now
    if waited.overdue_since is not None and now - waited.overdue_since >= OVERDUE_S:
        await close(open_work, Fate.RUNS, None, doors, outcome=Outcome.TIMED_OUT)
    elif unknown and waited.unknown_since is not None and now - waited.unknown_since >= UNKNOWN_S:
        await close(open_work, Fate.RUNS, None, doors, outcome=Outcome.UPSTREAM_FAILED)


async def finish(open_work: OpenWork, fate: Fate, reading: Reading, later: Later, doors: Doors) -> Closed:
    """Gather what work that is over used, and close it. Raises Unseen if the provider does not say it now."""
    work = open_work.work
    await own_named(open_work, reading, doors)
    answers = await answers_of(open_work.hold, later, doors)
    whole = later.results is not None and await gather(open_work, reading, later, later.results, answers, doors)
    if not answers.reported:
        answers.add(completed(reading, facts_of(open_work), fate))
    if not answers.reported and whole:
        fate = Fate.FAILED  # each of its requests did
    if fate is Fate.DONE and not answers.reported:
        raise Unseen(f"{work.integration} says that it is done, but not what it used")
    return await close(open_work, fate, answers, doors)


async def gather(
    open_work: OpenWork, reading: Reading, later: Later, results: Results, answers: Answers, doors: Doors
) -> bool:
    """Read the results of work, answer by answer, page by page; tell whether there were any. Raises Unseen.

    Where the provider names no results, or no longer has them, what the object itself reports has to do.
    """
    path = fill(results.path, {**facts_of(open_work).names, **named(open_work.work.object, reading)})
    page: str | None = ""
    for _ in range(PAGES_MAX):
        if path is None:
            return False
        if page is None:
            return True
        target = f"{path}{'&' if '?' in path else '?'}{results.pages}={quote(page, safe='')}" if page else path
        try:
            last = await ask(open_work, target, later, results.reader, doors, results.framing, answers)
        except Unseen as unseen:
            if unseen.gone and not page:
                return False
            raise
        page = last.next_page or None
    raise Unseen(f"its results have more than {PAGES_MAX} pages")


async def ask(
    open_work: OpenWork,
    path: str,
    later: Later,
    spec: ReaderSpec,
    doors: Doors,
    framing: Framing | None = None,
    answers: Answers | None = None,
) -> Reading:
    """Ask the provider for a path of the work, and read the answer; whole answers in it go to `answers`.

    Raises Unseen.
    """
    work, hold = open_work.work, open_work.hold
    target = fill(path, {**facts_of(open_work).names, "id": work.object}) if "{" in path else path
    if target is None:
        raise Unseen(f"its id cannot stand in {path}", gone=False)
    headers = [*later.headers.items(), ("accept-encoding", "identity")]
    try:
        outbound = Outbound(work.integration, "GET", target, headers, b"", place_of(work, doors))
        answer = await doors.upstream.send(outbound, hold)
        if answer.status >= 300:
            answer.abort()
            raise Unseen(f"{work.integration} answered {answer.status}", gone=answer.status in NOT_THERE)
        return await read(answer, spec, framing, answers)
    except UpstreamFailed as failed:
        raise Unseen(f"{work.integration} could not be asked ({failed.failure.value})") from failed
    except Refused as refused:
        raise Unseen(refused.message) from refused


async def read(answer: Answer, spec: ReaderSpec, framing: Framing | None, answers: Answers | None) -> Reading:
    """Read an answer that we asked for, to its end. Raises Unseen for one that is cut or is not what it should be."""
    declared = framing_of(value_of(answer.headers, "content-type"), False, framing)
    reader = Reader(spec, declared, value_of(answer.headers, "content-encoding") or None)
    size = 0
    while piece := await answer.read():
        reader.feed(piece)
        size += len(piece)
        if answers is None and size > LOOK_BYTES_MAX:
            answer.abort()
            raise Unseen(f"the answer is larger than {LOOK_BYTES_MAX} bytes")
        _take(reader, answers)
    answer.close()
    reading = reader.finish()
    _take(reader, answers)
    if reading.unparsed or not (answer.framed or reading.complete):
        raise Unseen("the answer could not be read to its end")
    return reading


def _take(reader: Reader, answers: Answers | None) -> None:
    if answers is not None:
        for each in reader.take_answers():
            answers.add(each)


async def own_named(open_work: OpenWork, reading: Reading, doors: Doors) -> None:
    """Record what the work has made: files with results belong to the tenant whose work it is."""
    await doors.ledger.own(made_by(open_work.work, reading.object_ids, doors.clock.now()))


def made_by(work: Work, found: Sequence[tuple[str, str]], now: int) -> list[OwnedObject]:
    """Return objects that work has made, as its own call's."""
    return [OwnedObject(work.integration, name, work.tenant, kind, work.call, now) for kind, name in found]


async def answers_of(held: Hold, later: Later, doors: Doors) -> Answers:
    """Return what adds up answers, with the card and the margins that the call was held with."""
    card, margins = await doors.directory.tables(held.rate_card, held.margins)
    return Answers(held, Prices(card, margins, held.tenant, held.integration), later.tier)


async def close(
    open_work: OpenWork, fate: Fate, answers: Answers | None, doors: Doors, *, outcome: Outcome = Outcome.ANSWERED
) -> Closed:
    """End the work's hold: charged if usage was reported, released if it failed without, exposed if nobody knows."""
    held = open_work.hold
    maker = maker_of(open_work.work, doors)
    by_report = maker is not None and maker.charge_by == "reported"
    bill = answers.bill(by_report=by_report) if answers is not None and answers.reported else None
    unseen = bill is None and fate is not Fate.FAILED
    if fate is Fate.FAILED and bill is None:
        outcome = Outcome.UPSTREAM_ERROR
    ending = Ending(record(held, outcome, doors), doors.ids.new("led"), bill, unseen=unseen)
    receipt = await doors.ledger.end(ending)
    doors.waiting.drop(held.call)
    if not receipt.already:
        doors.metrics.count_orphan(ending, receipt, held)
        _tell_end(open_work, ending, receipt)
    return Closed(bill, receipt)


def record(held: Hold, outcome: Outcome, doors: Doors) -> CallRecord:
    """Return what is kept of the call whose work this was."""
    return CallRecord(
        id=held.call,
        tenant=held.tenant,
        key=held.key,
        integration=held.integration,
        endpoint=held.endpoint,
        model=held.model,
        outcome=outcome,
        status=200,
        started_at=held.created_at,
        ended_at=doors.clock.now(),
    )


def rule_of(work: Work, doors: Doors) -> Later | None:
    """Return how to look after work, by the file of its provider as it is now; None if nothing says so any more."""
    endpoint = maker_of(work, doors)
    return endpoint.later if endpoint is not None else None


def place_of(work: Work, doors: Doors) -> str:
    """Return the place of the provider at which the work was made, empty for its usual one."""
    endpoint = maker_of(work, doors)
    return endpoint.service if endpoint is not None else ""


def maker_of(work: Work, doors: Doors) -> Endpoint | None:
    """Return the route that made the work, None if it is there no longer."""
    integration: Integration | None = doors.house.integrations.get(work.integration)
    endpoints = integration.endpoints if integration is not None else ()
    return next((each for each in endpoints if each.name == work.endpoint), None)


def facts_of(open_work: OpenWork) -> Facts:
    """Return what the work's request said."""
    return read_facts(open_work.work.facts)


async def may_delete(route: Route, doors: Doors) -> None:
    """Refuse to delete what tells of work that still runs: nobody would know any more what it used."""
    object_id = route.endpoint.objects.named_by(route.parameters)
    open_work = await doors.directory.work_behind(route.integration.name, object_id)
    if open_work is None:
        return
    waited = Waited(open_work, doors.clock.monotonic())
    if await look_after(waited, doors) in (Look.RUNS, Look.UNSEEN, Look.UNKNOWN):
        refuse(
            Refusal.MALFORMED_REQUEST,
            f"{object_id} belongs to work that is not over, or whose usage could not be read yet. "
            "Cancel it or wait until it is over, then delete it.",
        )


async def resume(doors: Doors) -> int:
    """Take all open work into care again, after a start; return how many pieces there are."""
    found = await doors.directory.open_work()
    for open_work in found:
        later = rule_of(open_work.work, doors)
        doors.waiting.add(open_work, doors.clock, later.look_s_most if later is not None else UNKNOWN_S)
    return len(found)


def _tell(open_work: OpenWork, what: str) -> None:
    work = open_work.work
    _log.warning("%s %s of %s (call %s) %s", work.kind, work.object, work.integration, work.call, what)


def _tell_end(open_work: OpenWork, ending: Ending, receipt: Receipt) -> None:
    work = open_work.work
    facts: Mapping[str, int] = {
        "charged": receipt.paid_nanos,
        "waived": receipt.waived_nanos,
        "exposed": receipt.exposure_nanos,
    }
    told = ", ".join(f"{format_usd(nanos)} USD {name}" for name, nanos in facts.items() if nanos) or "nothing charged"
    _log.info(
        "%s %s of %s (call %s) is over: %s, %s",
        work.kind,
        work.object,
        work.integration,
        work.call,
        ending.record.outcome.value,
        told,
    )
