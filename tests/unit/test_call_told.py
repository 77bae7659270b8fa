"""What is told of a call at its end: once, truly, only to who wants to know, and nothing that is secret."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from doubles.books import StillClock
from doubles.scene import CHARGE, CUT, KEY, QUESTION, STREAMED, RealBooks, Scene, asked, delta, streamed, whole
from msgspec import json, structs

from proxy.ledger.call import Outcome
from proxy.watching.report import CallReport, Watchers

TRACE = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")


class Heard:
    """Somebody who is told."""

    def __init__(self) -> None:
        self.reports: list[CallReport] = []

    def ended(self, report: CallReport) -> None:
        self.reports.append(report)


class Deaf:
    """Somebody who fails."""

    def ended(self, report: CallReport) -> None:
        raise ArithmeticError("a bug")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = await Scene(RealBooks(tmp_path / "books.db", StillClock())).open()
    yield made
    await made.quiet()
    await made.books.close()


def listening(scene: Scene) -> tuple[Heard, Heard]:
    """Let two listen: one to every call, one to problems."""
    every, problems = Heard(), Heard()
    scene.doors = structs.replace(scene.doors, watchers=Watchers((every,), (problems,)))
    return every, problems


async def test_an_answered_call_is_told_once_to_who_wants_all(scene: Scene) -> None:
    every, problems = listening(scene)
    await scene.played(whole(), head=asked("/acme/v1/chat", TRACE))
    [report] = every.reports
    assert problems.reports == []
    assert report.record == await scene.record()
    assert (report.method, report.template, report.streamed) == ("POST", "/v1/chat", False)
    assert report.origin == "http://acme.test"
    assert report.hold is scene.books.holds_made[0]
    assert report.receipt is not None
    assert report.receipt.paid_nanos == CHARGE
    assert report.bill is not None
    assert report.traceparent == TRACE[1]


async def test_the_steps_are_marked_in_order(scene: Scene) -> None:
    every, _ = listening(scene)

    def tick(_: int) -> None:
        scene.clock.seconds += 1.0

    scene.trail.at_each = tick
    await scene.played(streamed(), body=STREAMED)
    [report] = every.reports
    marks = report.marks
    assert marks.began < marks.asked < marks.sent < marks.head < marks.ending < marks.settled <= marks.over
    assert report.streamed
    assert report.seconds == marks.over - marks.began


async def test_it_is_told_after_the_caller_has_its_answer(scene: Scene) -> None:
    every, _ = listening(scene)
    told: list[int] = []

    async def look() -> None:
        told.append(len(every.reports))

    scene.trail.at["answer"] = look
    await scene.played(whole())
    assert (told, len(every.reports)) == ([0], 1)


async def test_a_broken_stream_is_a_problem(scene: Scene) -> None:
    every, problems = listening(scene)
    await scene.played(streamed(delta("hello"), CUT), body=STREAMED)
    assert [report.record.outcome for report in problems.reports] == [Outcome.UPSTREAM_CUT]
    assert every.reports == problems.reports


async def test_a_call_of_nobody_known_is_told_too(scene: Scene) -> None:
    _, problems = listening(scene)
    await scene.played(head=asked(key=None))
    await scene.played(head=asked("/nowhere/v1/chat"))
    first, second = problems.reports
    assert (first.record.refusal, first.record.tenant, first.template) == ("invalid_key", "", "/v1/chat")
    assert (second.record.refusal, second.record.integration, second.template) == ("unknown_integration", "", "")
    assert first.hold is second.hold is None
    assert first.marks.asked == second.marks.sent == 0


async def test_a_free_call_is_no_problem(scene: Scene) -> None:
    every, problems = listening(scene)
    await scene.played(whole(b"[]"), head=asked("/acme/v1/models", method="GET"), body=b"")
    assert [report.record.outcome for report in every.reports] == [Outcome.FREE]
    assert problems.reports == []


async def test_a_watcher_that_fails_harms_no_call(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    every = Heard()
    scene.doors = structs.replace(scene.doors, watchers=Watchers((Deaf(), every)))
    sink = await scene.played(whole())
    assert (sink.status, sink.ended, len(every.reports)) == (200, "whole", 1)
    assert "a watcher of call" in caplog.text


async def test_without_watchers_nothing_is_made(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.call.usual", lambda *_: pytest.fail("it was asked"))
    monkeypatch.setattr("proxy.call.report_of", lambda *_: pytest.fail("it was made"))
    assert (await scene.played(whole())).status == 200


async def test_who_wants_problems_only_costs_a_usual_call_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.doors = structs.replace(scene.doors, watchers=Watchers(problems=(Heard(),)))
    monkeypatch.setattr("proxy.call.report_of", lambda *_: pytest.fail("it was made"))
    assert (await scene.played(whole())).status == 200


async def test_no_report_holds_a_key_a_question_or_an_answer(scene: Scene) -> None:
    every, _ = listening(scene)
    await scene.played(whole(), head=asked("/acme/v1/chat?key=fg-in-the-query", ("x-secret", "in-a-header")))
    await scene.played(streamed(), body=STREAMED)
    question = QUESTION["messages"][0]["content"]  # type: ignore[index]  # a mapping of anything
    for report in every.reports:
        told = json.encode(report, enc_hook=lambda marks: {name: getattr(marks, name) for name in marks.__slots__})
        for secret in (KEY, question, "hello", "fg-in-the-query", "in-a-header"):
            assert secret.encode() not in told
    assert len(every.reports) == 2
