"""The life of a call: the order of its steps, its refusals, its ledger in trouble, faults of ours, what it leaves.

Its ends are in `test_call_ends.py`; in `test_call_interrupted.py` it is interrupted at each of its steps.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from doubles.acme import DONE, TENANT, delta, make_endpoint, make_house, make_integration, make_object
from doubles.books import NOW, StillClock, make_tenant
from doubles.scene import (
    CHARGE,
    COST,
    CREDIT,
    CUT,
    EVENTS,
    JSON,
    QUESTION,
    SEEN_CHARGE,
    SEEN_COST,
    STREAMED,
    Gate,
    RealBooks,
    Scene,
    WatchedAnswer,
    asked,
    streamed,
    whole,
)
from msgspec import structs

from proxy import call as life
from proxy.errors import InvariantBroken, LedgerUnavailable
from proxy.ledger.bill import read_bill
from proxy.ledger.call import Outcome
from proxy.providers.envelope import Envelope
from proxy.steps import settle as settling
from proxy.tenants.tenant import TenantState
from proxy.upstream.door import Failure, UpstreamFailed
from proxy.usage.certainty import Certainty

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


# --- The order of things


async def test_nothing_is_sent_before_the_hold_and_nothing_answered_before_the_settlement(scene: Scene) -> None:
    await scene.played(whole())
    assert scene.trail.steps == [
        "body", "hold", "held", "send", "head", "read", "read", "read", "own", "owned ans-1", "end", "ended", "answer"
    ]  # fmt: skip
    [(_, leave)] = scene.upstream.sent
    assert leave == scene.books.holds_made[0], "the hold is the leave to send"


async def test_a_stream_goes_out_as_it_comes_but_its_end_waits_for_the_settlement(scene: Scene) -> None:
    sink = await scene.played(streamed(), body=STREAMED)
    assert scene.trail.steps == [
        "body", "hold", "held", "send", "head", "start", "read", "own", "owned ans-1", "write", "read", "write",
        "read", "read", "end", "ended", "write", "finish",
    ]  # fmt: skip
    assert (sink.sent, sink.pieces[-1]) == (b"".join(EVENTS), DONE)


async def test_a_free_route_holds_nothing_and_costs_nothing(scene: Scene) -> None:
    sink = await scene.played(whole(b'{"data": []}'), head=asked("/acme/v1/models", method="GET"), body=b"")
    assert scene.trail.steps == ["body", "send", "head", "read", "read", "answer"]
    assert (sink.status, sink.sent, sink.ended) == (200, b'{"data": []}', "whole")
    assert not [name for name, _ in sink.headers if name.startswith("faregate-charge")]
    assert await scene.money() == (0, 0, 0, 0)
    record = await scene.record()
    assert (record.outcome, record.endpoint, record.status) == (Outcome.FREE, "models", 200)


async def test_the_record_says_who_what_and_how_and_no_more(scene: Scene) -> None:
    sink = await scene.played(whole())
    record = await scene.record()
    [entry, _] = await scene.books.entries(TENANT.id, 10)
    assert (record.tenant, record.integration, record.endpoint, record.model) == (TENANT.id, "acme", "chat", "m-1")
    assert (record.outcome, record.status, record.refusal) == (Outcome.ANSWERED, 200, "")
    assert dict(sink.headers)["faregate-call-id"] == record.id == read_bill(entry.bill).call == entry.reference
    assert dict(sink.headers)["faregate-charge-usd"] == "0.0000264"
    assert dict(sink.headers)["faregate-balance-micros"] == str((CREDIT - CHARGE) // 1000)


# --- Refusals


REFUSED: dict[str, tuple[int, str, dict[str, Any]]] = {
    "no such integration": (404, "unknown_integration", {"head": asked("/nobody/v1/chat")}),
    "no such route": (404, "unknown_endpoint", {"head": asked("/acme/v1/none")}),
    "wrong method": (405, "method_not_allowed", {"head": asked(method="PUT")}),
    "bad target": (400, "malformed_request", {"head": asked("/acme/v1/chat#x")}),
    "no key": (401, "invalid_key", {"head": asked(key=None)}),
    "unknown key": (401, "invalid_key", {"head": asked(key="fg-unknown")}),
    "no JSON": (400, "malformed_request", {"body": b"{"}),
    "no model": (400, "malformed_request", {"body": {"messages": []}}),
    "no price": (404, "unpriced_model", {"body": {**QUESTION, "model": "m-none"}}),
    "another's object": (404, "not_found", {"body": {**QUESTION, "previous": "ans-of-another"}}),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_who_is_refused_leaves_no_trace_in_the_wallet(scene: Scene, finished: list[str], name: str) -> None:
    status, code, how = REFUSED[name]
    other = await scene.books.create_tenant(make_tenant(2))
    await scene.books.own([make_object("ans-of-another", tenant=other.id)])
    scene.trail.steps.clear()
    sink = await scene.played(**how)
    assert (sink.status, dict(sink.headers)["faregate-refusal"], sink.ended) == (status, code, "whole")
    assert dict(sink.headers)["x-should-retry"] == "false"
    assert set(scene.trail.steps) <= {"body", "answer"}, "neither held nor sent"
    assert await scene.money() == (0, 0, 0, 0)
    assert len(finished) == 1
    known = await scene.records()
    assert [(call.outcome, call.refusal) for call in known] in ([], [(Outcome.REFUSED, code)])
    assert bool(known) is (status != 401 and "body" in how), "a call is recorded once its key is known"


async def test_a_body_is_not_read_for_who_may_not_call(scene: Scene) -> None:
    await scene.books.set_tenant_state(TENANT.id, TenantState.SUSPENDED, NOW)
    sink = await scene.played()
    assert (sink.status, dict(sink.headers)["faregate-refusal"]) == (402, "suspended")
    assert scene.trail.steps == ["answer"]
    assert (await scene.record()).refusal == "suspended"


async def test_an_empty_wallet_is_402_before_anything_is_sent(tmp_path: Path) -> None:
    scene = await Scene(RealBooks(tmp_path / "books.db", StillClock())).open(nanos=0)
    sink = await scene.played()
    assert (sink.status, dict(sink.headers)["faregate-refusal"]) == (402, "balance_exhausted")
    assert json.loads(sink.sent)["error"]["top_up_url"] == "http://top.up"
    assert (scene.upstream.sent, scene.books.holds_made, scene.books.endings) == ([], [], [])
    assert (await scene.record()).status == 402
    await scene.books.close()


async def test_a_server_that_stops_takes_no_new_call(scene: Scene) -> None:
    scene.running.draining = True
    sink = await scene.played()
    assert (sink.status, dict(sink.headers)["faregate-refusal"]) == (503, "draining")
    assert "x-should-retry" not in dict(sink.headers)
    assert scene.trail.steps == ["answer"]


async def test_two_calls_cannot_spend_the_same_money(tmp_path: Path) -> None:
    """What the first holds is not there for the second, whether or not it will be spent."""
    probe = await Scene(RealBooks(tmp_path / "probe.db", StillClock())).open()
    await probe.played(whole())
    need = probe.books.holds_made[0].wallet_nanos
    await probe.books.close()
    scene = await Scene(RealBooks(tmp_path / "books.db", StillClock())).open(nanos=need * 3 // 2)
    gate = scene.trail.stops("head")
    scene.play(whole())
    await gate.until_reached()
    first = scene.sink
    scene.trail.at.clear()
    await scene.play(whole())
    assert scene.sink.status == 402
    assert json.loads(scene.sink.sent)["error"]["held"] == f"{need / 1e9:.9f}".rstrip("0")
    scene.upstream.answers(whole())
    gate.opened.set()
    await scene.quiet()
    assert first.status == 200
    await scene.books.close()


# --- The ledger in trouble


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come soon."""
    monkeypatch.setattr(settling, "RETRY_FIRST_S", 0.001)
    monkeypatch.setattr(settling, "RETRY_MOST_S", 0.002)


