"""What a sandbox remembers: answers and files, in memory, the oldest forgotten first."""

from collections import OrderedDict
from collections.abc import Mapping

from msgspec import Struct

OBJECTS_MAX = 10_000
BYTES_MAX = 256 * 1024 * 1024


class Kept(Struct, frozen=True):
    """One object: its JSON, further views of it, its bytes if it is a file, the tokens of its conversation."""

    json: bytes
    views: Mapping[str, bytes] = {}
    content: bytes = b""
    tokens: int = 0

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return len(self.json) + len(self.content) + sum(map(len, self.views.values()))


class Shelf:
    """Objects by kind and id, bounded in number and bytes."""

    def __init__(self, objects_max: int = OBJECTS_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._objects_max = objects_max
        self._bytes_max = bytes_max
        self._bytes = 0

    def put(self, kind: str, name: str, kept: Kept) -> None:
        """Remember an object, and forget the oldest ones if there are too many."""
        self.drop(kind, name)
        self._kept[kind, name] = kept
        self._bytes += kept.size
        while len(self._kept) > self._objects_max or (self._bytes > self._bytes_max and len(self._kept) > 1):
            _, old = self._kept.popitem(last=False)
            self._bytes -= old.size

    def get(self, kind: str, name: str) -> Kept | None:
        """Return an object, or None."""
        return self._kept.get((kind, name))

    def drop(self, kind: str, name: str) -> bool:
        """Forget an object; tell whether it was there."""
        kept = self._kept.pop((kind, name), None)
        self._bytes -= kept.size if kept else 0
        return kept is not None

    def all(self, kind: str) -> list[Kept]:
        """Return every object of a kind, newest first."""
        return [kept for (of, _), kept in reversed(self._kept.items()) if of == kind]
