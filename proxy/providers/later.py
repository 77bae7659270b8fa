"""That a route makes work which finishes later, and how to look after it."""

from collections.abc import Mapping, Sequence
from enum import Enum
from string import Formatter

from msgspec import Struct

from proxy.providers.match import Match
from proxy.usage.reading import Reading
from proxy.usage.spec import ReaderSpec
from proxy.wire.framing import Framing

_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~:/-")


class Fate(Enum):
    """How far a provider says that work has come."""

    RUNS = "runs"
    DONE = "done"
    FAILED = "failed"


class Results(Struct, frozen=True):
    """Where each answer of the work stands, if the object itself does not hold them: a path, and who reads it.

    `pages`, if there are several, is the parameter that asks for the next one, which the reader finds (`next_page`).
    """

    path: str
    reader: ReaderSpec
    framing: Framing = Framing.JSON
    pages: str = ""


class Later(Struct, frozen=True):
    """Work that a route's requests make, all or those that match `when`: the object of this `kind` that answers name.

    `look` is the path that tells how it is, asked with `headers` beside our key; braces hold `id`, or the kind of an
    object that the answer named, or a parameter of the route's path. `reader` reads that answer; its state is one of
    the words of `done` or `failed`, or the work still runs. What was used stands there, or in the `results`, which
    count where there are any. `tier` is what prices it, whatever the answers say. `deadline_s` is when the provider has
    ended it at the latest; `look_s_most` the longest that it may go unseen. With `asked` only the request states what
    is used (its bound says where), and that counts if the work is done. `at` names the work by the path's parameters,
    in braces, where no answer does: it can be begun only once.
    """

    kind: str
    look: str
    reader: ReaderSpec
    done: tuple[str, ...]
    failed: tuple[str, ...]
    deadline_s: int
    when: Match | None = None
    headers: Mapping[str, str] = {}
    results: Results | None = None
    tier: str | None = None
    look_s_most: int = 300
    asked: bool = False
    at: str = ""

    def judge(self, reading: Reading) -> Fate:
        """Return how far the work has come that an answer tells of. What is not understood still runs."""
        if reading.invalid or reading.unparsed:
            return Fate.RUNS
        if reading.state in self.failed or reading.failed:
            return Fate.FAILED
        return Fate.DONE if reading.state in self.done else Fate.RUNS


def fill(path: str, names: Mapping[str, str]) -> str | None:
    """Return a path with names put in, None if one is not known or could lead somewhere else."""
    wanted = [name for _, name, _, _ in Formatter().parse(path) if name]
    if any(name not in names or not _plain(names[name]) for name in wanted):
        return None
    return path.format_map(names)


def named(object_id: str, reading: Reading | None) -> dict[str, str]:
    """Return what paths may name: the work's own id, and of each kind the first object that an answer named."""
    names: dict[str, str] = {}
    for kind, name in reading.object_ids if reading is not None else ():
        names.setdefault(kind, name)
    return {**names, "id": object_id}


def _plain(name: str) -> bool:
    return bool(name) and _SAFE.issuperset(name) and not _dotted(name.split("/"))


def _dotted(segments: Sequence[str]) -> bool:
    return any(segment in ("", ".", "..") for segment in segments)
