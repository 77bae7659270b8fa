"""Headers by which a test or a load test steers one call. A request without them gets the sandbox's defaults.

What is answered:

    x-sandbox-output-tokens: N     exactly N visible output tokens (the request's own maximum still cuts)
    x-sandbox-chunks: N            a stream's text comes in exactly N pieces
    x-sandbox-model: NAME          answer as this model, whatever was asked for
    x-sandbox-cached-tokens: N     so many input tokens came from the cache
    x-sandbox-reasoning-tokens: N  so many output tokens were thoughts
    x-sandbox-usage: JSON          report these quantities as they stand, absurd ones too: {"output": -1};
                                   the names are those of `Usage.slots`
    x-sandbox-drop-usage: 1        report no usage at all; the log still says what it costs
    x-sandbox-repeat-usage: 1      send a stream's last event that has data twice
    x-sandbox-status: CODE         answer this status in the provider's error envelope
    x-sandbox-keep-body: 1         with a status: the usual body, usage included
    x-sandbox-message: TEXT        with a status: what the error says
    x-sandbox-retry-after: VALUE   with a status: this `retry-after` header
    x-sandbox-location: URL        with a status: this `location` header

When and how it comes:

    x-sandbox-first-ms: N          milliseconds before the first token
    x-sandbox-tps: N               tokens a second; 0 is no pace
    x-sandbox-chunk-ms: N          milliseconds from piece to piece, instead of tokens a second
    x-sandbox-encoding: NAME       compress with gzip, deflate, br or zstd
    x-sandbox-content-type: TYPE   send another content type
    x-sandbox-split: N             write the body in pieces of N bytes, wherever that cuts
    x-sandbox-close-delimited: 1   neither length nor chunks: the end of the connection is the end of the body

How it fails:

    x-sandbox-cut-events: K        end after K events of a stream
    x-sandbox-cut-bytes: K         end after K bytes of the body, before compression
    x-sandbox-cut: close|reset|end how a cut ends: closed without the last chunk (default), reset, or a clean end
    x-sandbox-error-events: K      after K events send the provider's error event and end cleanly
    x-sandbox-stall-events: K      after K events send nothing more until the caller leaves
    x-sandbox-stall-ms: N          ... or N milliseconds, and go on. Without stall-events: stall before the head
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from proxy.sandbox.encoding import ENCODINGS
from proxy.sandbox.pace import Pace

PREFIX = "x-sandbox-"
Cut: TypeAlias = Literal["close", "reset", "end"]
Encoding: TypeAlias = Literal["", "gzip", "deflate", "br", "zstd"]


class Steering(Struct, frozen=True, forbid_unknown_fields=True, rename=lambda name: name.replace("_", "-")):
    """The headers of one call, by the names above. None and empty: not asked for."""

    output_tokens: int | None = None
    chunks: int | None = None
    model: str = ""
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    usage: str = "{}"
    drop_usage: bool = False
    repeat_usage: bool = False
    status: int = 200
    keep_body: bool = False
    message: str = ""
    retry_after: str = ""
    location: str = ""
    first_ms: float | None = None
    tps: float | None = None
    chunk_ms: float | None = None
    encoding: Encoding = ""
    content_type: str = ""
    split: int = 0
    close_delimited: bool = False
    cut_events: int | None = None
    cut_bytes: int | None = None
    cut: Cut = "close"
    error_events: int | None = None
    stall_events: int | None = None
    stall_ms: int | None = None

    def overrides(self) -> dict[str, Any]:
        """Return the quantities to report as they stand."""
        return dict(msgspec.json.decode(self.usage))

    def paced(self, pace: Pace) -> Pace:
        """Return a pace as this call wants it."""
        return Pace(
            pace.first_token_ms if self.first_ms is None else self.first_ms,
            pace.tokens_per_second if self.tps is None else self.tps,
            pace.piece_ms if self.chunk_ms is None else self.chunk_ms,
        )

    @property
    def whole(self) -> bool:
        """Whether the body may go out in one write."""
        return not (self.split or self.close_delimited) and self.cut_bytes is None


PLAIN = Steering()


def read_steering(headers: Mapping[str, str]) -> Steering:
    """Read the headers (lower-case names). Raises ValueError, naming the fault, for one that is unknown or wrong."""
    told = {name.removeprefix(PREFIX): value for name, value in headers.items() if name.startswith(PREFIX)}
    if not told:
        return PLAIN
    try:
        steering = msgspec.convert(told, Steering, strict=False)
        steering.overrides()
    except (msgspec.ValidationError, msgspec.DecodeError, TypeError, ValueError) as error:
        raise ValueError(f"a {PREFIX} header is unknown or wrong: {error}") from None
    return steering


__all__ = ["ENCODINGS", "PLAIN", "PREFIX", "Steering", "read_steering"]
