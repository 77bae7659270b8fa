"""Reads the usage of an answer from a copy of its bytes, as they come. The bytes that are relayed are not touched.

Encoding undone, ballast left out, cut into documents, each document walked once. Nothing here raises on bad input:
what cannot be read is left out, and the reading says `unparsed`.
"""

import json
from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import DecodeError, structs

from proxy.money import Quantity
from proxy.usage.expression import number_of
from proxy.usage.measure import add_up, grown, measure
from proxy.usage.reading import Reading
from proxy.usage.seen import Seen
from proxy.usage.spec import ReaderSpec
from proxy.wire.decoding import Decoder
from proxy.wire.elements import ElementSplitter, closed
from proxy.wire.event_stream import FrameSplitter
from proxy.wire.framing import Framing, sniff, unblank
from proxy.wire.lines import LineSplitter
from proxy.wire.paths import find_all
from proxy.wire.slim import Slimmer
from proxy.wire.sse import SseSplitter

Splitter = SseSplitter | LineSplitter | ElementSplitter | FrameSplitter

FIRST_BYTES = 64
"""Bytes of a message that are looked at to tell whether it is a document."""
DOCUMENT_BYTES_MAX = 64 << 20
"""A JSON answer that is longer without its ballast is not read."""


class Reader:
    """Feed it an answer's bytes; ask for a `snapshot` at any time; `finish` it when no more bytes come.

    `textual` tells that bytes without documents are text (subtitles, say), where the spec allows any.
    """

    def __init__(
        self, spec: ReaderSpec, framing: Framing, encoding: str | None = None, *, textual: bool = False
    ) -> None:
        self._spec = spec
        self._textual = textual
        self._plan = spec.plan
        self._expected = framing
        self._framing: Framing | None = None
        self._decoder = Decoder(encoding) if encoding else None
        # Frames have a checksum over every byte, so nothing may be left out of them.
        self._slimmer = Slimmer() if framing is not Framing.FRAMES else None
        self._splitter: Splitter | None = None
        self._whole: list[bytes] = []
        self._size = 0
        self._seen = Seen()
        self._answers: list[Reading] = []
        self._next_page = ""
        self._unparsed = False
        self._parsed = False
        self._before: Mapping[str, Quantity] = {}

    @property
    def complete(self) -> bool:
        """Whether the end of the answer was seen."""
        return self._seen.end or self._parsed

    @property
    def object_ids(self) -> tuple[tuple[str, str], ...]:
        """The (kind, id) of objects that the answer has named so far."""
        return tuple(self._seen.object_ids) if not self._plan.answers else self.snapshot().object_ids

    @property
    def says_its_end(self) -> bool:
        """Whether an answer of this kind says itself that it is over; else its last byte is its end."""
        if self._expected is Framing.SSE:
            return not self._spec.unmarked
        if self._expected is Framing.FRAMES:
            return True  # a frame says how long it is
        return self._expected is Framing.NDJSON and bool(self._spec.end)

    def take_answers(self) -> list[Reading]:
        """Hand over the whole answers that were read since the last time, one by one: nothing is kept of them here."""
        taken, self._answers = self._answers, []
        return taken

    def see_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        """Take the numbers that the answer's head reports; what is no number there is nothing of ours."""
        named = {header.lower(): name for name, header in self._spec.headers.items()}
        for header, text in headers:
            name = named.get(header.lower())
            number = number_of(text) if name is not None else None
            if name is not None and number is not None:
                self._seen.see_field(name, number)

    @property
    def between(self) -> bool:
        """Whether what came so far of an answer in frames are whole frames."""
        return isinstance(self._splitter, FrameSplitter) and self._splitter.between

    def feed(self, data: bytes) -> None:
        """Read on."""
        if self._decoder is not None:
            data = self._decoder.feed(data)
        if self._slimmer is not None:
            data = self._slimmer.feed(data)
        if self._framing is None:
            if self._spec.binary and self._expected is Framing.NONE:
                self._framing = Framing.NONE  # sound, or text, that happens to begin like a document
            else:
                data = unblank(data)
                self._framing = sniff(self._expected, data)
            if self._framing is None:
                return
            self._splitter = _splitter(self._framing)
        self._take(data)

    def frame(self, data: bytes) -> None:
        """Read one message of a WebSocket, which is a document of its own; sound and the like is none."""
        if unblank(data[:FIRST_BYTES])[:1] == b"{":
            self._document(data)

    def next(self) -> "Reader":
        """Return the reader of the turn after this one: what models are called is said once in a session."""
        reader = Reader(self._spec, self._expected)
        reader._before = self._running()
        reader._seen.model, reader._seen.another_model = self._seen.model, self._seen.another_model
        return reader

    def _running(self) -> Mapping[str, Quantity]:
        """Return what is known of the units that are reported for all of a session so far."""
        names = self._spec.running
        if not names:
            return {}
        usage = measure(self._spec, self._seen, self.complete, self._unparsed).usage
        return {name: usage.get(name, self._before.get(name, 0)) for name in names}

    @property
    def another_model(self) -> str:
        """The model that works beside the answer's own, "" as long as none was named."""
        return self._seen.another_model

    def snapshot(self) -> Reading:
        """Return what was seen so far."""
        unparsed = self._unparsed or (self._decoder is not None and self._decoder.failed)
        if self._plan.answers:
            added = add_up(self._answers, self.complete, unparsed)
            return structs.replace(added, next_page=self._next_page) if self._next_page else added
        reading = measure(self._spec, self._seen, self.complete, unparsed)
        return grown(reading, self._before) if self._before else reading

    def finish(self, *, whole: bool = False) -> Reading:
        """Read what is left and return what was seen.

        `whole` tells that nothing can be missing: for what has no end that could be read.
        """
        splitter = self._splitter
        if isinstance(splitter, SseSplitter):
            self._documents(event.data if event.parsed else None for event in splitter.finish())
            self._parsed = whole and self._spec.unmarked
        elif isinstance(splitter, LineSplitter):
            self._documents(splitter.finish())
            self._parsed = not self._unparsed and not self._spec.end
        elif isinstance(splitter, ElementSplitter):
            self._parsed = splitter.complete
        elif isinstance(splitter, FrameSplitter):
            self._parsed = splitter.between and not self._spec.end
        elif self._framing is Framing.JSON and not self._parsed:
            self._document_at_end()
        elif self._spec.binary and self._framing is Framing.NONE:
            self._parsed = whole
        return self.snapshot()

    def _take(self, data: bytes) -> None:
        splitter = self._splitter
        if type(splitter) is SseSplitter:
            for event in splitter.feed(data):
                if event.data:
                    self._document(event.data)
                elif not event.parsed:
                    self._unparsed = True
        elif type(splitter) is FrameSplitter:
            texts = splitter.feed(data)
            self._documents(map(self._inside, texts) if self._plan.inside else texts)
        elif type(splitter) is LineSplitter or type(splitter) is ElementSplitter:
            self._documents(splitter.feed(data))
        elif self._framing is Framing.NONE:
            if self._spec.binary:
                self._take_bytes(data)
        elif self._framing is Framing.JSON:
            self._size += len(data)
            if self._size <= DOCUMENT_BYTES_MAX:
                self._whole.append(data)
            else:
                self._unparsed, self._whole = True, []

    def _take_bytes(self, data: bytes) -> None:
        """Take bytes that are no JSON: text counts as output, anything else as delivered."""
        if self._textual:
            self._seen.output_bytes += len(data)
            self._seen.output_events = 1  # however it was cut into pieces
        elif data:
            self._seen.delivered = True

    def _documents(self, texts: Iterable[bytes | None]) -> None:
        for text in texts:
            if text is None:
                self._unparsed = True
            elif text:
                self._document(text)

    def _inside(self, text: bytes | None) -> bytes | None:
        """Return the document that a frame's document holds as base64; the frame's own if it holds none."""
        if text is None:
            return None
        try:
            held = find_all(self._plan.inside, json.loads(text))
            return b64decode(held[0], validate=True) if held else text
        except (ValueError, TypeError, RecursionError):
            return None

    def _document(self, text: bytes) -> None:
        """Read one document of a stream."""
        if text in self._plan.literals:
            self._seen.end = True
            return
        try:
            self._walk(self._decode(text))
        except (DecodeError, ValueError, RecursionError):
            self._unparsed = True

    def _document_at_end(self) -> None:
        """Read the one document of an answer that is no stream."""
        text, self._whole = b"".join(self._whole), []
        try:
            document = self._decode(text)
            for each in document if type(document) is list else [document]:
                self._walk(each)
            self._parsed = True
        except (DecodeError, ValueError, RecursionError):
            self._unparsed = True
            self._read_output_of_cut(text)

    def _decode(self, text: bytes) -> Any:
        """Decode one document: fast and strict, or slowly as it may be (invalid UTF-8, lone surrogates).

        Raises DecodeError, ValueError or RecursionError for what is no JSON at all.
        """
        try:
            return self._plan.decoder.decode(text)
        except (DecodeError, UnicodeDecodeError):
            return json.loads(text.decode("utf-8", "replace"))

    def _walk(self, document: Any) -> None:
        if self._plan.answers:
            for path in self._plan.answers:
                self._answers += [self._answer(each) for each in find_all(path, document)]
            if self._plan.next_page:
                named = find_all(self._plan.next_page, document)
                self._next_page = named[0] if named and type(named[0]) is str else ""
            return
        seen = self._seen
        before = seen.output_bytes
        self._plan.tree.walk(seen, document)
        if seen.output_bytes > before:
            seen.output_events += 1

    def _answer(self, document: Any) -> Reading:
        """Read a whole answer inside of another."""
        seen = Seen()
        self._plan.tree.walk(seen, document)
        seen.output_events = 1 if seen.output_bytes else 0
        return measure(self._spec, seen, complete=True, unparsed=False)

    def _read_output_of_cut(self, text: bytes) -> None:
        """Learn the visible output of a document whose end is missing, but no usage: its numbers may be cut.

        Names come from the last way to close it, in which only whole values are left.
        """
        ways: list[Seen] = []
        for whole in closed(text):
            seen = Seen()
            try:
                self._plan.tree.walk(seen, json.loads(whole.decode("utf-8", "replace")))
            except (ValueError, RecursionError):
                continue
            ways.append(seen)
        if ways:
            self._seen.model, self._seen.object_ids = ways[-1].model, ways[-1].object_ids
            self._seen.output_bytes = ways[0].output_bytes
            self._seen.output_events = 1 if ways[0].output_bytes else 0


def _splitter(framing: Framing) -> Splitter | None:
    match framing:
        case Framing.SSE:
            return SseSplitter()
        case Framing.NDJSON:
            return LineSplitter()
        case Framing.JSON_ARRAY:
            return ElementSplitter()
        case Framing.FRAMES:
            return FrameSplitter()
        case Framing.JSON | Framing.NONE:
            return None
