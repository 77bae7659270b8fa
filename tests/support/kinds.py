"""Every kind of work that finishes later, in its provider's own shapes: how it is begun, looked at, and ends."""

import json
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.upstream import Seen, json_answer

Say = Callable[[str, str], Any]
"""Returns what the provider says of the object with an id, in one of the states `queued`, `completed`, `failed`."""

ASK = {"max_tokens": 100, "messages": [{"role": "user", "content": "Why?"}]}
MICRO = 1_000
"""A millionth of a dollar, in nanos: what a token costs at a dollar for a million."""


@dataclass(frozen=True)
class Kind:
    """One kind. `begin` are the requests that make it, `look` is the path of its owner's own look.

    `routes` are patterns of what the provider is asked, each with what it says; the group `id` names the object.
    `cost` is what the provider asks for what was used, in nanos.
    """

    name: str
    integration: str
    begin: tuple[tuple[str, Any], ...]
    look: str
    routes: tuple[tuple[str, Say], ...]
    usage: Mapping[str, Any]
    cost: int


@dataclass
class Maker:
    """The provider of one kind. `made` counts its objects; each look is of the one that the path names."""

    kind: Kind
    state: str = "queued"
    made: int = 0
    seen: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The id of the object that was made last."""
        return f"{self.kind.name}-{self.made}"

    def knows(self, line: str) -> bool:
        """Whether a request is for this kind: by its path, and the name of an object in it."""
        found = next((found for pattern, _ in self.kind.routes if (found := re.search(pattern, line))), None)
        named = found.groupdict().get("id") if found is not None else None
        return found is not None and (named is None or named.startswith(self.kind.name))

    def __call__(self, connection: socket.socket, seen: Seen) -> None:
        """Answer one request."""
        line = seen.line.rsplit(" ", 1)[0]
        self.seen.append(line)
        for pattern, say in self.kind.routes:
            if found := re.search(pattern, line):
                name = found.groupdict().get("id")
                if name is None:
                    self.made += line == f"POST {self.kind.begin[0][0]}"
                    name = self.name
                connection.sendall(_answer(say(name, self.state if name == self.name else "completed")))
                return
        connection.sendall(json_answer(b'{"error": {"message": "no such"}}', "404 Not Found"))


def _answer(document: Any) -> bytes:
    """Return a JSON answer, or for a list a file with a line for each, as providers send theirs."""
    if isinstance(document, list):
        lines = b"".join(json.dumps(each).encode() + b"\n" for each in document)
        return json_answer(lines).replace(b"application/json", b"application/octet-stream", 1)
    return json_answer(json.dumps(document).encode())


def form(content: bytes) -> bytes:
    """Return a form that uploads a file for a batch; its boundary is `b`."""
    return (
        b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n' + content + b"\r\n--b--\r\n"
    )


def _lines(url: str, model: str) -> bytes:
    line = {"custom_id": "a", "method": "POST", "url": url, "body": {**ASK, "model": model}}
    return form(json.dumps(line).encode() + b"\n" + json.dumps({**line, "custom_id": "b"}).encode())


def _chat(model: str, **more: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 30, "completion_tokens": 4, "total_tokens": 34, **more}
    message = {"role": "assistant", "content": "Because."}
    return {"object": "chat.completion", "model": model, "choices": [{"message": message}], "usage": usage}


def _results(model: str) -> Say:
    line = {"custom_id": "a", "response": {"status_code": 200, "body": _chat(model)}, "error": None}
    return lambda *_: [line, line]


def _file(name: str, _: str) -> Any:
    return {"id": f"file-{name}", "object": "file", "purpose": "batch"}


def _batch(name: str, state: str) -> Any:
    output = f"out-{name}" if state == "completed" else None
    return {"id": name, "object": "batch", "status": state, "output_file_id": output, "input_file_id": "f"}


def _openai_batch(name: str, integration: str, base: str, url: str, model: str, cost: int) -> Kind:
    return Kind(
        name=name,
        integration=integration,
        begin=(
            (f"{base}/files", _lines(url, model)),
            (f"{base}/batches", {"input_file_id": f"file-{name}-N", "endpoint": url, "completion_window": "24h"}),
        ),
        look=f"{base}/batches/{{id}}",
        routes=(
            (r"/files/out-[\w-]+/content$", _results(model)),
            (r"/files$", _file),
            (r"/batches(/(?P<id>[\w-]+))?$", _batch),
        ),
        usage={"input_tokens": 60, "output_tokens": 8},
        cost=cost,
    )


def _mistral(name: str, state: str) -> Any:
    word = {"queued": "RUNNING", "completed": "SUCCESS", "failed": "FAILED"}[state]
    output = f"out-{name}" if state == "completed" else None
    counts = {"total_requests": 2, "completed_requests": 2, "succeeded_requests": 2, "failed_requests": 0}
    known = {"id": name, "object": "batch", "endpoint": "/v1/chat/completions", "input_files": ["in"], "errors": []}
    return {**known, "created_at": 1, "status": word, "output_file": output, **counts}


def _xai_batch(name: str, state: str) -> Any:
    over = {"num_success": 2} if state == "completed" else {"num_error": 2}
    counts = {"num_pending": 2} if state == "queued" else {"num_pending": 0, **over}
    return {"batch_id": name, "state": {"num_requests": 2, **counts}}


def _xai_results(_: str, state: str) -> Any:
    answer = _chat("grok-4.3", cost_in_usd_ticks=400_000)
    kept = {"batch_result": {"response": {"chat_get_completion": answer}}}
    results = [kept, kept] if state == "completed" else [{"batch_result": {"error": "no"}}] * 2
    return {"results": results, "pagination_token": None}


def _xai_video(name: str, state: str) -> Any:
    if state == "completed":
        made = {"video": {"duration": 6}, "usage": {"cost_in_usd_ticks": 4_220_000_000}}
        return {"status": "done", "model": "grok-imagine-video", **made}
    return (
        {"status": "failed", "error": {"code": "x"}} if state == "failed" else {"request_id": name, "status": "pending"}
    )


def _video(name: str, state: str) -> Any:
    error = {"code": "x", "message": "No."} if state == "failed" else None
    return {"id": name, "object": "video", "model": "sora-2", "status": state, "seconds": "8", "error": error}


def _operation(name: str, state: str) -> Any:
    over = {"queued": {}, "completed": {"done": True, "response": {}}, "failed": {"done": True, "error": {"code": 3}}}
    return {"name": f"models/veo-3.1-generate-preview/operations/{name}", **over[state]}


def _response(name: str, state: str) -> Any:
    usage = {"input_tokens": 100, "output_tokens": 50} if state == "completed" else None
    return {"id": name, "object": "response", "status": state, "model": "gpt-5-mini", "output": [], "usage": usage}


def _transcript(name: str, state: str) -> Any:
    known = {"id": name, "audio_url": "https://a.example/a.mp3", "error": None}
    if state == "completed":
        return {**known, "status": "completed", "audio_duration": 61, "speech_model_used": "universal-2"}
    if state == "failed":
        return {**known, "status": "error", "audio_duration": None, "error": "Download error"}
    return {**known, "status": "queued", "audio_duration": None}


def _prediction(name: str, state: str) -> Any:
    word = {"queued": "processing", "completed": "succeeded", "failed": "failed"}[state]
    metrics = {"predict_time": 2.5} if state == "completed" else None
    known = {"id": name, "model": "stability-ai/sdxl", "version": "v1", "input": {}, "output": None, "logs": None}
    times = dict.fromkeys(("created_at", "started_at", "completed_at"), "2026-11-21T08:00:00Z")
    return {**known, **times, "status": word, "metrics": metrics, "error": None, "urls": {}}


_ONE = r"(/(?P<id>[\w-]+))?$"

KINDS = (
    _openai_batch("openai", "openai", "/v1", "/v1/chat/completions", "gpt-5-mini", 60 * 125 + 8 * 1_000),
    _openai_batch("groq", "groq", "/openai/v1", "/v1/chat/completions", "openai/gpt-oss-20b", 60 * 37 + 30 + 8 * 150),
    _openai_batch("azure", "azure-openai", "/openai/v1", "/chat/completions", "gpt-5-mini", 60 * 125 + 8 * 1_000),
    Kind(
        name="background",
        integration="azure-openai",
        begin=(
            (
                "/openai/v1/responses",
                {"model": "gpt-5-mini", "input": "Why?", "background": True, "max_output_tokens": 100},
            ),
        ),
        look="/openai/v1/responses/{id}",
        routes=((r"/responses" + _ONE, _response),),
        usage={"input_tokens": 100, "output_tokens": 50},
        cost=100 * 250 + 50 * 2_000,
    ),
    Kind(
        name="mistral",
        integration="mistral",
        begin=(
            (
                "/v1/batch/jobs",
                {"model": "mistral-small-latest", "endpoint": "/v1/chat/completions", "requests": [{"body": ASK}] * 2},
            ),
        ),
        look="/v1/batch/jobs/{id}",
        routes=(
            (r"/files/out-[\w-]+/content$", _results("mistral-small-latest")),
            (r"/batch/jobs" + _ONE, _mistral),
        ),
        usage={"input_tokens": 60, "output_tokens": 8},
        cost=60 * 75 + 8 * 300,
    ),
    Kind(
        name="xai",
        integration="xai",
        begin=(
            ("/v1/batches", {"name": "night"}),
            (
                "/v1/batches/xai-N/requests",
                {"batch_requests": [{"batch_request": {"chat_get_completion": {**ASK, "model": "grok-4.3"}}}] * 2},
            ),
        ),
        look="/v1/batches/{id}",
        routes=(
            (r"/batches/(?P<id>[\w-]+)/results", _xai_results),
            (r"/batches/[\w-]+/requests$", lambda *_: {}),
            (r"/batches" + _ONE, _xai_batch),
        ),
        usage={"input_tokens": 60, "output_tokens": 8},
        cost=2 * 40_000,
    ),
    Kind(
        name="clip",
        integration="xai",
        begin=(
            (
                "/v1/videos/generations",
                {
                    "model": "grok-imagine-video",
                    "prompt": "A tide",
                    "image": {"url": "https://a.example/a.png"},
                    "duration": 6,
                    "resolution": "720p",
                },
            ),
        ),
        look="/v1/videos/{id}",
        routes=((r"/videos/generations$", _xai_video), (r"/videos" + _ONE, _xai_video)),
        usage={"video_seconds": 6},
        cost=422_000_000,
    ),
    Kind(
        name="video",
        integration="openai",
        begin=(("/v1/videos", {"model": "sora-2", "prompt": "A tide", "seconds": "8", "size": "1280x720"}),),
        look="/v1/videos/{id}",
        routes=((r"/videos" + _ONE, _video),),
        usage={"video_seconds": 8},
        cost=800_000_000,
    ),
    Kind(
        name="veo",
        integration="gemini",
        begin=(
            (
                "/v1beta/models/veo-3.1-generate-preview:predictLongRunning",
                {"instances": [{"prompt": "A tide"}], "parameters": {"durationSeconds": 4, "resolution": "720p"}},
            ),
        ),
        look="/v1beta/models/veo-3.1-generate-preview/operations/{id}",
        routes=((r":predictLongRunning$|/operations/(?P<id>[\w-]+)$", _operation),),
        usage={"video_seconds": 4},
        cost=1_600_000_000,
    ),
    Kind(
        name="transcript",
        integration="assemblyai",
        begin=(
            (
                "/v2/transcript",
                {"audio_url": "https://a.example/a.mp3", "speech_models": ["universal-2"], "speaker_labels": True},
            ),
        ),
        look="/v2/transcript/{id}",
        routes=((r"/v2/transcript" + _ONE, _transcript),),
        usage={"audio_seconds": 61, "diarized_seconds": 61},
        cost=2_541_667 + 338_889,
    ),
    Kind(
        name="prediction",
        integration="replicate",
        begin=(("/v1/models/stability-ai/sdxl/predictions", {"input": {"prompt": "A tide"}}),),
        look="/v1/predictions/{id}",
        routes=((r"/sdxl/predictions$|/v1/predictions/(?P<id>[\w-]+)$", _prediction),),
        usage={"predict_seconds": 2.5},
        cost=2_437_500,
    ),
)
"""All kinds; those that the SDK tests drive (Anthropic's and Gemini's batches) are in `worker.py`."""
