"""What is uploaded as a batch is bounded line by line; what names the file is held for that."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from doubles.acme import TENANT
from doubles.books import make_id, make_tenant
from doubles.jobs import JobScene, job, said
from doubles.scene import WatchedSink, asked
from msgspec import structs

from proxy.bounds.lot import read_lot
from proxy.steps.survey import AT_ONCE
from proxy.store.doors import OwnedObject
from proxy.tenants.key import hash_secret

LINE: dict[str, Any] = {
    "id": 1,
    "url": "/v1/chat",
    "ask": {"model": "m-1", "messages": [{"content": "Why?"}], "max_tokens": 10},
}
UPLOADED = {"id": "x", "output": "file-1"}


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[JobScene]:
    made = await JobScene.opened(tmp_path)
    yield made
    await made.cleared()


def form(content: bytes, purpose: str = "batch", field: str = "file") -> bytes:
    return (
        b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n' + purpose.encode() + b"\r\n"
        b'--b\r\nContent-Disposition: form-data; name="' + field.encode() + b'"; filename="a.jsonl"\r\n\r\n'
        + content + b"\r\n--b--\r\n"
    )  # fmt: skip


async def upload(scene: JobScene, *lines: Any, body: bytes | None = None, **how: str) -> WatchedSink:
    content = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    head = asked("/acme/v1/files", ("content-type", "multipart/form-data; boundary=b"))
    return await scene.played(said(UPLOADED), body=form(content, **how) if body is None else body, head=head)


async def begin(scene: JobScene, file: Any = "file-1") -> WatchedSink:
    return await scene.played(job(), body={"file": file}, head=asked("/acme/v1/file-batches"))


async def test_a_file_is_bounded_at_its_upload_and_held_for_at_its_use(scene: JobScene) -> None:
    sink = await upload(scene, LINE, b"", LINE, b"  ", LINE)
    assert sink.status == 200
    assert await scene.money() == (0, 0, 0, 0)
    owned = await scene.books.owned("acme", "file-1")
    assert owned is not None
    lot = read_lot(owned.lot)
    assert (lot.requests, lot.models, {share.tier for share in lot.shares}) == (3, ("m-1",), {"fast"})
    assert (await begin(scene)).status == 200
    [hold] = await scene.books.holds()
    assert 3 * 10 * 4_800 < hold.wallet_nanos < 3 * 200 * 4_800
    assert (hold.model, hold.endpoint) == ("m-1", "file-batches")
    await scene.look(job("failed"))


async def test_a_file_for_something_else_is_not_looked_at(scene: JobScene) -> None:
    assert (await upload(scene, b"no json", purpose="assistants")).status == 200
    owned = await scene.books.owned("acme", "file-1")
    assert owned is not None
    assert owned.lot == ""
    sink = await begin(scene)
    assert (sink.status, b"Upload it again" in sink.sent) == (400, True)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "holds no requests"),
        ([LINE, b"{"], "Line 2 of the batch cannot be taken: the body is not valid JSON"),
        ([LINE, b"", {"url": "/v1/chat"}], "Line 3"),
        ([{**LINE, "url": "/v1/models"}], "no metered route"),
        ([{**LINE, "url": "/v1/elsewhere"}], "no metered route"),
        ([{**LINE, "url": "/v1/batches"}], "no metered route"),
        ([{**LINE, "ask": {"messages": []}}], "name a model"),
        ([{**LINE, "ask": {"model": "m-9"}}], "Line 1: The model 'm-9'"),
        ([{**LINE, "ask": {"model": "m-1", "max_tokens": -1}}], "Line 1"),
        ([{**LINE, "url": "/v1/jobs", "ask": {**LINE["ask"], "later": True}}], "cannot ask for later"),
        ([{**LINE, "ask": {**LINE["ask"], "previous": "ans-9"}}], "did not create here"),
    ],
)
async def test_a_line_that_could_not_be_sent_by_itself_is_refused(scene: JobScene, lines: list[Any], why: str) -> None:
    sink = await upload(scene, *lines)
    assert sink.status in (400, 404)
    assert why in json.loads(sink.sent)["error"]["message"]
    assert scene.upstream.sent == []


ASK = {"messages": [{"content": "Why?"}], "max_tokens": 10}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"route": "chat", "requests": [{"ask": ASK}]}, "name a model"),
        ({"route": "chat", "model": "m-1", "requests": [{"ask": {**ASK, "model": "m-2"}}]}, "another model than model"),
        ({"route": "/v1/chat", "model": "m-1", "requests": [{"ask": ASK}]}, "'/v1/chat' is no metered route"),
        ({"model": "m-1", "requests": [{"ask": ASK}]}, "'None' is no metered route"),
        ({"route": ["chat"], "model": "m-1", "requests": [{"ask": ASK}]}, "no metered route"),
        ({"route": "batch", "model": "m-1", "requests": [{"ask": ASK}]}, "no metered route"),
        ({"route": "job", "model": "m-1", "requests": [{"ask": {**ASK, "later": True}}]}, "cannot ask for later"),
    ],
)
async def test_requests_for_a_route_that_the_batch_names(scene: JobScene, body: dict[str, Any], why: str) -> None:
    sink = await scene.played(job(), body=body, head=asked("/acme/v1/mixed-batches"))
    assert sink.status == 400
    assert why in json.loads(sink.sent)["error"]["message"]
    assert scene.upstream.sent == []


async def test_requests_without_a_model_have_that_of_their_batch(scene: JobScene) -> None:
    body = {"route": "chat", "model": "m-1", "requests": [{"ask": ASK}, {"ask": {**ASK, "model": "m-1"}}]}
    sink = await scene.played(job(), body=body, head=asked("/acme/v1/mixed-batches"))
    assert sink.status == 200
    [hold] = await scene.books.holds()
    assert (hold.model, 2 * 10 * 4_800 < hold.wallet_nanos < 2 * 200 * 4_800) == ("m-1", True)
    await scene.look(job("failed"))


async def test_what_a_route_refuses_is_refused_in_a_batch(scene: JobScene) -> None:
    line = {**LINE, "ask": {**LINE["ask"], "logprobs": True}}
    assert b"Line 1 of the batch cannot be taken: No logprobs" in (await upload(scene, line)).sent
    requests = [{"ask": LINE["ask"]}, {"ask": line["ask"]}]
    sink = await scene.played(job(), body={"route": "chat", "requests": requests}, head=asked("/acme/v1/mixed-batches"))
    assert b"Request 2 of the batch cannot be taken: No logprobs" in sink.sent


async def test_work_that_finishes_later_is_no_part_of_a_batch(scene: JobScene) -> None:
    assert b"cannot ask for a job" in (await upload(scene, {**LINE, "url": "/v1/films"})).sent


async def test_a_form_that_cannot_be_read_is_refused(scene: JobScene) -> None:
    assert b"no end" in (await upload(scene, body=b"--b\r\nhello")).sent
    assert b"no field 'file'" in (await upload(scene, LINE, field="other")).sent


@pytest.mark.parametrize("file", [None, 7, ""])
async def test_a_batch_names_its_file(scene: JobScene, file: Any) -> None:
    sink = await begin(scene, file)
    assert (sink.status, b"must name an uploaded file" in sink.sent) == (400, True)


async def test_nobody_uses_anothers_file(scene: JobScene) -> None:
    other = make_tenant(2, name="other")
    await scene.books.create_tenant(other)
    lot = '{"requests":1,"models":["m-1"],"shares":[]}'
    await scene.books.own([OwnedObject("acme", "file-1", other.id, "file", make_id("call", 99), 0, None, lot)])
    assert (await begin(scene)).status == 404
    assert (await begin(scene, "file-2")).status == 404


async def test_a_key_that_may_not_use_the_model_may_not_in_a_batch_either(scene: JobScene) -> None:
    await upload(scene, LINE)
    [key] = await scene.books.keys(TENANT.id, 10)
    limited = structs.replace(key, id=make_id("key", 7), models=("m-2",))
    await scene.books.create_key(limited, hash_secret("fg-limited"))
    head = asked("/acme/v1/file-batches", key="fg-limited")
    sink = await scene.played(job(), body={"file": "file-1"}, head=head)
    assert sink.status == 403
    requests = [{"ask": LINE["ask"]}]
    sink = await scene.played(job(), body={"requests": requests}, head=asked("/acme/v1/batches", key="fg-limited"))
    assert (sink.status, b"Request 1: This key may not use" in sink.sent) == (403, True)
    assert len(scene.upstream.sent) == 1, "the upload"


async def test_other_calls_get_their_turn_while_a_large_file_is_read(scene: JobScene) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = scene.tasks.start(count(), name="count")
    content = form(b"\n".join([json.dumps(LINE).encode()] * (AT_ONCE * 30)))
    head = asked("/acme/v1/files", ("content-type", "multipart/form-data; boundary=b"))
    await scene.play(said(UPLOADED), body=content, head=head)
    counting.cancel()
    assert turns > 30
