"""A call that is interrupted at any of its steps ends once, its hold with it, and nothing of it is left behind."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from doubles.acme import TENANT, delta
from doubles.scene import (
    CHARGE,
    CREDIT,
    CUT,
    STREAMED,
    ModelBooks,
    Scene,
    WatchedAnswer,
    asked,
    streamed,
    whole,
)

from proxy import call as life
from proxy.errors import LedgerUnavailable
from proxy.ledger.call import Outcome
from proxy.providers.integration import Policy
from proxy.steps import settle as settling

SHAPES: dict[str, tuple[Callable[[], WatchedAnswer], dict[str, Any]]] = {
    "json": (whole, {}),
    "stream": (streamed, {"body": STREAMED}),
    "cut stream": (lambda: streamed(delta("hello"), CUT), {"body": STREAMED}),
    "error": (lambda: whole(b'{"error":', b' "mine"}', status=500), {}),
    "redirect": (lambda: whole(b"", status=307), {}),
    "free": (lambda: whole(b"[", b"]"), {"head": asked("/acme/v1/models", method="GET"), "body": b""}),
}


def stop(scene: Scene) -> None:
    """Let the server stop: whatever runs is interrupted."""
    for call in scene.running:
        scene.running.interrupt(call, Outcome.STOPPED)


def hang_up(scene: Scene) -> None:
    scene.sink.hang_up()


def both(scene: Scene) -> None:
    hang_up(scene)
    stop(scene)


STRIKES = {
    "stop": (stop, "drain"),
    "hang up, drain": (hang_up, "drain"),
    "hang up, abort": (hang_up, "abort"),
    "hang up, estimate": (hang_up, "estimate"),
    "hang up, stop": (both, "abort"),
}


class Run:
    """One call that is struck at one of its steps, and how it ended."""

    def __init__(self, scene: Scene, finished: list[str]) -> None:
        self.scene, self.finished = scene, finished
        self.struck = False

    @property
    def was_sent(self) -> bool:
        """Whether the provider's client was handed the call: from then on it may have been seen."""
        return "send" in self.scene.trail.steps

    async def play(self, shape: str, strike: Callable[[Scene], None], number: int) -> None:
        def strike_at(passed: int) -> None:
            if passed == number:
                self.struck = True
                strike(self.scene)

        answer, how = SHAPES[shape]
        self.scene.trail.at_each = strike_at
        await self.scene.played(answer(), **how)

    async def check(self, shape: str) -> None:
        """Check what holds of every call, wherever it was struck."""
        scene = self.scene
        assert len(self.finished) == 1
        held = [hold.call for hold in scene.books.holds_made]
        ended = [ending.record.id for ending, receipt in scene.books.endings if not receipt.already]
        assert ended == held, "each hold has one ending"
        spent, on_hold, entries, exposed = await scene.money()
        assert (on_hold, (await scene.books.held()).holds) == (0, 0)
        assert spent == sum(receipt.paid_nanos for _, receipt in scene.books.endings)
        assert entries <= len(held)
        assert (await scene.books.verify()).ok
        if not self.was_sent:
            assert (spent, exposed, entries) == (0, 0, 0)
        if held:
            assert exposed <= scene.books.holds_made[0].cost_nanos
        if scene.sink.ended == "whole" and scene.sink.status == 200 and shape != "free":
            assert (spent, entries) == (CHARGE, 1), "an answer that is whole is paid in full"
        if not scene.sink.gone:
            assert scene.sink.ended, "whoever waits is told something"
        assert all(answer.closed or answer.aborted for answer in scene.upstream.handed), "a connection is left open"
        assert len(await scene.records()) == 1


@pytest.fixture
def finished(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls that were finished, each as often as it was."""
    ids: list[str] = []
    finish = life.finish

    async def counted(call: life.Call, *rest: Any) -> None:
        ids.append(call.id)
        await finish(call, *rest)

    monkeypatch.setattr(life, "finish", counted)
    monkeypatch.setattr(settling, "RETRY_FIRST_S", 0.001)
    return ids


async def sweep(shape: str, strike: str, finished: list[str], trouble: bool = False) -> list[Run]:
    """Let one call after another happen, each struck a step later, until one ends before it is struck."""
    strikes, policy = STRIKES[strike]
    runs: list[Run] = []
    for number in itertools.count():
        finished.clear()
        scene = await Scene(ModelBooks(), policy=Policy(policy)).open()
        if trouble:
            scene.trail.at["end"] = in_trouble(scene)
        run = Run(scene, finished)
        await run.play(shape, strikes, number)
        await run.check(shape)
        runs.append(run)
        if not run.struck:
            return runs
    raise AssertionError("unreachable")


def in_trouble(scene: Scene) -> Any:
    """Let the ledger fail at the first asking."""

    async def fail_once() -> None:
        scene.trail.at.clear()
        raise LedgerUnavailable("disk full")

    return fail_once


@pytest.mark.parametrize("strike", STRIKES)
@pytest.mark.parametrize("shape", SHAPES)
async def test_wherever_a_call_is_struck(finished: list[str], shape: str, strike: str) -> None:
    runs = await sweep(shape, strike, finished)
    assert len(runs) > 5, "it was struck at each of its steps"


@pytest.mark.parametrize("strike", STRIKES)
@pytest.mark.parametrize("shape", ["json", "stream"])
async def test_wherever_a_call_is_struck_whose_ledger_is_in_trouble(
    finished: list[str], shape: str, strike: str
) -> None:
    runs = await sweep(shape, strike, finished, trouble=True)
    assert any("journal" in run.scene.trail.steps for run in runs)


@pytest.mark.parametrize("shape", ["json", "stream"])
async def test_under_drain_whoever_leaves_pays_what_was_used(finished: list[str], shape: str) -> None:
    for run in await sweep(shape, "hang up, drain", finished):
        wallet = await run.scene.books.wallet(TENANT.id)
        assert CREDIT - wallet.balance == (CHARGE if run.was_sent else 0)


@pytest.mark.parametrize("shape", ["json", "stream"])
async def test_under_abort_whoever_leaves_never_pays_nothing_for_what_was_sent(finished: list[str], shape: str) -> None:
    for run in await sweep(shape, "hang up, abort", finished):
        spent = CREDIT - (await run.scene.books.wallet(TENANT.id)).balance
        assert (spent > 0) is run.was_sent
        assert spent <= CHARGE
