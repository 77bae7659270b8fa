"""Each way in which a call can end: what the caller is told, what it pays, what is exposed; and the hold is over."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from doubles.acme import DONE, USAGE_FRAME, delta
from doubles.books import StillClock
from doubles.scene import (
    CHARGE,
    COST,
    CUT,
    INPUT_CHARGE,
    INPUT_COST,
    JSON,
    QUESTION,
    SEEN_CHARGE,
    SEEN_COST,
    STREAMED,
    RealBooks,
    Scene,
    WatchedAnswer,
    streamed,
    whole,
)

from proxy import call as life
from proxy.ledger.call import Outcome
from proxy.providers.integration import Policy
from proxy.upstream.door import Failure, Unsent, UpstreamFailed

UNSENT = UpstreamFailed(Failure.UNREACHABLE, sent=False)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """A house with real books. At the end nothing is on hold, and the books are in order."""
    made = await Scene(RealBooks(tmp_path / "books.db", StillClock())).open()
    yield made
    await made.quiet()
    verdict = await made.books.verify()
    assert (verdict.ok, verdict.open_holds, verdict.faults) == (True, 0, ())
    await made.books.close()


@pytest.fixture(autouse=True)
def finished(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls that were finished, each as often as it was."""
    ids: list[str] = []
    finish = life.finish

    async def counted(call: life.Call, *rest: Any) -> None:
        ids.append(call.id)
        await finish(call, *rest)

    monkeypatch.setattr(life, "finish", counted)
    return ids


@dataclass(frozen=True)
class Told:
    """What the caller is told: a status, how the answer ends, a refusal."""

    status: int
    ended: str
    refusal: str = ""


@dataclass(frozen=True)
class Exit:
    """A way in which a call ends: its answer, what happens meanwhile, and what comes of it.

    `charge` is None where there is no entry; `seen` is the cost of what was billed; with `exposed` the rest of the
    hold's cost is exposure.
    """

    outcome: Outcome
    told: Told
    answer: Callable[[], WatchedAnswer | UpstreamFailed] = whole
    charge: int | None = None
    seen: int = 0
    exposed: bool = False
    stream: bool = False
    policy: Any = "drain"
    happens: tuple[str, str] = ("", "")


