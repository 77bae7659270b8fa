"""The life of a call, from its first byte to its last.

    accept          which integration and endpoint is this?
    authenticate    whose key is it?
    authorize       may it? is the model priced, are the objects its own?
    estimate        what is the most that it can cost?
    hold            reserve that, durably
    invoke          send the same bytes with our credentials
    meter           relay the answer, read its usage from a copy
    price           usage x rate x margin
    settle          end the hold, write the entry, in one transaction
    answer          and only then the last byte

Work that finishes later (`later.py`) leaves with an answer that only names it: its hold goes on, and ends with it.

Nothing before `hold` leaves a trace, so whoever is refused there was never charged. From `hold` on the call is seen
through even if its caller leaves, and `finish` is the only way in which it ends, whatever happens: end of stream,
caller gone, provider gone, time up, shutdown, or a fault of ours.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from msgspec import Struct, structs

from proxy import later
from proxy.bounds.asking import Need
from proxy.calls.head import Head
from proxy.calls.sink import Sink
from proxy.clock import date_of
from proxy.doors import Doors
from proxy.errors import LedgerUnavailable, Refusal, Refused
from proxy.ledger.bill import Bill, write_bill
from proxy.ledger.call import CallRecord, Ending, Outcome, Receipt
from proxy.ledger.hold import Hold
from proxy.ledger.work import OpenWork, Work
from proxy.metrics import Metrics
from proxy.providers.envelope import Envelope
from proxy.providers.json_path import matches
from proxy.providers.permit import FreeRoute, Permit
from proxy.providers.route import Address, Route
from proxy.steps.accept import accept, locate
from proxy.steps.answer import PLAIN, charge_headers, refuse_call
from proxy.steps.authenticate import authenticate
from proxy.steps.authorize import admit_holder, authorize, free_token
from proxy.steps.estimate import estimate
from proxy.steps.hold import hold
from proxy.steps.invoke import invoke
from proxy.steps.meter import Own, begin_relay
from proxy.steps.price import price_call
from proxy.steps.settle import insist, settle
from proxy.steps.survey import survey
from proxy.store.doors import OwnedObject
from proxy.tenants.key import KeyHolder
from proxy.upstream.door import Failure, Headers, Unsent, UpstreamFailed
from proxy.usage.certainty import Certainty
from proxy.usage.reading import Reading
from proxy.watching.report import CallReport, Marks, usual
from proxy.wire.framing import Framing

_log = logging.getLogger("faregate.call")


class Relayed(Protocol):
    """An answer on its way through, as the end of a call sees it."""

    status: int
    framing: Framing

    def reading(self) -> Reading:
        """Return what was read of the answer, now that no more will come."""
        ...

    def news(self) -> Reading | None:
        """Return what was seen so far if that is more than at the last asking."""
        ...

    async def complete(self, charge: Headers) -> None:
        """Send what was kept until now, and the end."""
        ...

    async def break_off(self, event: bytes) -> None:
        """End an answer that failed."""
        ...

    def drop_kept(self) -> None:
        """Let go of what is kept."""
        ...


class Call:
    """What is known of one call so far. Each step fills in its part. `session` is the call that it is a turn of."""

    session = ""

    def __init__(self, call_id: str, head: Head, sink: Sink, started_at: int, began: float) -> None:
        self.id = call_id
        self.head = head
        self.sink = sink
        self.started_at = started_at
        self.began = began
        self.marks = Marks(began)
        self.address: Address | None = None
        self.route: Route | None = None
        self.holder: KeyHolder | None = None
        self.permit: Permit | None = None
        self.need: Need | None = None
        self.interruptible = False
        self.held: Hold | None = None
        self.relay: Relayed | None = None
        self.lot = ""
        self.work: Work | None = None
        self.observed: OpenWork | None = None
        self.claimed: OwnedObject | None = None


class End(Struct, frozen=True):
    """How a call ended. `fault` is what the caller is told, if anything went wrong. `unseen` tells that the provider
    was sent the call and may bill more than we saw.
    """

    outcome: Outcome
    fault: Refused | None = None
    unseen: bool = False


def broken() -> End:
    """Return how a call ends that a fault of ours has stopped."""
    return End(Outcome.STOPPED, Refused(Refusal.INTERNAL_ERROR, "Faregate failed on this call."), unseen=True)


async def serve(head: Head, sink: Sink, doors: Doors) -> None:
    """Carry one call. Returns when the caller has its answer; if the caller leaves first, the call is seen through."""
    call = Call(doors.ids.new("call"), head, sink, doors.clock.now(), doors.clock.monotonic())
    try:
        if doors.running.draining:
            raise Refused(Refusal.DRAINING, "This server is shutting down. Try again.")
        call.address = locate(head, doors.house)
        call.route = accept(head, call.address)
        call.holder = await authenticate(head, call.route, doors.directory, doors.clock, doors.house.trusted_proxies)
        admit_holder(call.route, call.holder)
        body = await sink.read_body()
        call.permit = await authorize(call.route, call.holder, body, doors.directory, call.head)
        if call.route.endpoint.many is not None:
            surveyed = await survey(head, call.permit, doors.directory, date_of(call.started_at))
            call.permit, call.need, call.lot = surveyed.permit, surveyed.need, surveyed.lot
        elif not call.route.endpoint.free:
            call.need = estimate(call.permit, date_of(call.started_at))
        if call.route.endpoint.objects.deletes:
            await later.may_delete(call.route, doors)
        if call.route.endpoint.later is not None:
            call.claimed = await later.claim(call.id, call.permit, doors)
    except Refused as refused:
        _ = await finish(call, End(Outcome.REFUSED, refused), doors)
        return
    except LedgerUnavailable:
        unread = Refused(Refusal.LEDGER_UNAVAILABLE, "The ledger cannot be read now, so the call was not sent.")
        _ = await finish(call, End(Outcome.REFUSED, unread), doors)
        return
    except Exception:  # noqa: BLE001  # whatever broke in us, the caller is told so in its provider's words
        _log.exception("call %s failed", call.id)
        _ = await finish(call, broken(), doors)
        return
    sink.when_gone(partial(caller_left, call, call.route, doors))
    doors.running.enter(call)
    try:
        await carry(call, call.permit, doors)
    finally:
        doors.running.leave(call)


async def carry(call: Call, permit: Permit, doors: Doors) -> None:
    """See a call through, from its hold to its last byte, and turn every way in which that can end into `finish`.

    A caller who leaves does not end it; `Running.interrupt` does, once: by policy, by age, or at a stop.
    """
    try:
        leave = await take_leave(call, permit, doors)
        call.interruptible = True  # from here on; an interruption that came before is seen by `attempt`
        end = await attempt(call, permit, leave, doors)
    except Refused as refused:
        end = End(Outcome.REFUSED if call.held is None else Outcome.UPSTREAM_ERROR, refused)
    except UpstreamFailed as failed:
        end = failure(call, failed)
    except LedgerUnavailable:
        end = End(Outcome.STOPPED, Refused(Refusal.LEDGER_UNAVAILABLE, "The ledger cannot be written."), unseen=True)
    except asyncio.CancelledError as cancelled:
        end = interrupted(doors.running.acknowledge(call), unseen=not isinstance(cancelled, Unsent))
    except Exception:  # noqa: BLE001  # whatever broke in us, the money on hold must still find its end
        _log.exception("call %s failed", call.id)
        end = broken()
    call.interruptible = False  # nothing may stop the end of a call
    _ = await finish(call, end, doors)


async def take_leave(call: Call, permit: Permit, doors: Doors) -> Hold | FreeRoute:
    """Hold the call's worst case, or establish that its route is free: either is the leave to send."""
    if call.need is None:
        return free_token(permit)
    # Not interruptible: a hold that may have been committed must be known.
    call.marks.asked = doors.clock.monotonic()
    call.held = await hold(call.id, permit, call.need, doors.ledger, call.started_at, doors.top_up_url)
    return call.held


