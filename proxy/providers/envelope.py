"""Error envelopes: a refusal in the shape that makes the provider's own SDK raise its own typed error.

An envelope is a JSON template. A string that is exactly `{message}`, `{code}`, `{type}`, `{status}`, `{call_id}`
is replaced by that value; an object with the member `"{facts}": true` is given the refusal's extra facts.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, json

from proxy.errors import Refused
from proxy.wire.event_stream import write_frame
from proxy.wire.framing import Framing


class Envelope(Struct, frozen=True, forbid_unknown_fields=True):
    """How one provider shapes errors. `types` maps an HTTP status or a refusal's code to `{type}`.

    `headers` are sent beside the body; their values are filled like it. `stream` is the event that ends a broken
    stream: an optional SSE event name, and its data template; in a stream of frames it is the exception `stream_frame`.
    """

    body: dict[str, Any]
    types: dict[str, str]
    default_type: str
    stream: dict[str, Any] | None = None
    stream_event: str = ""
    stream_frame: str = ""
    headers: dict[str, str] = {}

    def heads(self, refused: Refused, call_id: str) -> list[tuple[str, str]]:
        """Return the headers that tell an SDK which error a refusal is."""
        filled = self._fill(self.headers, refused, call_id)
        return [(name, str(value)) for name, value in filled.items()]

    def render(self, refused: Refused, call_id: str) -> bytes:
        """Return the JSON body of a refusal."""
        return json.encode(self._fill(self.body, refused, call_id))

    def event(self, refused: Refused, call_id: str, framing: Framing = Framing.SSE) -> bytes:
        """Return the event that tells an SDK that its stream has failed; empty where there is no such event."""
        if self.stream is None:
            return b""
        if framing is Framing.FRAMES:
            return self._frame(json.encode(self._fill(self.stream, refused, call_id)))
        head = f"event: {self.stream_event}\n".encode() if self.stream_event else b""
        return head + b"data: " + json.encode(self._fill(self.stream, refused, call_id)) + b"\n\n"

    def _frame(self, payload: bytes) -> bytes:
        """Return the frame that is an exception."""
        if not self.stream_frame:
            return b""
        kind = {":message-type": "exception", ":exception-type": self.stream_frame}
        return write_frame({**kind, ":content-type": "application/json"}, payload)

    def _fill(self, template: dict[str, Any], refused: Refused, call_id: str) -> Any:
        refusal = refused.refusal
        type_ = self.types.get(refusal.code) or self.types.get(str(refusal.status)) or self.default_type
        values = {
            "{message}": refused.message,
            "{code}": refusal.code,
            "{type}": type_,
            "{status}": refusal.status,
            "{call_id}": call_id,
        }
        return _filled(template, values, refused.facts)


def _filled(template: Any, values: Mapping[str, object], facts: Mapping[str, object]) -> Any:
    if isinstance(template, dict):
        filled = {name: _filled(part, values, facts) for name, part in template.items() if name != "{facts}"}
        return {**filled, **facts} if "{facts}" in template else filled
    if isinstance(template, list):
        return [_filled(part, values, facts) for part in template]
    if isinstance(template, str):
        return values.get(template, template)
    return template
