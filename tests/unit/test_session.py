"""The life of a session: its opening, its turns, and every way in which it ends. Money is looked at in real books."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from doubles.acme import TENANT
from doubles.books import StillClock, make_key
from doubles.conversation import (
    CHARACTERS,
    GO,
    IN,
    OUT,
    SECONDS,
    TURNS,
    Conversation,
    begun,
    converse,
    done,
    knock,
)
from doubles.scene import CREDIT, KEY, RealBooks
from msgspec import structs

from proxy.call import Call, watch
from proxy.calls.socket import NO_CODE, Kind, Message
from proxy.ledger.bill import read_bill
from proxy.ledger.call import Outcome
from proxy.providers.endpoint import ModelAt
from proxy.providers.integration import Policy
from proxy.session import watch_session
from proxy.tenants.tenant import TenantState
from proxy.turns import Session
from proxy.upstream.door import Failure, Opened, UpstreamFailed

Begin = Callable[..., Awaitable[Conversation]]
AHEAD = (100 + 10) * IN + 20 * OUT
"""What is held before anything was said: a step of text, ten seconds of sound, the longest answer."""


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Begin]:
    """Open a scene; at the end nothing is on hold, and the books are in order."""
    scenes: list[Conversation] = []

    async def begin(*spec: Any, **how: Any) -> Conversation:
        made = await converse(RealBooks(tmp_path / "books.db", StillClock()), *spec, **how)
        scenes.append(made)
        return made

    yield begin
    for scene in scenes:
        assert (await scene.money())[1] == 0
        assert (await scene.books.verify()).ok
        await scene.books.close()


async def test_turns_are_settled_before_their_last_message_goes_on(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says(GO)
    scene.provider.says(begun(), {"type": "part", "text": "Hi"})
    await scene.caller.until(2)
    assert (await scene.money())[2] == 0
    scene.provider.says(done(10, 3))
    await scene.caller.until(3)
    assert await scene.money() == (10 * IN + 3 * OUT, 0, 1, 0)
    scene.caller.says(GO)
    scene.provider.says(begun(), done(13, 2))
    await scene.caller.until(5)
    scene.caller.leaves(1000, b"bye")
    await task

    assert await scene.money() == (23 * IN + 5 * OUT, 0, 2, 0)
    assert scene.provider.events == [GO, GO]
    assert scene.caller.closed == scene.provider.closed == (1000, b"bye")
    assert await scene.outcomes() == [("", Outcome.FREE), ("", Outcome.ANSWERED), ("", Outcome.ANSWERED)]
    *turns, session = await scene.records()
    assert ([turn.session for turn in turns], session.session) == ([session.id] * 2, "")
    assert scene.opening.headers["x-request-id"] == "req-1"
    assert scene.opening.headers["faregate-call-id"].startswith("call_")


async def test_the_first_turn_is_held_before_the_provider_is_asked(talk: Begin) -> None:
    scene = await talk()
    gate = scene.trail.stops("open")
    task = scene.begin()
    await gate.until_reached()
    assert (await scene.money())[1] == AHEAD
    scene.caller.leaves()
    gate.opened.set()
    await task
    assert await scene.money() == (0, 0, 0, 0)


async def test_the_next_turn_is_held_ahead_only_where_the_provider_may_start_it(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says({"sound": "AAAA"})
    await scene.provider.until(1)
    scene.provider.says(begun(), done(5, 1))
    await scene.caller.until(2)
    spent, held, entries, _ = await scene.money()
    assert (spent, entries) == (5 * IN + OUT, 1)
    assert held > 0
    scene.provider.says(begun(), done(6, 1))
    await scene.caller.until(4)
    scene.caller.leaves(1000)
    await task
    assert await scene.money() == (11 * IN + 2 * OUT, 0, 2, 0)


async def test_a_hold_grows_with_what_is_said(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says({"text": "x" * 150})
    await scene.provider.until(1)
    assert (await scene.money())[1] > AHEAD + 100 * IN
    scene.caller.leaves()
    await task


async def test_what_the_balance_does_not_cover_is_not_sent(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says({"text": "x" * 2_000_000})
    code, reason = await scene.caller.until_closed()
    await task
    assert code == 1008
    assert reason.startswith(b"balance_exhausted: ")
    assert scene.caller.events[-1]["code"] == "balance_exhausted"
    assert scene.provider.told == []
    assert scene.provider.closed is not None
    assert await scene.outcomes() == [("balance_exhausted", Outcome.REFUSED), ("", Outcome.FREE)]


async def test_a_session_without_money_is_opened_and_closed_with_the_reason(talk: Begin) -> None:
    scene = await talk()
    wallet = await scene.books.wallet(TENANT.id)
    assert wallet.balance == CREDIT
    await scene.begin(knock("model=unknown"))
    assert scene.opening.status == 101
    assert scene.opening.headers["faregate-refusal"] == "unpriced_model"
    assert scene.caller.events[0]["type"] == "error"
    assert scene.caller.closed is not None
    assert scene.caller.closed[1].startswith(b"unpriced_model: ")
    assert scene.asked == []


async def test_a_wrong_key_is_answered_as_http_has_it(talk: Begin) -> None:
    scene = await talk()
    await scene.begin(knock(key="fg-nobody"))
    assert scene.opening.status == 401


async def test_a_handshake_that_is_none_is_refused(talk: Begin) -> None:
    scene = await talk()
    head = knock()
    stale = type(head)(head.method, head.target, head.host, [pair for pair in head.headers if "Version" not in pair[0]])
    await scene.begin(stale)
    assert scene.opening.status == 426


async def test_a_parameter_that_cannot_be_metered_is_refused(talk: Begin) -> None:
    scene = await talk()
    await scene.begin(knock("model=m-1&call=1"))
    assert scene.caller.events[0]["message"] == "Calls are not metered."
    assert scene.asked == []


async def test_a_message_that_cannot_be_metered_ends_the_session(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says({"later": True})
    assert await scene.caller.until_closed() == (1008, b"malformed_request: Not yet.")
    await task
    assert scene.provider.told == []


async def test_a_caller_who_leaves_is_read_to_the_end_of_the_turn(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says(GO)
    scene.provider.says(begun())
    await scene.caller.until(1)
    scene.caller.leaves(1001, b"off")
    assert await scene.caller.until_closed() == (1001, b"off")
    assert scene.provider.closed is None
    scene.provider.says(done(7, 2))
    await task
    assert scene.provider.closed == (1001, b"off")
    assert await scene.money() == (7 * IN + 2 * OUT, 0, 1, 0)


async def test_where_the_policy_is_to_stop_what_was_seen_is_charged(talk: Begin) -> None:
    scene = await talk(policy=Policy(on_disconnect="abort"))
    task = scene.begin()
    scene.caller.says(GO)
    scene.provider.says(begun(), {"type": "part", "text": "x" * 40})
    await scene.caller.until(2)
    scene.caller.leaves()
    await task
    spent, _, entries, exposed = await scene.money()
    assert (spent, entries) == (10 * OUT, 1)
    assert exposed > 0
    assert scene.provider.closed is not None


async def test_a_provider_who_leaves_in_the_middle_leaves_what_was_seen(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says(GO)
    scene.provider.says(begun(), {"type": "part", "text": "x" * 40})
    await scene.caller.until(2)
    scene.provider.leaves()
    await task
    assert scene.caller.closed == (1011, b"The provider's connection broke off.")
    spent, _, entries, exposed = await scene.money()
    assert (spent, entries) == (10 * OUT, 1)
    assert exposed > 0
    assert (await scene.outcomes())[0] == ("", Outcome.UPSTREAM_CUT)


@pytest.mark.parametrize("code", [1000, 4001, NO_CODE])
async def test_a_provider_who_closes_is_passed_on(talk: Begin, code: int) -> None:
    scene = await talk()
    task = scene.begin()
    scene.provider.leaves(code, b"enough")
    await task
    assert scene.caller.closed == (code, b"enough")
    assert await scene.money() == (0, 0, 0, 0)


async def test_what_the_provider_will_not_do_holds_nothing(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says(GO)
    await scene.provider.until(1)
    scene.provider.says({"type": "error"})
    await scene.caller.until(1)
    assert await scene.money() == (0, 0, 0, 0)
    scene.caller.leaves(1000)
    await task
    assert await scene.money() == (0, 0, 0, 0)


async def test_an_answer_that_nobody_asked_for_is_charged_all_the_same(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says(GO)
    scene.provider.says(begun(), done(5, 1), begun(), done(6, 1), done(7, 1))
    await scene.caller.until(5)
    scene.caller.leaves(1000)
    await task
    assert await scene.money() == (18 * IN + 3 * OUT, 0, 3, 0)


async def test_a_revoked_key_ends_the_session_at_its_next_turn(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says(GO)
    scene.provider.says(begun())
    await scene.caller.until(1)
    await scene.books.revoke_key(make_key(TENANT).id, scene.clock.now())
    scene.provider.says(done(5, 1))
    await scene.caller.until(2)
    scene.caller.says(GO)
    _, reason = await scene.caller.until_closed()
    await task
    assert reason.startswith(b"invalid_key: ")
    assert scene.provider.events == [GO]
    assert await scene.money() == (5 * IN + OUT, 0, 1, 0)


async def test_a_suspended_tenant_ends_at_the_next_turn_too(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says({"sound": "AAAA"})
    scene.provider.says(begun())
    await scene.caller.until(1)
    await scene.books.set_tenant_state(TENANT.id, TenantState.SUSPENDED, scene.clock.now())
    scene.provider.says(done(5, 1))
    _, reason = await scene.caller.until_closed()
    await task
    assert scene.caller.events[:2] == [begun(), done(5, 1)]
    assert reason.startswith(b"suspended: ")


async def test_a_stop_lets_the_turn_end_and_closes(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says(GO)
    scene.provider.says(begun())
    await scene.caller.until(1)
    scene.running.drain()
    scene.provider.says(done(5, 1))
    await task
    assert scene.caller.closed == (1001, b"The server is shutting down.")
    assert await scene.money() == (5 * IN + OUT, 0, 1, 0)


async def test_an_idle_session_is_closed_by_a_stop_at_once(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says({"hello": 1})
    await scene.provider.until(1)
    scene.running.drain()
    await task
    assert scene.caller.closed == scene.provider.closed == (1001, b"The server is shutting down.")


async def test_an_interruption_settles_what_was_seen(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says(GO)
    scene.provider.says(begun(), {"type": "part", "text": "x" * 40})
    await scene.caller.until(2)
    for carried in scene.running:
        scene.running.interrupt(carried, Outcome.STOPPED)
    await task
    spent, _, entries, exposed = await scene.money()
    assert (spent, entries) == (10 * OUT, 1)
    assert exposed > 0
    assert scene.caller.closed is not None
    assert scene.caller.closed[1].startswith(b"draining: ")


async def test_a_provider_that_cannot_be_reached_is_told(talk: Begin) -> None:
    scene = await talk()
    scene.opened = UpstreamFailed(Failure.UNREACHABLE, sent=False)
    await scene.begin()
    assert scene.caller.closed is not None
    assert scene.caller.closed[1].startswith(b"upstream_unreachable: ")
    assert await scene.money() == (0, 0, 0, 0)


async def test_pings_pongs_and_sound_go_through_as_they_are(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    ping, pong = Message(Kind.PING, b"1"), Message(Kind.PONG, b"2")
    scene.caller.says(ping, b"\0\xff")
    scene.provider.says(pong, b"\1\xfe")
    await scene.caller.until(2)
    await scene.provider.until(2)
    assert scene.provider.told == [ping, Message(Kind.BINARY, b"\0\xff")]
    assert scene.caller.told == [pong, Message(Kind.BINARY, b"\1\xfe")]
    scene.caller.leaves(1000)
    await task


async def test_keys_in_subprotocols_are_ours_towards_the_provider(talk: Begin) -> None:
    scene = await talk()
    scene.opened = Opened([], scene.provider, protocol=0)
    task = scene.begin(knock("model=m-1", ("Sec-WebSocket-Protocol", f"talk, key.{KEY}, v1"), key=""))
    scene.caller.leaves(1000)
    await task
    request, offers, _ = scene.asked[0]
    assert [(offer.text, offer.key) for offer in offers] == [("talk", False), ("key.", True), ("v1", False)]
    assert KEY not in str(request)
    assert scene.opening.protocol == "talk"


async def test_a_model_in_the_first_message_is_waited_for(talk: Begin) -> None:
    spec = structs.replace(TURNS, opening="setup.model")
    scene = await talk(spec, model=ModelAt(body="setup.model", after="models/"), json_body=True)
    task = scene.begin(knock(""))
    opening = {"setup": {"model": "models/m-1", "most": 5}}
    scene.caller.says(opening)
    await scene.provider.until(1)
    assert scene.provider.events == [opening]
    held = (await scene.money())[1]
    assert held == pytest.approx(AHEAD + 50 * IN - 15 * OUT, abs=20 * IN)
    scene.caller.says(GO)
    scene.provider.says(done(5, 1))
    await scene.caller.until(1)
    scene.caller.leaves(1000)
    await task
    assert (await scene.money())[0] == 5 * IN + OUT


async def test_another_first_message_is_refused_and_nobody_is_dialled(talk: Begin) -> None:
    spec = structs.replace(TURNS, opening="setup.model")
    scene = await talk(spec, model=ModelAt(body="setup.model"))
    task = scene.begin(knock(""))
    scene.caller.says({"hello": 1})
    _, reason = await scene.caller.until_closed()
    await task
    assert reason.startswith(b"malformed_request: ")
    assert scene.asked == []


async def test_characters_are_cut_into_calls(talk: Begin) -> None:
    scene = await talk(CHARACTERS)
    task = scene.begin()
    scene.caller.says({"say": "12345678"}, {"say": "éé90"}, {"say": "abc"})
    scene.provider.says(b"\0sound")
    await scene.provider.until(3)
    assert (await scene.money())[0] == 12 * IN
    scene.caller.leaves(1000)
    await task
    assert await scene.money() == (15 * IN, 0, 2, 0)


async def test_seconds_are_counted_as_the_provider_tells_them(talk: Begin) -> None:
    scene = await talk(SECONDS)
    task = scene.begin()
    scene.caller.says(b"\0" * 650)
    await scene.provider.until(1)
    held = (await scene.money())[1]
    assert held >= 65 * IN
    scene.provider.says({"type": "heard", "until": 61.5})
    await scene.caller.until(1)
    assert (await scene.money())[0] == int(61.5 * IN)
    scene.provider.says({"type": "bye", "length": 65.25})
    await scene.caller.until(2)
    scene.provider.leaves(1000)
    await task
    assert (await scene.money())[0] == int(65.25 * IN)
    entries = [entry for entry in await scene.books.entries(TENANT.id, 10) if entry.kind == "call"]
    assert [read_bill(entry.bill).certainty for entry in entries] == ["exact", "exact"]


async def test_what_is_seen_of_a_turn_is_kept_while_it_runs(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says(GO)
    scene.provider.says(begun(), {"type": "part", "text": "x" * 40})
    await scene.caller.until(2)
    for carried in scene.running:
        if isinstance(carried, Call):
            watch(carried, scene.doors)
    await scene.books.catch_up()
    [held] = await scene.books.holds()
    assert read_bill(held.evidence).charge_nanos == 10 * OUT
    scene.provider.leaves()
    await task


async def test_a_turn_that_takes_too_long_is_stopped(talk: Begin) -> None:
    scene = await talk()
    task = scene.begin()
    scene.caller.says(GO)
    scene.provider.says(begun())
    await scene.caller.until(1)
    scene.clock.seconds = 6.0
    [session] = [one for one in scene.running if isinstance(one, Session)]
    watch_session(session)
    await task
    assert scene.caller.closed is not None
    assert (await scene.outcomes())[0][1] is Outcome.TIMED_OUT
