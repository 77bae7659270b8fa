"""Follow: read what a turn of a session used, from copies of its messages, or from what was counted of the caller's.

It stands where a call has its relay: asked for the reading, for what is news, and to complete an answer, of which
there is nothing to do here: messages are relayed by the session, each as it comes.
"""

from collections.abc import Mapping, Sequence

from msgspec import structs

from proxy.money import Quantity
from proxy.usage.reader import Reader
from proxy.usage.reading import Reading
from proxy.wire.framing import Framing

SWITCHED = 101
"""The status of the answer that a session's messages follow (RFC 9110, section 15.2.2)."""


class Followed:
    """One turn: of its `reader`, if the provider reports what it used; else of what was `counted`, at a `tier`."""

    status = SWITCHED
    framing = Framing.JSON

    def __init__(self, reader: Reader | None, tier: str | None = None) -> None:
        self.reader = reader
        self.counted: Mapping[str, Quantity] = {}
        self._sure = False
        self._tier = tier
        self._final: Reading | None = None
        self._news = False

    def hear(self, data: bytes) -> None:
        """Read a copy of a provider's message."""
        if self.reader is not None:
            self.reader.frame(data)
            self._news = True

    def count(self, counted: Mapping[str, Quantity], *, sure: bool) -> None:
        """Take what was counted so far; not `sure`: more may have been used than that."""
        self._news = self._news or counted != self.counted
        self.counted, self._sure = counted, sure

    @property
    def over(self) -> bool:
        """Whether the provider has said that the turn is over."""
        return self.reader is not None and self.reader.complete

    def reading(self) -> Reading:
        """Return what was read, now that no more will come."""
        if self._final is None:
            self._final = self._so_far()
        return self._final

    def news(self) -> Reading | None:
        """Return what was seen so far if that is more than at the last asking: what a checkpoint keeps."""
        if not self._news:
            return None
        self._news = False
        return self._so_far()

    def _so_far(self) -> Reading:
        if self.reader is None:
            return Reading(usage=self.counted, reported=bool(self.counted), complete=self._sure, tier=self._tier)
        reading = self.reader.snapshot()
        if reading.reported and not reading.usage and not reading.output_bytes:
            return structs.replace(reading, final=True)  # only a model beside this one has worked, and that is all
        return reading

    async def complete(self, charge: Sequence[tuple[str, str]]) -> None:
        """There is nothing to send."""

    async def break_off(self, event: bytes) -> None:
        """There is nothing to break off: the session ends, not the turn."""

    def drop_kept(self) -> None:
        """There is nothing kept."""