async def attempt(call: Call, permit: Permit, leave: Hold | FreeRoute, doors: Doors) -> End:
    """Invoke and meter, unless nobody waits for it any more."""
    why = Outcome.CALLER_GONE if gone(call) else doors.running.why(call)
    if why is not None:
        return interrupted(why, unseen=False)
    if permit.route.endpoint.objects.tells:
        integration, object_id = permit.route.integration.name, object_of(permit.route)
        call.observed = await doors.directory.work_behind(integration, object_id)
    sent = call.marks.sent = doors.clock.monotonic()
    doors.metrics.overhead.observe(sent - call.began)
    invoked = await invoke(call.head, permit, leave, call.need, doors.upstream, doors.ledger, doors.refusing)
    head = call.marks.head = doors.clock.monotonic()
    doors.metrics.ttfb.observe(head - sent, permit.route.integration.name)
    own = owner(call, permit, doors)
    if own is not None and call.claimed is not None and invoked.answer.status < 400:
        await own([(call.claimed.kind, call.claimed.id)])
    call.relay = relay = begin_relay(
        call.id, permit, invoked.answer, invoked.splices, call.sink, doors.shared, doors.clock, own
    )
    await relay.run()
    if invoked.answer.status >= 400:
        return End(Outcome.UPSTREAM_ERROR)
    if not relay.whole:
        raise UpstreamFailed(Failure.CUT, sent=True)
    if gone(call):
        return End(Outcome.CALLER_GONE)
    return End(Outcome.FREE if call.need is None else Outcome.ANSWERED)