GONE = Told(0, "")
LEFT = Told(200, "")
EXITS = {
    "answered": Exit(Outcome.ANSWERED, Told(200, "whole"), charge=CHARGE),
    "answered stream": Exit(Outcome.ANSWERED, Told(200, "whole"), streamed, charge=CHARGE, stream=True),
    "answered without usage or output": Exit(
        Outcome.ANSWERED, Told(200, "whole"), lambda: whole(b'{"id": "a"}'), charge=0, exposed=True
    ),
    "answered without usage": Exit(
        Outcome.ANSWERED,
        Told(200, "whole"),
        lambda: streamed(delta("hello"), DONE),
        charge=SEEN_CHARGE,
        seen=SEEN_COST,
        exposed=True,
        stream=True,
    ),
    "error of the provider": Exit(
        Outcome.UPSTREAM_ERROR, Told(500, "whole"), lambda: whole(b'{"error": "mine"}', status=500)
    ),
    "our key refused": Exit(
        Outcome.UPSTREAM_ERROR, Told(502, "whole", "upstream_auth"), lambda: whole(b"{}", status=401)
    ),
    "unreachable": Exit(Outcome.UPSTREAM_FAILED, Told(502, "whole", "upstream_unreachable"), lambda: UNSENT),
    "disconnected": Exit(
        Outcome.UPSTREAM_FAILED,
        Told(502, "whole", "upstream_unreachable"),
        lambda: UpstreamFailed(Failure.DISCONNECTED, sent=True),
        exposed=True,
    ),
    "no answer": Exit(
        Outcome.UPSTREAM_FAILED,
        Told(504, "whole", "upstream_timeout"),
        lambda: UpstreamFailed(Failure.NO_ANSWER, sent=True),
        exposed=True,
    ),
    "cut before anything was relayed": Exit(
        Outcome.UPSTREAM_CUT, Told(502, "whole", "upstream_unreachable"), lambda: whole(JSON[:60], CUT), exposed=True
    ),
    "cut": Exit(
        Outcome.UPSTREAM_CUT,
        Told(200, "cut", "upstream_unreachable"),
        lambda: streamed(delta("hello"), CUT),
        charge=SEEN_CHARGE,
        seen=SEEN_COST,
        exposed=True,
        stream=True,
    ),
    "ended in good form without its end": Exit(
        Outcome.UPSTREAM_CUT,
        Told(200, "cut", "upstream_unreachable"),
        lambda: streamed(delta("hello")),
        charge=SEEN_CHARGE,
        seen=SEEN_COST,
        exposed=True,
        stream=True,
    ),
    "cut after its usage": Exit(
        Outcome.UPSTREAM_CUT,
        Told(200, "cut", "upstream_unreachable"),
        lambda: streamed(delta("hello"), USAGE_FRAME, CUT),
        charge=CHARGE,
        stream=True,
    ),
    "stalled": Exit(
        Outcome.UPSTREAM_CUT,
        Told(200, "cut", "upstream_timeout"),
        lambda: streamed(delta("hello"), UpstreamFailed(Failure.STALLED, sent=True)),
        charge=SEEN_CHARGE,
        seen=SEEN_COST,
        exposed=True,
        stream=True,
    ),
    "too old before its head": Exit(
        Outcome.TIMED_OUT, Told(504, "whole", "upstream_timeout"), exposed=True, happens=("head", "age")
    ),
    "too old": Exit(
        Outcome.TIMED_OUT,
        Told(200, "cut", "upstream_timeout"),
        streamed,
        charge=SEEN_CHARGE,
        seen=SEEN_COST,
        exposed=True,
        stream=True,
        happens=("write", "age"),
    ),
    "gone before the hold": Exit(Outcome.CALLER_GONE, GONE, happens=("hold", "hang up")),
    "gone before it was sent": Exit(Outcome.CALLER_GONE, GONE, happens=("held", "hang up")),
    "gone before it was sent, abort": Exit(Outcome.CALLER_GONE, GONE, policy="abort", happens=("held", "hang up")),
    "gone before the head, drain": Exit(Outcome.CALLER_GONE, GONE, charge=CHARGE, happens=("head", "hang up")),
    "gone before the head, abort": Exit(
        Outcome.CALLER_GONE,
        GONE,
        charge=INPUT_CHARGE,
        seen=INPUT_COST,
        exposed=True,
        policy="abort",
        happens=("head", "hang up"),
    ),
    "gone, drain": Exit(Outcome.CALLER_GONE, LEFT, streamed, charge=CHARGE, stream=True, happens=("write", "hang up")),
    "gone, drain, cut": Exit(
        Outcome.UPSTREAM_CUT,
        Told(200, "cut", "upstream_unreachable"),
        lambda: streamed(delta("hello"), CUT),
        charge=SEEN_CHARGE,
        seen=SEEN_COST,
        exposed=True,
        stream=True,
        happens=("write", "hang up"),
    ),
    "gone, abort": Exit(
        Outcome.CALLER_GONE,
        LEFT,
        streamed,
        charge=SEEN_CHARGE,
        seen=SEEN_COST,
        exposed=True,
        stream=True,
        policy="abort",
        happens=("write", "hang up"),
    ),
    "gone, estimate": Exit(
        Outcome.CALLER_GONE,
        LEFT,
        streamed,
        charge=SEEN_CHARGE,
        seen=SEEN_COST,
        exposed=True,
        stream=True,
        policy="estimate",
        happens=("write", "hang up"),
    ),
    "gone while it is settled, abort": Exit(
        Outcome.ANSWERED, GONE, charge=CHARGE, policy="abort", happens=("end", "hang up")
    ),
    "stopped while it is held": Exit(Outcome.STOPPED, Told(503, "whole", "draining"), happens=("held", "stop")),
    "stopped before its head": Exit(
        Outcome.STOPPED, Told(503, "whole", "draining"), exposed=True, happens=("head", "stop")
    ),
    "stopped": Exit(
        Outcome.STOPPED,
        Told(200, "cut", "draining"),
        streamed,
        charge=SEEN_CHARGE,
        seen=SEEN_COST,
        exposed=True,
        stream=True,
        happens=("write", "stop"),
    ),
    "stopped while it is settled": Exit(Outcome.ANSWERED, Told(200, "whole"), charge=CHARGE, happens=("end", "stop")),
}


