"""Work that finishes later: held at creation, looked at or observed, charged once, and what becomes of it else."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from doubles.acme import TENANT, make_endpoint, make_permit, make_route
from doubles.books import CARD
from doubles.jobs import HOUR_S, JOB, USAGE, JobScene, job, lines, result, said
from doubles.scene import CHARGE, CUT, WatchedAnswer, asked
from msgspec import structs

from proxy import later
from proxy.bounds.measures import Addon, Measure, Variant
from proxy.bounds.spec import BoundSpec
from proxy.errors import LedgerUnavailable
from proxy.later import Look
from proxy.ledger.bill import read_bill
from proxy.ledger.call import Outcome
from proxy.ledger.work import Facts
from proxy.pricing.card import Rate
from proxy.providers.later import Fate
from proxy.upstream.door import Failure, UpstreamFailed
from proxy.usage.reading import Reading

MODEL = CARD.integrations["acme"][0]
HELD = 100 * 4_800  # the most of what `JobScene.post` asks for, but for its input


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[JobScene]:
    made = await JobScene.opened(tmp_path)
    yield made
    await made.cleared()


async def held(scene: JobScene) -> int:
    return (await scene.books.wallet(TENANT.id)).held


async def end(scene: JobScene) -> None:
    """Let the one open job fail, so that the books can be closed."""
    assert await scene.look(job("failed")) is Look.FAILED


async def test_a_job_is_held_at_its_creation_and_charged_when_it_is_seen_to_be_done(scene: JobScene) -> None:
    sink = await scene.ask_for_job()
    assert (sink.status, json.loads(sink.sent)["state"]) == (200, "queued")
    assert "faregate-charge-usd" not in dict(sink.headers)
    assert HELD < await held(scene) < 2 * HELD
    assert await scene.records() == []

    assert await scene.look(job("running")) is Look.RUNS
    assert await held(scene) > HELD
    assert await scene.look(job("done", usage=USAGE)) is Look.DONE

    assert await scene.money() == (CHARGE, 0, 1, 0)
    assert (await scene.record()).outcome is Outcome.ANSWERED
    assert len(scene.doors.waiting) == 0
    looked = [request for request, _ in scene.upstream.sent[-1:]]
    assert [(each.method, each.target, each.integration) for each in looked] == [("GET", "/v1/jobs/job-1", "acme")]


async def test_the_hold_belongs_to_the_job_before_its_name_is_relayed(scene: JobScene) -> None:
    await scene.ask_for_job()
    steps = scene.trail.steps
    assert steps.index("entrusted job-1") < steps.index("answer")
    await end(scene)


async def test_without_the_option_it_is_a_plain_call(scene: JobScene) -> None:
    sink = await scene.post("jobs", job("done", usage=USAGE), later=False)
    assert dict(sink.headers)["faregate-charge-usd"] == "0.0000264"
    assert await scene.money() == (CHARGE, 0, 1, 0)


async def test_work_that_is_done_at_once_is_charged_at_once(scene: JobScene) -> None:
    sink = await scene.ask_for_job(job("done", usage=USAGE))
    assert dict(sink.headers)["faregate-charge-usd"] == "0.0000264"
    assert await scene.money() == (CHARGE, 0, 1, 0)
    assert len(scene.doors.waiting) == 0


async def test_work_that_fails_at_once_costs_nothing(scene: JobScene) -> None:
    await scene.ask_for_job(job("failed", error={"message": "no"}))
    assert await scene.money() == (0, 0, 0, 0)
    assert (await scene.record()).outcome is Outcome.UPSTREAM_ERROR


async def test_a_job_that_is_refused_is_no_work(scene: JobScene) -> None:
    sink = await scene.ask_for_job(said({"error": {"message": "bad"}}, 400))
    assert sink.status == 400
    assert await scene.money() == (0, 0, 0, 0)
    assert len(scene.doors.waiting) == 0


async def test_an_answer_that_names_nothing_exposes_what_it_may_cost(scene: JobScene) -> None:
    await scene.ask_for_job(said({"model": "m-1", "state": "queued"}))
    spent, on_hold, entries, exposed = await scene.money()
    assert (spent, on_hold, entries) == (0, 0, 1)
    assert exposed > 0


async def test_an_answer_that_breaks_off_after_the_name_leaves_the_work_to_us(scene: JobScene) -> None:
    event = b'data: {"id": "job-1", "state": "queued"}\n\n'
    stream = WatchedAnswer(event, CUT, headers=(("Content-Type", "text/event-stream"),))
    await scene.post("jobs", stream, later=True, stream=True)
    assert await held(scene) > HELD
    assert await scene.look(job("done", usage=USAGE)) is Look.DONE
    assert await scene.money() == (CHARGE, 0, 1, 0)


@pytest.mark.parametrize("state", ["failed", "cancelled"])
async def test_work_that_failed_without_usage_is_released(scene: JobScene, state: str) -> None:
    await scene.ask_for_job()
    assert await scene.look(job(state, usage=None)) is Look.FAILED
    assert await scene.money() == (0, 0, 0, 0)
    assert (await scene.record()).outcome is Outcome.UPSTREAM_ERROR


async def test_what_cancelled_work_reports_is_charged(scene: JobScene) -> None:
    await scene.ask_for_job()
    assert await scene.look(job("cancelled", usage=USAGE)) is Look.FAILED
    assert await scene.money() == (CHARGE, 0, 1, 0)


async def test_the_callers_own_look_closes_it_and_tells_the_charge(scene: JobScene) -> None:
    await scene.ask_for_job()
    sink = await scene.get(job("running"))
    assert (sink.status, await held(scene) > HELD) == (200, True)
    sink = await scene.get(job("done", usage=USAGE))
    assert dict(sink.headers)["faregate-charge-usd"] == "0.0000264"
    assert await scene.money() == (CHARGE, 0, 1, 0)
    sink = await scene.get(job("done", usage=USAGE))
    assert sink.status == 200
    assert await scene.money() == (CHARGE, 0, 1, 0)
    assert [record.outcome for record in await scene.records()] == [
        Outcome.FREE,
        Outcome.FREE,
        Outcome.FREE,
        "answered",
    ]


async def test_a_cancellation_that_ends_it_closes_it(scene: JobScene) -> None:
    await scene.ask_for_job()
    await scene.get(job("cancelled", usage=USAGE), "jobs/job-1/cancel", "POST")
    assert await scene.money() == (CHARGE, 0, 1, 0)


async def test_two_looks_and_a_caller_at_the_same_moment_charge_once(scene: JobScene) -> None:
    await scene.ask_for_job()
    waited = scene.waited
    gates = scene.trail.stops("end")
    scene.upstream.answers(job("done", usage=USAGE), job("done", usage=USAGE))
    looks = [scene.tasks.start(later.look_after(waited, scene.doors), name="look") for _ in range(2)]
    await gates.until_reached()
    caller = scene.play(job("done", usage=USAGE), body=b"", head=asked("/acme/v1/jobs/job-1", method="GET"))
    await asyncio.sleep(0.01)
    gates.opened.set()
    assert await asyncio.gather(*looks) == [Look.DONE, Look.DONE]
    await caller
    assert await scene.money() == (CHARGE, 0, 1, 0)
    [charged] = [v for labels, v in scene.metrics.charge._counted.items() if labels == ("acme",)]
    assert charged == CHARGE


async def test_another_tenants_job_is_not_found(scene: JobScene) -> None:
    await scene.ask_for_job()
    sink = await scene.get(job("done"), "jobs/job-2")
    assert sink.status == 404
    await end(scene)


async def test_the_same_object_twice_is_charged_once_and_the_second_hold_is_given_back(scene: JobScene) -> None:
    await scene.ask_for_job()
    first = await held(scene)
    sink = await scene.ask_for_job()
    assert sink.status == 200
    assert await held(scene) == first
    assert await scene.look(job("done", usage=USAGE)) is Look.DONE
    assert await scene.money() == (CHARGE, 0, 1, 0)


async def test_after_a_restart_the_work_is_waited_for_again(scene: JobScene, tmp_path: Path) -> None:
    await scene.ask_for_job()
    before = await held(scene)
    await scene.books.close()
    await scene.books.open(CARD)
    scene.doors = structs.replace(scene.doors, waiting=type(scene.doors.waiting)())
    assert await scene.books.open_holds(scene.books.epoch) == []
    assert await later.resume(scene.doors) == 1
    assert await held(scene) == before
    assert await scene.look(job("done", usage=USAGE)) is Look.DONE
    assert await scene.money() == (CHARGE, 0, 1, 0)


async def test_it_is_priced_with_the_card_and_the_margins_of_its_hold(scene: JobScene) -> None:
    await scene.ask_for_job()
    await scene.books.set_margin((None, None, None), "300", scene.clock.now())
    dearer = tuple(structs.replace(r, usd="1000") for r in CARD.integrations["acme"][0].rates)
    card = structs.replace(
        CARD, version="card-2", integrations={"acme": (structs.replace(CARD.integrations["acme"][0], rates=dearer),)}
    )
    await scene.books.use_rates(card, scene.clock.now())
    assert await scene.look(job("done", usage=USAGE)) is Look.DONE
    assert await scene.money() == (CHARGE, 0, 1, 0)
    assert (await scene.books.verify()).ok


FACTS = Facts(asked={"video_seconds": 8}, beside={"diarized_seconds": "audio_seconds"}, tier="720p", region="eu")


@pytest.mark.parametrize(
    ("reading", "fate", "usage", "where"),
    [
        (Reading(), Fate.DONE, {"video_seconds": 8}, ("720p", "eu")),
        (Reading(), Fate.FAILED, {}, ("720p", "eu")),
        (
            Reading(usage={"audio_seconds": 61}, reported=True),
            Fate.DONE,
            {"audio_seconds": 61, "diarized_seconds": 61},
            ("720p", "eu"),
        ),
        (Reading(usage={"pages": 1}, reported=True, tier="fast"), Fate.DONE, {"pages": 1}, ("fast", "eu")),
        (Reading(usage={"pages": 1}, reported=True, region="us"), Fate.FAILED, {"pages": 1}, ("720p", "us")),
    ],
    ids=["asked", "asked in vain", "beside", "another tier", "another region"],
)
def test_what_only_the_request_said_completes_an_answer(
    reading: Reading, fate: Fate, usage: dict[str, int], where: tuple[str, str]
) -> None:
    whole = later.completed(reading, FACTS, fate)
    assert (dict(whole.usage), (whole.tier, whole.region)) == (usage, where)
    assert whole.reported is bool(usage)


def test_what_the_request_said_of_its_price_is_kept() -> None:
    bound = BoundSpec(
        measures=(Measure("input_tokens", "number", ("seconds",)),),
        addons=(Addon("output_tokens", "input_tokens", {"speakers": "true"}),),
        variants=(Variant("size"),),
    )
    route = structs.replace(make_route(), endpoint=make_endpoint(bound=bound))
    dear = structs.replace(MODEL, rates=(*MODEL.rates, Rate("input_tokens", "9", tier="4k")))
    body = {"seconds": 8, "speakers": True, "size": "4K"}
    permit = structs.replace(make_permit(body), route=route, rates=dear, region="eu")
    assert later.facts_said(permit, structs.replace(JOB, asked=True), {"id": "x"}) == Facts(
        {"id": "x"}, {"input_tokens": 8}, {"output_tokens": "input_tokens"}, "4k", "eu"
    )
    assert later.facts_said(permit, JOB, {}).asked == {}


@pytest.mark.parametrize(
    "answer",
    [job("", status=500), job("", status=401), job("", status=429), WatchedAnswer(b'{"id": "job-1", "sta'), job("odd")],
    ids=["500", "401", "429", "cut", "a word that nobody knows"],
)
async def test_what_cannot_be_seen_is_looked_at_again(scene: JobScene, answer: WatchedAnswer) -> None:
    await scene.ask_for_job()
    assert await scene.look(answer) in (Look.UNSEEN, Look.RUNS)
    assert await held(scene) > HELD
    await end(scene)


async def test_a_look_that_breaks_off_is_repeated(scene: JobScene) -> None:
    await scene.ask_for_job()
    assert await scene.look(WatchedAnswer(b'{"id"', CUT)) is Look.UNSEEN
    assert scene.waited.failures == 1
    assert await scene.look(job("running")) is Look.RUNS
    assert scene.waited.failures == 0
    await end(scene)


async def test_done_without_usage_is_not_believed_at_once(scene: JobScene) -> None:
    await scene.ask_for_job()
    assert await scene.look(job("done")) is Look.UNSEEN
    assert await held(scene) > HELD
    assert await scene.look(job("done", usage=USAGE)) is Look.DONE


async def test_what_the_provider_does_not_know_is_exposed_after_a_while(scene: JobScene) -> None:
    await scene.ask_for_job()
    assert await scene.look(job("", status=404)) is Look.UNKNOWN
    scene.wait(later.UNKNOWN_S - 1)
    assert await scene.look(job("", status=404)) is Look.UNKNOWN
    assert await held(scene) > HELD
    scene.wait(1)
    await scene.look(job("", status=404))
    spent, on_hold, entries, exposed = await scene.money()
    assert (spent, on_hold, entries) == (0, 0, 0)
    assert exposed > 0
    record = await scene.record()
    assert record.outcome is Outcome.UPSTREAM_FAILED


async def test_an_object_that_is_known_again_was_never_lost(scene: JobScene) -> None:
    await scene.ask_for_job()
    await scene.look(job("", status=404))
    scene.wait(later.UNKNOWN_S)
    assert await scene.look(job("running")) is Look.RUNS
    assert await scene.look(job("", status=404)) is Look.UNKNOWN
    assert await held(scene) > HELD
    await end(scene)


async def test_two_days_after_its_deadline_it_is_released_as_exposure(scene: JobScene) -> None:
    await scene.ask_for_job()
    scene.wait(24 * HOUR_S + later.GRACE_S - 1)
    assert await scene.look(job("running")) is Look.RUNS
    scene.wait(2)
    assert await scene.look(job("running")) is Look.RUNS
    assert await held(scene) > HELD, "for an hour it may be the clock that is wrong"
    scene.wait(later.OVERDUE_S)
    assert await scene.look(job("running")) is Look.RUNS
    spent, on_hold, entries, exposed = await scene.money()
    assert (spent, on_hold, entries) == (0, 0, 0)
    assert exposed > 0
    assert (await scene.record()).outcome is Outcome.TIMED_OUT
    [exposure] = await scene.books.exposures(1)
    assert (exposure.at_most, exposure.reason) == (True, "timed_out")


async def test_a_clock_that_jumps_and_comes_back_releases_nothing(scene: JobScene) -> None:
    await scene.ask_for_job()
    before = scene.clock.micros
    scene.clock.micros += 30 * 86_400_000_000
    assert await scene.look(job("running")) is Look.RUNS
    scene.clock.micros = before
    scene.wait(60)
    assert await scene.look(job("running")) is Look.RUNS
    scene.wait(later.OVERDUE_S)
    assert await scene.look(job("running")) is Look.RUNS
    assert await held(scene) > HELD
    assert await scene.look(job("done", usage=USAGE)) is Look.DONE
    assert await scene.money() == (CHARGE, 0, 1, 0)


async def test_what_cannot_be_reached_is_never_given_up(scene: JobScene) -> None:
    await scene.ask_for_job()
    for _ in range(5):
        scene.wait(30 * 24 * HOUR_S)
        assert await scene.look(job("", status=503)) is Look.UNSEEN
    assert await held(scene) > HELD
    await end(scene)


async def test_work_of_an_integration_that_is_off_is_kept(scene: JobScene, caplog: pytest.LogCaptureFixture) -> None:
    await scene.ask_for_job()
    on = scene.doors
    scene.doors = structs.replace(on, house=structs.replace(on.house, integrations={}))
    assert await scene.look() is Look.UNSEEN
    assert "its integration is off" in caplog.text
    scene.doors = on
    await end(scene)


async def test_a_ledger_that_cannot_commit_leaves_it_for_the_next_look(scene: JobScene) -> None:
    await scene.ask_for_job()
    scene.trail.raises("end", LedgerUnavailable("full"))
    sink = await scene.get(job("done", usage=USAGE))
    assert (sink.status, "faregate-charge-usd" in dict(sink.headers)) == (200, False)
    with pytest.raises(LedgerUnavailable):
        await scene.look(job("done", usage=USAGE))
    del scene.trail.at["end"]
    assert await scene.look(job("done", usage=USAGE)) is Look.DONE
    assert await scene.money() == (CHARGE, 0, 1, 0)


async def test_a_job_that_cannot_be_recorded_is_not_relayed(scene: JobScene) -> None:
    scene.trail.raises("entrust", LedgerUnavailable("full"))
    sink = await scene.ask_for_job()
    assert sink.status == 503
    assert b"job-1" not in sink.sent
    spent, on_hold, _, exposed = await scene.money()
    assert (spent, on_hold) == (0, 0)
    assert exposed > 0


class TestDeleting:
    """What tells of work that runs cannot be deleted: nobody would know what it used."""

    async def test_is_refused_while_it_runs(self, scene: JobScene) -> None:
        await scene.ask_for_job()
        sink = await scene.get(job("running"), method="DELETE")
        assert (sink.status, b"job-1 belongs to work that is not over" in sink.sent) == (400, True)
        await end(scene)

    async def test_closes_what_is_over_first(self, scene: JobScene) -> None:
        await scene.ask_for_job()
        task = scene.play(
            job("done", usage=USAGE),
            said({"deleted": True}),
            body=b"",
            head=asked("/acme/v1/jobs/job-1", method="DELETE"),
        )
        await task
        await scene.quiet()
        assert scene.sink.status == 200
        assert await scene.money() == (CHARGE, 0, 1, 0)
        assert await scene.books.owned("acme", "job-1") is None

    async def test_holds_for_its_results_too(self, scene: JobScene) -> None:
        await scene.ask_for_job()
        await scene.get(job("running", output="file-9"))
        sink = await scene.get(job("running", output="file-9"), "files/file-9", "DELETE")
        assert sink.status == 400
        await end(scene)


REQUESTS = [{"id": n, "ask": {"model": "m-1", "messages": [{"content": "Why?"}], "max_tokens": 10}} for n in "ab"]


class TestBatches:
    """Many requests as one: what they use stands in their results."""

    async def begin(self, scene: JobScene, requests: Any = None) -> Any:
        return await scene.post("batches", job(), requests=REQUESTS if requests is None else requests)

    async def test_are_held_for_all_their_requests(self, scene: JobScene) -> None:
        sink = await self.begin(scene)
        assert sink.status == 200
        two = await held(scene)
        assert 2 * 10 * 4_800 < two < 2 * 200 * 4_800
        [open_hold] = await scene.books.holds()
        assert (open_hold.model, open_hold.endpoint) == ("m-1", "batches")
        await end(scene)

    async def test_are_charged_what_their_results_add_up_to(self, scene: JobScene) -> None:
        await self.begin(scene)
        found = await scene.look(
            job("done", output="file-1", usage={"prompt": 999, "completion": 999}),
            lines(result(prompt=4, completion=1), {"id": "failed", "body": None}, result(prompt=6, completion=2)),
        )
        assert found is Look.DONE
        assert await scene.money() == (CHARGE, 0, 1, 0)
        owned = await scene.books.owned("acme", "file-1")
        assert owned is not None
        assert owned.tenant == TENANT.id
        entry = (await scene.books.entries(TENANT.id, 1))[0]
        [part] = read_bill(entry.bill).parts
        assert (part.conditions.tier, part.conditions.context) == ("fast", 6)

    async def test_own_what_a_callers_look_names_and_are_read_soon(self, scene: JobScene) -> None:
        await self.begin(scene)
        await scene.get(job("done", output="file-1"), "batches/job-1")
        assert await held(scene) > 0
        assert (await scene.books.owned("acme", "file-1")) is not None
        due = await asyncio.wait_for(scene.doors.waiting.due(scene.clock), 1)
        assert due is scene.waited
        await scene.look(job("done", output="file-1"), lines(result(**USAGE)))
        assert await scene.money() == (CHARGE, 0, 1, 0)

    async def test_are_charged_by_their_results_even_if_a_callers_look_shows_their_own_word(
        self, scene: JobScene
    ) -> None:
        await self.begin(scene)
        own_word = job("done", output="file-1", usage={"prompt": 999, "completion": 999})
        sink = await scene.get(own_word, "batches/job-1")
        assert "faregate-charge-usd" not in dict(sink.headers)
        assert await held(scene) > 0
        await scene.look(job("done", output="file-1"), lines(result(**USAGE)))
        assert await scene.money() == (CHARGE, 0, 1, 0)

    async def test_whose_results_are_gone_are_charged_by_their_own_word(self, scene: JobScene) -> None:
        await self.begin(scene)
        assert await scene.look(job("done", output="file-1", usage=USAGE), job(status=404)) is Look.DONE
        assert await scene.money() == (CHARGE, 0, 1, 0)

    async def test_whose_results_cannot_be_read_are_read_again(self, scene: JobScene) -> None:
        await self.begin(scene)
        done = job("done", output="file-1", usage=USAGE)
        for broken in (job(status=500), WatchedAnswer(b'{"id": 1}\n{"bo', headers=()), WatchedAnswer(b"{}\n", CUT)):
            assert await scene.look(job("done", output="file-1", usage=USAGE), broken) is Look.UNSEEN
        assert await scene.look(done, lines(result(**USAGE))) is Look.DONE
        assert await scene.money() == (CHARGE, 0, 1, 0)

    async def test_all_of_whose_requests_failed_cost_nothing(self, scene: JobScene) -> None:
        await self.begin(scene)
        assert await scene.look(job("done", output="file-1"), lines({"id": "a", "body": None})) is Look.DONE
        assert await scene.money() == (0, 0, 0, 0)

    async def test_an_id_that_leads_elsewhere_is_not_asked_for(self, scene: JobScene) -> None:
        await self.begin(scene)
        sent = len(scene.upstream.sent)
        assert await scene.look(job("done", output="../../admin", usage=USAGE)) is Look.DONE
        assert len(scene.upstream.sent) == sent + 1

    @pytest.mark.parametrize(
        ("requests", "why"),
        [
            ([], "at least one request"),
            ("x", "at least one request"),
            ([{"id": 1}], "Request 1"),
            ([{"ask": {"messages": []}}], "Request 1"),
            ([REQUESTS[0], {"ask": {"model": "unheard-of"}}], "Request 2: The model 'unheard-of'"),
        ],
    )
    async def test_that_cannot_be_bounded_are_refused(self, scene: JobScene, requests: Any, why: str) -> None:
        sink = await self.begin(scene, requests)
        assert sink.status in (400, 404)
        assert why in sink.sent.decode()
        assert scene.upstream.sent == []


class TestParts:
    """Work that no answer names: it has its name by the path, can be begun once, and its results come in pages."""

    async def begin(self, scene: JobScene, said_: Any = None) -> Any:
        return await scene.post("jobs/job-1/parts", said_ or said({}), requests=REQUESTS)

    async def end(self, scene: JobScene) -> None:
        assert await scene.look(job("failed"), said({"data": [], "more": None})) is Look.FAILED

    @pytest.fixture(autouse=True)
    async def made(self, scene: JobScene) -> None:
        await scene.post("empty-jobs", job("empty"))

    async def test_are_held_from_the_head_of_their_answer(self, scene: JobScene) -> None:
        sink = await self.begin(scene)
        assert (sink.status, sink.sent) == (200, b"{}")
        assert await held(scene) > 2 * 10 * 4_800
        assert scene.waited.open.work.object == "job-1/parts"
        assert scene.trail.steps.index("entrusted job-1/parts") < len(scene.trail.steps) - 1
        await self.end(scene)

    async def test_are_charged_over_all_pages(self, scene: JobScene) -> None:
        await self.begin(scene)
        page = said({"data": [result(prompt=4, completion=1), {"body": None}], "more": "a+b=="})
        last = said({"data": [result(prompt=6, completion=2)], "more": None})
        assert await scene.look(job("done"), page, last) is Look.DONE
        assert await scene.money() == (CHARGE, 0, 1, 0)
        asked_for = [request.target for request, _ in scene.upstream.sent[-3:]]
        assert asked_for == [
            "/v1/jobs/job-1",
            "/v1/jobs/job-1/results?size=2",
            "/v1/jobs/job-1/results?size=2&after=a%2Bb%3D%3D",
        ]

    async def test_whose_second_page_is_gone_are_read_again(self, scene: JobScene) -> None:
        await self.begin(scene)
        page = said({"data": [result(**USAGE)], "more": "x"})
        assert await scene.look(job("done"), page, job(status=404)) is Look.UNKNOWN
        assert await held(scene) > 0
        assert await scene.look(job("done"), said({"data": [result(**USAGE)]})) is Look.DONE
        assert await scene.money() == (CHARGE, 0, 1, 0)

    async def test_cannot_be_begun_twice_not_even_when_they_are_over(self, scene: JobScene) -> None:
        await self.begin(scene)
        sent, before = len(scene.upstream.sent), await held(scene)
        for over in (False, True):
            sink = await self.begin(scene)
            assert (sink.status, b"was begun before" in sink.sent) == (400, True)
            assert len(scene.upstream.sent) == sent
            assert await held(scene) == (0 if over else before)
            if not over:
                await self.end(scene)
                sent = len(scene.upstream.sent)

    async def test_two_at_the_same_moment_are_one(self, scene: JobScene) -> None:
        body = {"requests": REQUESTS}
        head = asked("/acme/v1/jobs/job-1/parts")
        await asyncio.gather(scene.play(body=body, head=head), scene.play(said({}), body=body, head=head))
        await scene.quiet()
        assert len(await scene.books.holds()) == 1
        await self.end(scene)

    async def test_that_were_refused_can_be_begun_again(self, scene: JobScene) -> None:
        assert (await self.begin(scene, said({"error": {"message": "full"}}, 400))).status == 400
        assert (await self.begin(scene)).status == 200
        await self.end(scene)

    async def test_that_may_have_been_begun_cannot_be_begun_again(self, scene: JobScene) -> None:
        lost = UpstreamFailed(Failure.NO_ANSWER, sent=True)
        head = asked("/acme/v1/jobs/job-1/parts")
        assert (await scene.played(lost, body={"requests": REQUESTS}, head=head)).status == 504
        assert (await self.begin(scene)).status == 400

    async def test_that_the_wallet_cannot_hold_can_be_begun_later(self, scene: JobScene) -> None:
        many = [{"ask": {**REQUESTS[0]["ask"], "max_tokens": 900}}] * 10_000
        sink = await scene.post("jobs/job-1/parts", said({}), requests=many)
        assert sink.status == 402
        assert (await self.begin(scene)).status == 200
        await self.end(scene)


async def test_what_is_over_is_said_in_one_line(scene: JobScene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "faregate.later")
    await scene.ask_for_job()
    await scene.look(job("done", usage=USAGE))
    assert (
        f"job job-1 of acme (call {(await scene.record()).id}) is over: answered, 0.0000264 USD charged" in caplog.text
    )