async def finish(call: Call, end: End, doors: Doors) -> End:
    """End the call: price what was seen, settle it, and only then let the last byte go. Returns how it ended."""
    bill, receipt = None, None
    if call.claimed is not None and call.work is None and not end.unseen:
        await later.disclaim(call.claimed, doors)
    if call.work is not None and call.work.call == call.id:
        closed = await leave_work(call, call.work, doors)
        bill, receipt = (closed.bill, closed.receipt) if closed is not None else (None, None)
    elif call.held is not None and call.permit is not None:
        ending_at, exposed = doors.clock.monotonic(), 0
        call.marks.ending = ending_at
        try:
            bill = bill_of(call, call.permit, call.held, end)
            if call.relay is not None and call.relay.status >= 400:
                exposed = billed_error(call.permit, call.held, call.relay)
        except Exception:  # noqa: BLE001  # a bill that cannot be made must not keep the hold from ending
            _log.exception("call %s cannot be priced", call.id)
            end = broken()
        unsure = call.work is None and unseen(end, bill)
        ending = Ending(record_of(call, end, doors), doors.ids.new("led"), bill, exposed=exposed, unseen=unsure)
        try:
            receipt = await settle(ending, doors.ledger, doors.journal, doors.tasks, doors.metrics.count_late)
            if receipt is None:
                doors.metrics.journalled.add(1)
        except LedgerUnavailable:
            unproven = Refused(Refusal.LEDGER_UNAVAILABLE, "The call could not be recorded, so it is not answered.")
            end = End(Outcome.STOPPED, unproven)
            ending = untold(call, end, ending, doors)
            bill = ending.bill
            _ = doors.tasks.start(insist(ending, doors.ledger, doors.journal, doors.metrics.count_late), name="settle")
        except Exception:  # noqa: BLE001  # whatever broke in us, an answer that was not settled must not look whole
            _log.exception("call %s cannot be settled", call.id)
            end = broken()
        settled_at = call.marks.settled = doors.clock.monotonic()
        doors.metrics.lag.observe(settled_at - ending_at)
    elif call.holder is not None:
        doors.ledger.record(record_of(call, end, doors))
        if call.observed is not None:
            closed = await leave_work(call, call.observed.work, doors)
            bill, receipt = (closed.bill, closed.receipt) if closed is not None else (None, None)
    count(call, end, bill, receipt, doors.metrics)
    try:
        await answer(call, end, bill, receipt, doors)
    finally:
        tell(call, end, bill, receipt, doors)
    return end


async def answer(call: Call, end: End, bill: Bill | None, receipt: Receipt | None, doors: Doors) -> None:
    """Send what the caller is still owed: the end of its answer, or why there is none."""
    relay, route = call.relay, call.route
    envelope = envelope_of(call)
    if end.fault is None and relay is not None and not end.unseen:
        if route is not None and route.endpoint.objects.deletes and relay.status < 400:
            await forget(route, doors)
        await relay.complete(charge_headers(bill, receipt))
        return
    if end.fault is not None and relay is not None and call.sink.started:
        await relay.break_off(envelope.event(end.fault, call.id, relay.framing))
    elif end.fault is not None:
        await refuse_call(call.sink, end.fault, envelope, call.id)
    if relay is not None:
        relay.drop_kept()


def envelope_of(call: Call) -> Envelope:
    """Return the shape of what goes wrong: the route's, its integration's, or ours where neither is known."""
    if call.route is not None and call.route.endpoint.envelope is not None:
        return call.route.endpoint.envelope
    return call.address.integration.envelope if call.address is not None else PLAIN