def happening(scene: Scene, what: str) -> Callable[[], Awaitable[None]]:
    """Return what the world does at a step of the call, once; an interruption strikes where the call waits next."""

    async def happen() -> None:
        scene.trail.at.clear()
        call = scene.running_call
        match what:
            case "hang up":
                scene.sink.hang_up()
            case "stop":
                scene.running.interrupt(call, Outcome.STOPPED)
            case "age":
                scene.clock.seconds += scene.doors.call_age_s_max + 1
                life.watch(call, scene.doors)
        await asyncio.sleep(0)

    return happen


@pytest.mark.parametrize("name", EXITS)
async def test_each_end(tmp_path: Path, finished: list[str], name: str) -> None:
    way = EXITS[name]
    scene = await Scene(RealBooks(tmp_path / "books.db", StillClock()), policy=Policy(way.policy)).open()
    step, what = way.happens
    if step:
        scene.trail.at[step] = happening(scene, what)
    sink = await scene.played(way.answer(), body=STREAMED if way.stream else QUESTION)
    [held] = scene.books.holds_made
    [(_, receipt)] = scene.books.endings
    exposure = held.cost_nanos - way.seen if way.exposed else 0
    assert finished == [held.call]
    assert await scene.money() == (way.charge or 0, 0, int(way.charge is not None), exposure)
    assert (receipt.paid_nanos, receipt.shortfall_nanos, receipt.already) == (way.charge or 0, 0, False)
    assert all(each.at_most for each in await scene.books.exposures(10))
    record = await scene.record()
    assert record.outcome is way.outcome
    assert (sink.status, sink.ended) == (way.told.status, way.told.ended)
    assert record.refusal == way.told.refusal
    if way.told.ended == "whole":
        assert record.status == sink.status
        assert dict(sink.headers).get("faregate-refusal", "") == way.told.refusal
    assert all(answer.closed or answer.aborted for answer in scene.upstream.handed), "a connection is left open"
    verdict = await scene.books.verify()
    assert (verdict.ok, verdict.open_holds) == (True, 0)
    await scene.books.close()


async def test_a_stream_that_breaks_off_says_why_as_its_provider_would(scene: Scene) -> None:
    sink = await scene.played(streamed(delta("hello"), CUT), body=STREAMED)
    told = json.loads(sink.pieces[-1].removeprefix(b"data: "))
    assert told["error"] == {
        "message": "The provider's answer broke off.",
        "code": "upstream_unreachable",
        "call": scene.books.holds_made[0].call,
    }


async def test_an_error_that_reports_usage_costs_its_tenant_nothing_and_is_exposed(tmp_path: Path) -> None:
    scene = await Scene(RealBooks(tmp_path / "books.db", StillClock())).open()
    for body in (QUESTION, STREAMED):
        sink = await scene.played(whole(JSON, status=500), body=body)
        assert (sink.status, sink.sent) == (500, JSON)
    assert await scene.money() == (0, 0, 0, 2 * COST)
    assert not any(each.at_most for each in await scene.books.exposures(10))


async def test_who_leaves_before_anything_was_sent_pays_nothing_whatever_the_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = await Scene(RealBooks(tmp_path / "books.db", StillClock()), policy=Policy("abort")).open()

    async def connecting(*_: Any) -> None:
        try:
            await happening(scene, "hang up")()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise Unsent from None

    monkeypatch.setattr(scene.upstream, "send", connecting)
    await scene.played(whole(JSON))
    assert await scene.money() == (0, 0, 0, 0)
    assert (await scene.record()).outcome is Outcome.CALLER_GONE
