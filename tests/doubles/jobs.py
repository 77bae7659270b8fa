"""Acme with work that finishes later: jobs, batches with results, and files that hold many requests."""

import json
from pathlib import Path
from typing import Any

from doubles.acme import ANSWER, BOUND, MODELS, make_endpoint, make_house, make_integration
from doubles.scene import RealBooks, Scene, WatchedAnswer, WatchedSink, asked
from msgspec import structs

from proxy.clock import MICROS_PER_SECOND
from proxy.later import Look, look_after
from proxy.providers.endpoint import Endpoint, ObjectRule, RefuseRule
from proxy.providers.later import Later, Results
from proxy.providers.many import Many
from proxy.providers.match import Match
from proxy.usage.spec import Objects, ReaderSpec
from proxy.waiting import Waited
from proxy.wire.framing import Framing

UNITS: dict[str, Any] = {"input_tokens": "prompt", "output_tokens": "completion"}
JOB_READER = ReaderSpec(
    source="by hand",
    model=("model",),
    usage=("usage",),
    units=UNITS,
    state=("state",),
    failed=("error",),
    objects=(Objects("job", ("id",)), Objects("output", ("output",)), Objects("thread", ("thread",))),
)
RESULTS_READER = ReaderSpec(source="by hand", answers=("body",), model=("model",), usage=("usage",), units=UNITS)
JOB = Later(
    kind="job",
    look="/v1/jobs/{id}",
    reader=JOB_READER,
    done=("done",),
    failed=("failed", "cancelled"),
    deadline_s=86_400,
    when=Match("later", equals=True),
)
BATCH = structs.replace(
    JOB,
    look="/v1/batches/{id}",
    when=None,
    tier="fast",
    results=Results("/v1/files/{output}/content", RESULTS_READER, Framing.NDJSON),
)
PARTS = structs.replace(
    JOB,
    kind="part",
    at="{job_id}/parts",
    look="/v1/jobs/{job_id}",
    when=None,
    results=Results(
        "/v1/jobs/{job_id}/results?size=2",
        structs.replace(RESULTS_READER, answers=("data[].body",), next_page="more"),
        pages="after",
    ),
)
"""Parts of a job that was made before: their answer names nothing, and their results have pages."""

HOUR_S = 3_600
URLS = {"chat": "/v1/chat", "job": "/v1/jobs", "batch": "/v1/batches"}
USAGE = {"prompt": 10, "completion": 3}
"""Costs what `scene.CHARGE` says."""


def endpoints() -> list[Endpoint]:
    """Return the routes."""
    no_logprobs = (RefuseRule(Match("logprobs", equals=True), "No logprobs."),)
    chat = make_endpoint(objects=ObjectRule(creates=True), refuse=no_logprobs)
    free: dict[str, Any] = {"free": True, "bound": None, "stream": ""}
    tells = ObjectRule(at="job_id", tells=True, creates=True)
    makes = ObjectRule(creates=True)
    of_job: dict[str, Any] = {**free, "reader": JOB_READER}
    return [
        chat,
        MODELS,
        ANSWER,
        make_endpoint("/v1/jobs", name="jobs", reader=JOB_READER, objects=makes, later=JOB),
        make_endpoint(
            "/v1/films", name="films", reader=JOB_READER, objects=makes, later=structs.replace(JOB, when=None)
        ),
        make_endpoint("/v1/jobs/{job_id}", name="jobs/get", method="GET", objects=tells, **of_job),
        make_endpoint("/v1/jobs/{job_id}/cancel", name="jobs/cancel", json_body=False, objects=tells, **of_job),
        make_endpoint(
            "/v1/jobs/{job_id}",
            name="jobs/delete",
            method="DELETE",
            objects=ObjectRule(at="job_id", deletes=True),
            **{**free, "reader": None},
        ),
        make_endpoint(
            "/v1/batches",
            name="batches",
            reader=JOB_READER,
            bound=None,
            objects=makes,
            later=BATCH,
            many=Many(list="requests", request="ask", model="model", bound=BOUND, tiers=("fast",)),
        ),
        make_endpoint(
            "/v1/mixed-batches",
            name="mixed-batches",
            reader=JOB_READER,
            bound=None,
            objects=makes,
            later=BATCH,
            many=Many(
                list="requests",
                request="ask",
                model="model",
                url="route",
                urls=URLS,
                shared_model="model",
                tiers=("fast",),
            ),
        ),
        make_endpoint("/v1/empty-jobs", name="empty-jobs", objects=makes, **of_job),
        make_endpoint(
            "/v1/jobs/{job_id}/parts",
            name="parts",
            reader=JOB_READER,
            bound=None,
            objects=ObjectRule(at="job_id"),
            later=PARTS,
            many=Many(list="requests", request="ask", model="model", url="/v1/chat", tiers=("fast",)),
        ),
        make_endpoint("/v1/batches/{job_id}", name="batches/get", method="GET", objects=tells, **of_job),
        make_endpoint(
            "/v1/file-batches",
            name="file-batches",
            reader=JOB_READER,
            bound=None,
            objects=makes,
            later=BATCH,
            many=Many(file="file", tiers=("fast",)),
        ),
        make_endpoint(
            "/v1/files",
            name="files",
            json_body=False,
            objects=makes,
            many=Many(upload="file", where={"purpose": "batch"}, url="url", request="ask", tiers=("fast",)),
            **of_job,
        ),
        make_endpoint(
            "/v1/files/{file_id}",
            name="files/delete",
            method="DELETE",
            objects=ObjectRule(at="file_id", deletes=True),
            **{**free, "reader": None},
        ),
    ]