async def leave_work(call: Call, work: Work, doors: Doors) -> later.Closed | None:
    """Hand over the work that a call has made or has asked about; if it is seen to be over, it is closed at once."""
    relay = call.relay
    reading = relay.reading() if relay is not None and relay.status < 400 else None
    try:
        if call.observed is not None:
            return await later.observe(call.observed, reading, doors) if reading is not None else None
        if call.held is not None and call.route is not None and call.route.endpoint.later is not None:
            return await later.leave(work, call.held, call.route.endpoint.later, reading, doors)
    except Exception:  # noqa: BLE001  # whatever broke in us, the work is looked at again, and the answer goes out
        _log.exception("the work %s of call %s cannot be closed now", work.object, work.call)
    return None


async def forget(route: Route, doors: Doors) -> None:
    """Forget an object that was deleted. If that fails it keeps its owner, and the provider says that it is gone."""
    try:
        await doors.ledger.disown(route.integration.name, object_of(route))
    except LedgerUnavailable as error:
        _log.warning("a deleted object of %s keeps its owner: %s", route.integration.name, error)


def object_of(route: Route) -> str:
    """Return the id of the object that a route names."""
    return route.endpoint.objects.named_by(route.parameters)


def bill_of(call: Call, permit: Permit, held: Hold, end: End) -> Bill | None:
    """Price what was seen of the answer; None if there is nothing that a tenant could be asked for."""
    relay = call.relay
    if call.work is not None:
        return None  # what it named is another call's work, and paid for there
    stopped = end.outcome is Outcome.CALLER_GONE and end.unseen
    if relay is None:
        return price_call(permit, held, None, input_at_least=True) if stopped else None
    if relay.status >= 400:
        return None
    reading = relay.reading()
    if end.fault is not None and not call.sink.started:
        return None  # the caller is told of an error instead, and errors cost nothing
    return price_call(permit, held, reading, input_at_least=stopped)


def billed_error(permit: Permit, held: Hold, relay: Relayed) -> int:
    """Return what an error costs whose provider reports usage with it. No tenant is charged for errors."""
    reading = relay.reading()
    return price_call(permit, held, reading).upstream_cost_nanos if reading.reported else 0


def untold(call: Call, end: End, ending: Ending, doors: Doors) -> Ending:
    """Return how a call ends whose answer stays unsaid: nobody pays for what only we have seen."""
    if call.sink.started or ending.bill is None:
        return ending
    cost = ending.bill.upstream_cost_nanos
    return structs.replace(ending, record=record_of(call, end, doors), bill=None, exposed=max(ending.exposed, cost))


def unseen(end: End, bill: Bill | None) -> bool:
    """Tell whether the provider may bill more than was priced: it may, unless it has said itself what it bills."""
    if bill is None:
        return end.unseen
    return bill.certainty is not Certainty.EXACT and (end.unseen or not bill.by_report)


def gone(call: Call) -> bool:
    """Tell whether the caller has hung up by now."""
    return call.sink.gone


def watch(call: Call, doors: Doors) -> None:
    """Look after a running call, once a second: stop it if it is too old, keep what was seen if that is news."""
    if doors.clock.monotonic() - call.began > doors.call_age_s_max:
        doors.running.interrupt(call, Outcome.TIMED_OUT)
    if call.held is None or call.relay is None or call.permit is None or call.work is not None:
        return
    news = call.relay.news()
    if news is None:
        return
    try:
        evidence = write_bill(price_call(call.permit, call.held, news))
    except Exception:  # noqa: BLE001  # one call that cannot be priced must not keep the others from being kept
        _log.exception("call %s cannot be priced", call.id)
        return
    doors.ledger.checkpoint(call.id, evidence)


def owner(call: Call, permit: Permit, doors: Doors) -> Own | None:
    """Return what records the objects that this answer makes, before their names are relayed; None if it makes none.

    Work that finishes later takes the call's hold with it. What an answer about such work names, the work has made.
    """
    rule = permit.route.endpoint.objects
    makes = later.makes_work(permit)
    kept = rule.creates and not (rule.unless is not None and matches(permit.body, rule.unless))
    if not kept and makes is None:
        return None
    integration, tenant = permit.route.integration.name, permit.holder.tenant.id

    async def own(found: Sequence[tuple[str, str]]) -> None:
        now = doors.clock.now()
        if call.observed is not None:
            await doors.ledger.own(later.made_by(call.observed.work, found, now))
            return
        objects = [OwnedObject(integration, name, tenant, kind, call.id, now, None, call.lot) for kind, name in found]
        if makes is None or call.work is not None:
            await doors.ledger.own(objects)
        else:
            call.work = await later.entrust(call.id, permit, makes, objects, doors)

    return own