forms = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
"""Ask for a JSON answer, and for a stream."""


def answer_of(stream: bool) -> tuple[WatchedAnswer, dict[str, Any]]:
    return (streamed(), STREAMED) if stream else (whole(), QUESTION)


async def test_without_a_hold_nothing_is_sent(scene: Scene) -> None:
    scene.trail.raises("hold", LedgerUnavailable("disk full"))
    sink = await scene.played(whole())
    assert (sink.status, dict(sink.headers)["faregate-refusal"]) == (503, "ledger_unavailable")
    assert scene.upstream.sent == []
    assert await scene.money() == (0, 0, 0, 0)


async def test_a_directory_that_cannot_be_read_is_503_in_the_provider_s_shape(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(_: str) -> None:
        raise LedgerUnavailable("disk gone")

    monkeypatch.setattr(scene.books, "holder", unreadable)
    sink = await scene.played(whole())
    assert (sink.status, dict(sink.headers)["faregate-refusal"]) == (503, "ledger_unavailable")
    assert json.loads(sink.sent)["error"]["kind"] == "bad", "acme's envelope"
    assert scene.upstream.sent == []


async def test_a_route_with_an_envelope_of_its_own_refuses_in_it(scene: Scene) -> None:
    own = Envelope({"fault": "{code}"}, {}, "bad")
    house = make_house(make_integration(make_endpoint(envelope=own)))
    scene.doors = structs.replace(scene.doors, house=house)
    scene.trail.raises("hold", LedgerUnavailable("disk full"))
    sink = await scene.played(whole())
    assert json.loads(sink.sent) == {"fault": "ledger_unavailable"}


@forms
async def test_a_ledger_that_cannot_settle_is_helped_by_the_journal(scene: Scene, short: None, stream: bool) -> None:
    answer, body = answer_of(stream)
    scene.trail.raises("end", LedgerUnavailable("disk full"))
    handler = scene.play(answer, body=body)
    await handler
    assert (scene.sink.status, scene.sink.ended) == (200, "whole"), "it is on disk, so it may be answered"
    assert scene.trail.steps.index("journal") < scene.trail.steps.index("finish" if stream else "answer")
    assert dict(scene.sink.headers).get("faregate-charge-usd") == (None if stream else "0.0000264")
    assert "faregate-balance-micros" not in dict(scene.sink.headers), "nobody knows it now"
    assert (await scene.money())[1] > 0
    scene.trail.at.clear()
    await scene.quiet()
    assert await scene.money() == (CHARGE, 0, 1, 0)
    assert scene.journal.forgotten == [scene.books.holds_made[0].call]


@forms
async def test_without_ledger_and_journal_an_answer_is_never_whole(scene: Scene, short: None, stream: bool) -> None:
    answer, body = answer_of(stream)
    scene.trail.raises("end", LedgerUnavailable("disk full"))
    scene.trail.raises("journal", OSError("disk full"))
    handler = scene.play(answer, body=body)
    await handler
    sink = scene.sink
    assert (sink.status, sink.ended) == ((200, "cut") if stream else (503, "whole"))
    if stream:
        assert DONE not in sink.sent
    else:
        assert dict(sink.headers)["faregate-refusal"] == "ledger_unavailable"
    scene.trail.at.clear()
    await scene.quiet()
    told = (CHARGE, 0, 1, 0) if stream else (0, 0, 0, COST)
    assert await scene.money() == told, "what was relayed is charged as soon as it can be; an error costs nothing"


@forms
async def test_an_ending_that_the_ledger_rejects_is_no_answer(
    scene: Scene, caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    """A fault of ours. The hold stays for recovery; what the caller has does not look whole."""
    answer, body = answer_of(stream)
    scene.trail.raises("end", InvariantBroken("a bug"))
    sink = await scene.played(answer, body=body)
    assert (sink.status, sink.ended) == ((200, "cut") if stream else (500, "whole"))
    assert "cannot be settled" in caplog.text
    scene.trail.at.clear()
    ending = life.Ending(await made_record(scene), "led_1", unseen=True)
    await scene.books.end(ending)


async def made_record(scene: Scene) -> Any:
    """Return a record that ends the scene's hold, as recovery would."""
    held = scene.books.holds_made[0]
    return life.CallRecord(held.call, held.tenant, held.key, "acme", "chat", "m-1", Outcome.RECOVERED, 0, 0, 0)


# --- Faults of ours


def breaks(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("a bug")


@forms
async def test_a_call_that_cannot_be_priced_still_ends(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    monkeypatch.setattr(life, "price_call", breaks)
    answer, body = answer_of(stream)
    sink = await scene.played(answer, body=body)
    assert (sink.status, sink.ended) == ((200, "cut") if stream else (500, "whole"))
    assert (await scene.record()).refusal == "internal_error"
    assert await scene.money() == (0, 0, 0, scene.books.holds_made[0].cost_nanos)
    assert f"call {scene.books.holds_made[0].call} cannot be priced" in caplog.text


@pytest.mark.parametrize("where", ["begin_relay", "invoke", "locate", "estimate"])
async def test_a_fault_in_a_step_is_internal_error(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    finished: list[str],
    where: str,
) -> None:
    monkeypatch.setattr(life, where, breaks)
    sink = await scene.played(whole())
    assert (sink.status, dict(sink.headers)["faregate-refusal"]) == (500, "internal_error")
    held = sum(hold.cost_nanos for hold in scene.books.holds_made)
    assert await scene.money() == (0, 0, 0, held)
    assert bool(held) is (where in ("begin_relay", "invoke"))
    [call_id] = finished
    assert f"call {call_id} failed" in caplog.text
    assert dict(sink.headers)["faregate-call-id"] == call_id


async def test_a_fault_in_the_relay_cuts_the_answer(scene: Scene) -> None:
    async def break_once() -> None:
        scene.trail.at.clear()
        raise ZeroDivisionError("a bug")

    scene.trail.at["write"] = break_once
    sink = await scene.played(streamed(), body=STREAMED)
    assert (sink.status, sink.ended) == (200, "cut")
    assert await scene.money() == (SEEN_CHARGE, 0, 1, scene.books.holds_made[0].cost_nanos - SEEN_COST)
    assert (await scene.record()).outcome is Outcome.STOPPED


# --- Objects


async def test_an_object_has_its_owner_before_its_name_is_told(scene: Scene) -> None:
    sink = await scene.played(streamed(), body=STREAMED)
    steps = scene.trail.steps
    assert steps.index("owned ans-1") < steps.index("write")
    owned = await scene.books.owned("acme", "ans-1")
    assert owned is not None
    assert (owned.tenant, owned.kind, owned.call) == (TENANT.id, "answer", scene.books.holds_made[0].call)
    assert owned.tokens == 13, "what continuing from it may add to an input"
    assert sink.ended == "whole"


@forms
async def test_an_object_that_cannot_be_recorded_is_not_told_of(scene: Scene, stream: bool) -> None:
    answer, body = answer_of(stream)
    scene.trail.raises("own", LedgerUnavailable("disk full"))
    sink = await scene.played(answer, body=body)
    assert b"ans-1" not in sink.sent
    assert (sink.status, sink.ended) == ((200, "cut") if stream else (503, "whole"))
    assert (await scene.record()).outcome is Outcome.STOPPED
    assert await scene.books.owned("acme", "ans-1") is None


@pytest.mark.parametrize(("status", "kept"), [(200, False), (404, True)])
async def test_what_was_deleted_is_forgotten(scene: Scene, status: int, kept: bool) -> None:
    await scene.played(whole())
    sink = await scene.played(
        whole(b"{}", status=status), head=asked("/acme/v1/answers/ans-1", method="DELETE"), body=b""
    )
    assert sink.status == status
    assert (await scene.books.owned("acme", "ans-1") is not None) is kept


async def test_what_cannot_be_forgotten_is_deleted_all_the_same(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    await scene.played(whole())
    scene.trail.raises("disown ans-1", LedgerUnavailable("disk full"))
    sink = await scene.played(whole(b"{}"), head=asked("/acme/v1/answers/ans-1", method="DELETE"), body=b"")
    assert (sink.status, sink.ended) == (200, "whole")
    assert "keeps its owner: disk full" in caplog.text


# --- Favours, checkpoints, metrics


async def test_a_test_tenant_pays_nothing_and_sees_no_difference(tmp_path: Path) -> None:
    scene = await Scene(RealBooks(tmp_path / "books.db", StillClock())).open(make_tenant(test=True), nanos=0)
    sink = await scene.played(whole())
    assert (sink.status, dict(sink.headers)["faregate-charge-usd"]) == (200, "0.0000264")
    [entry] = await scene.books.entries(TENANT.id, 10)
    assert (entry.amount_nanos, entry.waived_nanos) == (0, CHARGE)
    assert scene.books.holds_made[0].wallet_nanos == 0
    await scene.books.close()


async def paused(scene: Scene) -> Gate:
    """Let a stream wait once it has said hello."""
    gate = scene.trail.stops("write")
    scene.play(streamed(), body=STREAMED)
    await gate.until_reached()
    return gate


async def test_what_was_seen_is_kept_while_a_stream_runs(scene: Scene) -> None:
    gate = await paused(scene)
    life.watch(scene.running_call, scene.doors)
    await scene.books.catch_up()
    [held] = await scene.books.holds()
    bill = read_bill(held.evidence)
    assert (bill.call, bill.certainty, bill.charge_nanos) == (held.call, Certainty.AT_LEAST, SEEN_CHARGE)
    scene.trail.at.clear()
    gate.opened.set()
    await scene.quiet()
    assert (await scene.money())[0] == CHARGE


async def test_news_is_kept_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, kept = await paused(scene), []
    monkeypatch.setattr(scene.books, "checkpoint", lambda call, _: kept.append(call))
    for _ in range(3):
        life.watch(scene.running_call, scene.doors)
    assert kept == [scene.running_call.id]
    scene.trail.at.clear()
    gate.opened.set()


async def test_one_call_that_cannot_be_priced_does_not_end_the_watch(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gate = await paused(scene)
    with monkeypatch.context() as patch:
        patch.setattr(life, "price_call", breaks)
        life.watch(scene.running_call, scene.doors)
    assert "cannot be priced" in caplog.text
    scene.trail.at.clear()
    gate.opened.set()


async def test_a_call_without_anything_to_see_is_watched_too(scene: Scene) -> None:
    gate = scene.trail.stops("held")
    scene.play(whole())
    await gate.until_reached()
    life.watch(scene.running_call, scene.doors)
    gate.opened.set()
    await scene.quiet()
    assert (await scene.record()).outcome is Outcome.ANSWERED


def counted(scene: Scene, name: str, **labels: str) -> float:
    return scene.metrics.registry.get_sample_value(f"faregate_{name}", labels) or 0.0


async def test_what_prometheus_is_told(scene: Scene) -> None:
    await scene.played(whole())
    await scene.played(streamed(delta("hello"), CUT), body=STREAMED)
    await scene.played(head=asked(key=None))
    await scene.played(whole(b"[]"), head=asked("/acme/v1/models", method="GET"), body=b"")
    for outcome in ("answered", "upstream_cut"):
        assert counted(scene, "calls_total", integration="acme", endpoint="chat", outcome=outcome) == 1
    assert counted(scene, "calls_total", integration="acme", endpoint="chat", outcome="refused") == 1
    assert counted(scene, "calls_total", integration="acme", endpoint="models", outcome="free") == 1
    assert counted(scene, "refusals_total", code="invalid_key") == 1
    assert counted(scene, "refusals_total", code="upstream_unreachable") == 1
    assert counted(scene, "usage_total", meter="acme.input_tokens") == 10 + 5
    assert counted(scene, "usage_total", meter="acme.output_tokens") == 3 + 2
    assert counted(scene, "charge_usd_total", integration="acme") == pytest.approx((CHARGE + SEEN_CHARGE) / 1e9)
    assert counted(scene, "upstream_cost_usd_total", integration="acme") == pytest.approx((COST + SEEN_COST) / 1e9)
    exposed = (await scene.money())[3]
    assert counted(scene, "exposure_usd_total", integration="acme", reason="upstream_cut") == pytest.approx(
        exposed / 1e9
    )
    assert counted(scene, "usage_certainty_total", certainty="exact") == 1
    assert counted(scene, "usage_certainty_total", certainty="at_least") == 1
    assert counted(scene, "overhead_seconds_count") == 3
    assert counted(scene, "upstream_ttfb_seconds_count", integration="acme") == 3
    assert counted(scene, "settlement_lag_seconds_count") == 2


async def test_absurd_usage_is_counted_and_not_believed(scene: Scene) -> None:
    absurd = JSON.replace(b'"prompt": 10', b'"prompt": -10')
    await scene.played(whole(absurd))
    assert counted(scene, "usage_invalid_total", integration="acme") == 1
    assert (await scene.money())[0] == SEEN_CHARGE