class JobScene(Scene):
    """A house whose provider takes jobs and batches."""

    @classmethod
    async def opened(cls, folder: Path) -> "JobScene":
        """Open one with real books; its clock is moved by hand."""
        clock_of: list[JobScene] = []

        class Clock:
            def now(self) -> int:
                return clock_of[0].clock.now()

            def monotonic(self) -> float:
                return clock_of[0].clock.monotonic()

        books = RealBooks(folder / "books.db", Clock())
        scene = cls(books)
        clock_of.append(scene)
        scene.doors = structs.replace(scene.doors, house=make_house(make_integration(*endpoints())))
        await scene.open()
        return scene

    def wait(self, seconds: float, *, wall: bool = True) -> None:
        """Let time pass; without `wall` on the steady clock alone."""
        self.clock.seconds += seconds
        if wall:
            self.clock.micros += int(seconds * MICROS_PER_SECOND)

    @property
    def waited(self) -> Waited:
        """The one piece of work that is waited for."""
        [waited] = self.doors.waiting
        return waited

    async def look(self, *answers: WatchedAnswer, waited: Waited | None = None) -> Look:
        """Look at the one piece of work, which the provider tells of so."""
        self.upstream.answers(*answers)
        return await look_after(waited or self.waited, self.doors)

    async def ask_for_job(self, said: WatchedAnswer | None = None) -> WatchedSink:
        """Let a caller begin a job."""
        return await self.post("jobs", said or job(), later=True)

    async def post(self, route: str, said: WatchedAnswer, **body: Any) -> WatchedSink:
        """Let a caller ask for something."""
        question = {"model": "m-1", "messages": [{"role": "user", "content": "Why?"}], "max_tokens": 100, **body}
        return await self.played(said, body=question, head=asked(f"/acme/v1/{route}"))

    async def get(self, said: WatchedAnswer, target: str = "jobs/job-1", method: str = "GET") -> WatchedSink:
        """Let the caller ask how it is, or for its end."""
        return await self.played(said, body=b"", head=asked(f"/acme/v1/{target}", method=method))

    async def cleared(self) -> None:
        """At the end nothing is on hold, and the books are in order."""
        await self.quiet()
        verdict = await self.books.verify()
        assert (verdict.ok, verdict.open_holds, verdict.faults) == (True, 0, ())
        await self.books.close()


def job(state: str = "queued", *, status: int = 200, **more: Any) -> WatchedAnswer:
    """Return what the provider says of a job."""
    return said({"id": "job-1", "model": "m-1", "state": state, **more}, status)


def said(document: Any, status: int = 200) -> WatchedAnswer:
    """Return a JSON answer."""
    return WatchedAnswer(json.dumps(document).encode(), status=status)


def lines(*documents: Any) -> WatchedAnswer:
    """Return an answer of lines, cut into two pieces at an odd place."""
    text = b"".join(json.dumps(each).encode() + b"\n" for each in documents)
    return WatchedAnswer(text[:17], text[17:], headers=(("Content-Type", "application/octet-stream"),))


def result(**usage: int) -> dict[str, Any]:
    """Return a line of results."""
    return {"id": "x", "body": {"model": "m-1", "usage": usage}}