def caller_left(call: Call, route: Route, doors: Doors) -> None:
    """The caller hung up: by policy its answer is read on to the usage (drain), or stopped where it is."""
    if route.integration.policy.on_disconnect != "drain":
        doors.running.interrupt(call, Outcome.CALLER_GONE)


def interrupted(why: Outcome, *, unseen: bool) -> End:
    """Say how a call ends that was interrupted; a caller who left is told nothing."""
    told = Refused(Refusal.DRAINING, "The call was stopped before its end.")
    if why is Outcome.TIMED_OUT:
        told = Refused(Refusal.UPSTREAM_TIMEOUT, "The call reached its maximum age and was stopped.")
    return End(why, None if why is Outcome.CALLER_GONE else told, unseen)


def failure(call: Call, failed: UpstreamFailed) -> End:
    """Say how an upstream that failed ends the call."""
    if failed.failure in (Failure.NO_ANSWER, Failure.STALLED):
        told = Refused(Refusal.UPSTREAM_TIMEOUT, "The provider stopped answering.")
    elif call.relay is None:
        told = Refused(Refusal.UPSTREAM_UNREACHABLE, "The provider could not be reached.")
    else:
        told = Refused(Refusal.UPSTREAM_UNREACHABLE, "The provider's answer broke off.")
    outcome = Outcome.UPSTREAM_FAILED if call.relay is None else Outcome.UPSTREAM_CUT
    return End(outcome, told, unseen=failed.sent)


def record_of(call: Call, end: End, doors: Doors) -> CallRecord:
    """Return what is kept of the call: never a prompt, never an answer."""
    holder, route = call.holder, call.route
    refusal = end.fault.refusal if end.fault is not None else None
    status = call.relay.status if call.relay is not None else 0
    return CallRecord(
        id=call.id,
        tenant=holder.tenant.id if holder is not None else "",
        key=holder.key.id if holder is not None else "",
        integration=route.integration.name if route is not None else "",
        endpoint=route.endpoint.name if route is not None else "",
        model=call.permit.model if call.permit is not None else "",
        outcome=end.outcome,
        status=refusal.status if refusal is not None and not call.sink.started else status,
        started_at=call.started_at,
        ended_at=doors.clock.now(),
        refusal=refusal.code if refusal is not None else "",
        session=call.session,
    )


def count(call: Call, end: End, bill: Bill | None, receipt: Receipt | None, metrics: Metrics) -> None:
    """Tell Prometheus."""
    if end.fault is not None:
        metrics.refusals.add(1, end.fault.refusal.code)
    if call.route is None or (call.work is not None and call.work.call == call.id):
        return  # work that finishes later is counted when it is over
    integration, endpoint = call.route.integration.name, call.route.endpoint.name
    metrics.calls.add(1, integration, endpoint, end.outcome.value)
    if call.relay is not None and call.relay.reading().invalid:
        metrics.invalid.add(1, integration)
    if receipt is not None and call.held is not None:
        metrics.count_receipt(integration, end.outcome.value, receipt)
    if bill is not None and call.held is not None:
        metrics.count_bill(bill, call.held)


def tell(call: Call, end: End, bill: Bill | None, receipt: Receipt | None, doors: Doors) -> None:
    """Tell whoever watches, once the caller has its answer. What they do with it can harm no call."""
    if not doors.watchers.anybody:
        return
    as_usual = usual(end.outcome, call.held, bill, receipt) or (call.work is not None and end.fault is None)
    watchers = doors.watchers.of(usual=as_usual)
    if not watchers:
        return
    report = report_of(call, end, bill, receipt, doors)
    for watcher in watchers:
        try:
            watcher.ended(report)
        except Exception:  # noqa: BLE001  # who only watches must not harm a call, whatever is wrong with him
            _log.exception("a watcher of call %s failed", call.id)


def report_of(call: Call, end: End, bill: Bill | None, receipt: Receipt | None, doors: Doors) -> CallReport:
    """Return what may be told of a call: no header but those that name its trace, no query, no body."""
    route = call.route
    call.marks.over = doors.clock.monotonic()
    return CallReport(
        record=record_of(call, end, doors),
        marks=call.marks,
        method=call.head.method,
        template=route.endpoint.template.text if route is not None else "",
        origin=route.integration.origin if route is not None else "",
        streamed=call.permit.streamed if call.permit is not None else False,
        hold=call.held,
        bill=bill,
        receipt=receipt,
        traceparent=call.head.value("traceparent"),
        tracestate=call.head.value("tracestate"),
    )
