"""Meter: relay the answer byte for byte, and read its usage from a copy.

Three ways to relay, by what the answer is:
- held: JSON of up to `held_bytes_max`, kept until it is settled so that its head can carry the charge;
- streamed: bytes go out as they come, but for a frame that our splice added, and but for the tail after the end
  marker, which waits for the settlement (or `TAIL_S`, if the provider leaves the connection open);
- a held answer that grows too large, or takes too long, becomes a streamed one.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from msgspec import DecodeError, Struct, json

from proxy.calls.sink import Sink
from proxy.clock import Clock
from proxy.providers.endpoint import UsageSplice
from proxy.providers.json_path import matches
from proxy.providers.permit import Permit
from proxy.providers.splices import Splices
from proxy.tasks import within
from proxy.upstream.door import Answer, Failure, Headers, UpstreamFailed
from proxy.upstream.headers import downward, value_of, without
from proxy.usage.reader import Reader
from proxy.usage.reading import Reading
from proxy.wire.decoding import Decoder
from proxy.wire.framing import Framing, framing_of, textual
from proxy.wire.remover import FrameRemover

TAIL_S = 0.25

Own = Callable[[Sequence[tuple[str, str]]], Awaitable[None]]
"""Records objects, as (kind, id), before the bytes that name them are relayed."""


class HeldBytes:
    """The memory that held answers share, and how long each may be held. Whoever cannot get any streams instead."""

    def __init__(self, bytes_max: int, each_bytes_max: int, seconds_max: float) -> None:
        self.each_bytes_max = each_bytes_max
        self.seconds_max = seconds_max
        self._left = bytes_max

    def take(self, amount: int) -> bool:
        """Take some if there is enough."""
        if amount > self._left:
            return False
        self._left -= amount
        return True

    def give(self, amount: int) -> None:
        """Give it back."""
        self._left += amount


class Meter(Struct, frozen=True):
    """How one answer is read: the usage reader, and what its bytes pass through before they are relayed."""

    framing: Framing
    reader: Reader | None = None
    decoder: Decoder | None = None
    remover: FrameRemover | None = None


class Relay:
    """One answer on its way through. What it keeps is sent by `call.py` once the call is settled."""

    def __init__(
        self,
        answer: Answer,
        head: Headers,
        sink: Sink,
        meter: Meter,
        shared: HeldBytes,
        clock: Clock,
        own: Own | None,
    ) -> None:
        self.status = answer.status
        self.head = head
        self.framing = meter.framing
        self.whole = False
        self._answer = answer
        self._sink = sink
        self._meter = meter
        self._reader = meter.reader
        self._holding = meter.framing is Framing.JSON or answer.status >= 400
        self._shared = shared
        self._clock = clock
        self._own = own
        self._owned = 0
        self._unseen = False
        self._final: Reading | None = None
        self._kept: list[bytes] = []
        self._kept_size = 0
        self._boundary = True

    def reading(self, *, whole: bool = False) -> Reading:
        """Return what was read of the answer, now that no more will come. `whole` tells that all of it came."""
        if self._final is None:
            self._final = self._reader.finish(whole=whole) if self._reader is not None else Reading()
        return self._final

    def news(self) -> Reading | None:
        """Return what was seen so far if that is more than at the last asking: what a checkpoint keeps.

        Of an error nothing is: nobody would be charged for it.
        """
        if self._reader is None or not self._unseen or self.status >= 400:
            return None
        self._unseen = False
        return self._reader.snapshot()

    def drop_kept(self) -> None:
        """Let go of what is kept, and of what is still under way."""
        self._take_kept()
        self._answer.abort()

    async def complete(self, charge: Headers) -> None:
        """Send what was kept until now: a held answer with its charge, or a stream's tail and its end."""
        if self._holding:
            await self._sink.send(self.status, [*self.head, *charge], self._take_kept())
            return
        await self._write(self._take_kept())
        await self._sink.finish()

    async def break_off(self, event: bytes) -> None:
        """End a stream that failed: the provider's own error event if a whole event was sent last, then the cut."""
        plain = not value_of(self.head, "content-encoding")
        if event and plain and self._between_events():
            await self._sink.write(event)
        self._sink.cut()

    def _between_events(self) -> bool:
        """Tell whether an event of ours may follow what was sent."""
        if self._meter.framing is Framing.FRAMES:
            return not self._kept and self._reader is not None and self._reader.between
        return self._meter.framing is Framing.SSE and self._boundary

    def _take_kept(self) -> bytes:
        kept = b"".join(self._kept)
        self._kept.clear()
        if self._holding:
            self._shared.give(self._kept_size)
        self._kept_size = 0
        return kept

    async def run(self) -> None:
        """Relay until the provider's last byte. Raises UpstreamFailed if there is none.

        An event stream is whole when its own end was seen, whatever the connection says: a provider, or something
        between, may close a stream in good form that it never finished.
        """
        if not self._holding:
            await self._sink.start(self._answer.status, self.head)
        began = self._clock.monotonic()
        while (piece := await self._next(began)) != b"":
            if piece is None:
                await self._flush()
            else:
                await self._take(piece)
                if self._answer.ended:
                    break
        reading = self.reading(whole=self._answer.framed)
        await self._own_named(reading.object_ids)
        told = self._reader is None or (self._answer.framed and not self._reader.says_its_end)
        self.whole = told or reading.complete or reading.failed
        if self._meter.decoder is not None:
            await self._relay(self._meter.decoder.finish())
        if self._meter.remover is not None:
            self._keep(self._meter.remover.finish())
        self._answer.close()

    async def _next(self, began: float) -> bytes | None:
        """Return the next piece, or None when it is time to let go of what is kept."""
        if not self._kept:
            return await self._answer.read()
        patience = self._shared.seconds_max - (self._clock.monotonic() - began) if self._holding else TAIL_S
        try:
            return await within(patience, self._answer.read())
        except TimeoutError:
            return None

    async def _take(self, piece: bytes) -> None:
        if self._meter.decoder is not None:
            piece = self._meter.decoder.feed(piece)
        reader = self._reader
        if reader is not None:
            reader.feed(piece)
            self._unseen = True
            await self._own_named(reader.object_ids)
        await self._relay(piece if self._meter.remover is None else self._meter.remover.feed(piece))
        if self._meter.decoder is not None and self._meter.decoder.failed:
            raise UpstreamFailed(Failure.CUT, sent=True)  # what could be decoded has been relayed and read

    async def _own_named(self, named: Sequence[tuple[str, str]]) -> None:
        """Record the objects that the answer has named since the last time."""
        if self._own is not None and len(named) > self._owned:
            fresh = named[self._owned :]
            self._owned = len(named)
            await self._own(fresh)

    async def _relay(self, out: bytes) -> None:
        """Keep bytes until the call is settled, or send them on."""
        if self._holding:
            if self._kept_size + len(out) <= self._shared.each_bytes_max and self._shared.take(len(out)):
                self._keep(out)
                return
            await self._flush()
        elif self._reader is not None and self._reader.complete:
            self._keep(out)
            return
        await self._write(out)

    def _keep(self, out: bytes) -> None:
        if out:
            self._kept.append(out)
            self._kept_size += len(out)

    async def _flush(self) -> None:
        """Send what is kept; a held answer becomes a streamed one."""
        kept = self._take_kept()
        if self._holding:
            self._holding = False
            await self._sink.start(self._answer.status, self.head)
        await self._write(kept)

    async def _write(self, out: bytes) -> None:
        if out:
            self._boundary = out.endswith((b"\n\n", b"\r\n\r\n"))
            await self._sink.write(out)


