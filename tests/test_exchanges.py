"""Exchanges written by hand from documented shapes: the cases that no recording shows, or that must never change.

`tests/exchanges/{provider}/{reader}/{case}/` (`{other}.{reader}` for a borrowed one) holds `request.json` (method,
path, body), the answer as `response.json`, `.sse`, `.ndjson`, `.mp3` or `.srt` with its `headers.json` if they matter,
and `expected.json`: fields of the reading, where `usage` and `certainty` are always given. `response.frames` has a line
of JSON for each frame: its type as `event` or `exception`, and its `payload`.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from doubles.recordings import PROVIDERS, reader_named

from proxy.usage.reader import Reader
from proxy.usage.reading import Reading
from proxy.wire.event_stream import write_frame
from proxy.wire.framing import framing_of, textual

FOLDER = Path(__file__).resolve().parent / "exchanges"
CASES = sorted(path.parent.relative_to(FOLDER).as_posix() for path in FOLDER.glob("*/*/*/expected.json"))
TYPES = {
    ".json": "application/json",
    ".sse": "text/event-stream",
    ".ndjson": "application/x-ndjson",
    ".mp3": "audio/mpeg",
    ".srt": "text/plain",
    ".frames": "application/vnd.amazon.eventstream",
}
USUAL: dict[str, Any] = {
    "other_models": {},
    "tier": None,
    "complete": True,
    "failed": False,
    "invalid": False,
    "unparsed": False,
}


def read(case: str, piece_bytes: int) -> Reading:
    provider, name, _ = case.split("/")
    request = json.loads((FOLDER / case / "request.json").read_bytes())
    answer = next((FOLDER / case).glob("response.*"))
    content_type = TYPES[answer.suffix]
    streamed = bool(request["body"].get("stream")) or "stream" in request["path"]
    spec, headers = reader_named(provider, name.replace(".", "/")), FOLDER / case / "headers.json"
    framing = framing_of(content_type, streamed, binary=spec.binary)
    reader = Reader(spec, framing, textual=textual(content_type))
    if headers.exists():
        reader.see_headers(json.loads(headers.read_bytes()).items())
    data = answer.read_bytes() if answer.suffix != ".frames" else framed(answer)
    for at in range(0, len(data), piece_bytes):
        reader.feed(data[at : at + piece_bytes])
    return reader.finish(whole=True)


def framed(answer: Path) -> bytes:
    """Return the stream of frames that a file describes."""
    frames = []
    for line in answer.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        kind = "exception" if "exception" in said else "event"
        headers = {":message-type": kind, f":{kind}-type": said[kind], ":content-type": "application/json"}
        frames.append(write_frame(headers, json.dumps(said["payload"]).encode()))
    return b"".join(frames)


@pytest.mark.parametrize("piece_bytes", [1, 50, 100_000])
@pytest.mark.parametrize("case", CASES)
def test_an_exchange_reads_as_expected(case: str, piece_bytes: int) -> None:
    reading = read(case, piece_bytes)
    expected = USUAL | json.loads((FOLDER / case / "expected.json").read_bytes())
    found = json.loads(msgspec.json.encode(reading)) | {"certainty": reading.certainty.value}
    assert {name: found[name] for name in expected} == expected


def test_there_are_exchanges_of_every_provider() -> None:
    assert {case.split("/")[0] for case in CASES} == set(PROVIDERS)
    assert len(CASES) >= 40
