"""A provider whose work finishes later, in the shapes of OpenAI, Anthropic and Gemini: one object of each kind."""

import json
import re
import socket
from typing import Any

from support.upstream import Seen, json_answer

OPENAI_USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 50,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 150,
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5-20251001",
    "content": [{"type": "text", "text": "Because."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 20, "output_tokens": 5, "service_tier": "batch"},
}
COUNTS = {"processing": 0, "succeeded": 2, "errored": 0, "canceled": 0, "expired": 0}
GENERATED = {
    "candidates": [{"content": {"parts": [{"text": "Because."}], "role": "model"}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 13, "candidatesTokenCount": 1, "totalTokenCount": 14},
    "modelVersion": "gemini-2.5-flash",
}


class Worker:
    """Answers as the provider of its work does; `state` is OpenAI's word for how far all of it has come."""

    def __init__(self) -> None:
        self.state = "queued"
        self.gone = False
        self.seen: list[str] = []

    @property
    def done(self) -> bool:
        """Whether the work is over."""
        return self.state not in ("queued", "in_progress")

    def __call__(self, connection: socket.socket, seen: Seen) -> None:
        """Answer one request."""
        line = seen.line.rsplit(" ", 1)[0]
        self.seen.append(line)
        if self.gone:
            missing = json_answer(b'{"error": {"message": "no such"}}').replace(b"200 OK", b"404 Not Found")
            connection.sendall(missing)
            return
        connection.sendall(json_answer(self._body(line)))

    def _body(self, line: str) -> bytes:
        for pattern, method in _ROUTES:
            if re.search(pattern, line):
                return _text(getattr(self, method)())
        raise AssertionError(line)

    def _results(self) -> list[Any]:
        body = {"model": "gpt-5-mini-2025-08-07", "usage": OPENAI_USAGE}
        return [{"custom_id": str(n), "response": {"status_code": 200, "body": body}} for n in range(2)]

    def _file(self) -> Any:
        facts = {"bytes": 10, "created_at": 1, "filename": "a.jsonl", "status": "processed"}
        return {"id": "file-in", "object": "file", "purpose": "batch", **facts}

    def _batch(self) -> Any:
        facts = {"endpoint": "/v1/responses", "input_file_id": "file-in", "completion_window": "24h", "created_at": 1}
        output = "file-out" if self.state == "completed" else None
        state = {"status": self.state, "output_file_id": output, "usage": None}
        return {"id": "batch_1", "object": "batch", **facts, **state}

    def _response(self) -> Any:
        facts = {"created_at": 1, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "background": True}
        usage = OPENAI_USAGE if self.state == "completed" else None
        known = {"id": "resp_1", "object": "response", "status": self.state, "model": "gpt-5-mini-2025-08-07"}
        return {**known, **facts, "output": [], "error": None, "usage": usage}

    def _message_batch(self) -> Any:
        times = {"created_at": "2026-11-21T08:00:00Z", "expires_at": "2026-11-22T08:00:00Z"}
        state = "ended" if self.done else "in_progress"
        known = {"id": "msgbatch_1", "type": "message_batch", "processing_status": state, "request_counts": COUNTS}
        return {**known, **times, "ended_at": None, "results_url": "/v1/messages/batches/msgbatch_1/results"}

    def _message_results(self) -> list[Any]:
        return [{"custom_id": str(n), "result": {"type": "succeeded", "message": MESSAGE}} for n in range(2)]

    def _operation(self) -> Any:
        state = "BATCH_STATE_SUCCEEDED" if self.done else "BATCH_STATE_PENDING"
        known = {"name": "batches/b1", "metadata": {"state": state, "model": "models/gemini-2.5-flash"}}
        answers = {"inlinedResponses": {"inlinedResponses": [{"response": GENERATED}] * 2}}
        return {**known, "done": True, "response": answers} if self.done else known


_ROUTES = (
    (r"/files/file-out/content", "_results"),
    (r"/v1/files", "_file"),
    (r"/v1/messages/batches/\w+/results", "_message_results"),
    (r"/v1/messages/batches", "_message_batch"),
    (r":batchGenerateContent|/batches/b1", "_operation"),
    (r"/v1/batches", "_batch"),
    (r"/v1/responses", "_response"),
)


def _text(document: Any) -> bytes:
    """Return a document as JSON, a list as a line for each."""
    if isinstance(document, list):
        return b"\n".join(json.dumps(each).encode() for each in document)
    return json.dumps(document).encode()