def begin_relay(
    call: str,
    permit: Permit,
    answer: Answer,
    splices: Splices,
    sink: Sink,
    shared: HeldBytes,
    clock: Clock,
    own: Own | None,
) -> Relay:
    """Choose how an answer is read and relayed, by its route first and its content type second."""
    headers = downward(answer.headers)
    encoding = value_of(answer.headers, "content-encoding")
    content_type = value_of(answer.headers, "content-type")
    spec = permit.route.endpoint.reader
    declared = permit.route.endpoint.framing if permit.streamed else None
    framing = framing_of(content_type, permit.streamed, declared, binary=spec is not None and spec.binary)
    decoder = remover = None
    if splices.usage is not None and answer.status < 400 and framing is Framing.SSE:
        remover = FrameRemover(partial(added_by, splices.usage))
        if encoding:
            decoder, encoding = Decoder(encoding), ""
            headers = without(headers, "content-encoding")
    reader = None
    if spec is not None:
        # An error makes nothing, but it may say what the provider bills for it, whatever was asked for.
        own, form = (own, framing) if answer.status < 400 else (None, Framing.JSON)
        reader = Reader(spec, form, encoding or None, textual=spec.binary and textual(content_type))
        if spec.headers:
            reader.see_headers(answer.headers)
    headers.append(("faregate-call-id", call))
    if splices.limit is not None:
        headers.append(("faregate-output-limit", str(splices.limit)))
    return Relay(answer, headers, sink, Meter(framing, reader, decoder, remover), shared, clock, own)


def added_by(usage: UsageSplice, data: bytes) -> bool:
    """Tell whether an event is the one that a usage splice adds."""
    try:
        event = json.decode(data)
    except (DecodeError, UnicodeDecodeError):
        return False
    return all(matches(event, match) for match in usage.frame)
