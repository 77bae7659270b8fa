"""A file in a request: its bytes, and how long it sounds if it is a recording. Pure."""

from decimal import Decimal
from functools import cached_property

from proxy.wire.sound import seconds_of


class Upload:
    """One file as it was sent. It stands where a string would stand in a JSON body."""

    def __init__(self, data: bytes, mime: str = "") -> None:
        self.data = data
        self.mime = mime

    def __len__(self) -> int:
        """Count its bytes."""
        return len(self.data)

    @cached_property
    def seconds(self) -> Decimal | None:
        """How long it sounds, None if that cannot be read from it. Worked out once."""
        return seconds_of(self.data)
