"""A WebSocket route: which of its messages ask for work, begin it and end it, and what a session says when it ends.

Paths are those of `proxy/wire/paths.py`, from the root of a message; a message is meant where one of them leads to
something that is neither false nor empty.
"""

from functools import cached_property
from typing import Any

from msgspec import Struct

from proxy.bounds.turns import TurnBound
from proxy.usage.expression import Term, parse_terms
from proxy.wire.paths import Step, parse_path

Paths = tuple[tuple[Step, ...], ...]


class Told(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """Seconds of the whole session so far, as a message of the provider tells them: a sum of its fields, `at` a place.

    `last` marks the provider's own account at the end, which counts whatever was told before. The sum is multiplied by
    the field at `times` (channels that are each billed).
    """

    at: str
    sum: str
    last: bool = False
    times: str = ""

    @cached_property
    def factor(self) -> tuple[Term, ...]:
        """What the sum is multiplied by, compiled; empty for nothing. Raises ValueError."""
        return parse_terms(self.times) if self.times else ()

    @cached_property
    def place(self) -> tuple[Step, ...]:
        """Where the fields stand, compiled. Raises ValueError."""
        return parse_path(self.at)

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The sum, compiled. Raises ValueError."""
        return parse_terms(self.sum)


class Unmetered(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A message of the caller that cannot be metered, by what it has `at` a path; `say` is the sentence against it."""

    at: str
    say: str

    @cached_property
    def place(self) -> tuple[Step, ...]:
        """The path, compiled. Raises ValueError."""
        return parse_path(self.at)


class SessionSpec(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """How the turns of a session are told apart, and what one can cost.

    Of the caller's messages, `asks` are those that ask for a turn, and `feeds` those after which the provider may
    start one by itself. Of the provider's, `begins` show that a turn runs, `voids` that what was asked for will not
    be done; that a turn is over its reader tells (`end`). `lane` is where both name the one of several conversations
    that a message belongs to. With `requests` what asks is a whole request, which the endpoint's own bound fits.
    Without `asks` a session has no turns: its characters, or its seconds as they are `told`, are cut into calls.

    `opening` is what the caller's first message must have: it names the model, so the provider is dialled after it.
    `refuse` are messages that cannot be metered, `refuse_query` parameters of the URL.
    `tiers` are the tiers of the rates by `name=value` of a parameter, the first that fits; "" fits all. `fault` is the
    provider's own error event, an envelope's template, and `close` the code of a close for a reason of ours.
    """

    source: str
    bound: TurnBound | None = None
    asks: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()
    voids: tuple[str, ...] = ()
    told: tuple[Told, ...] = ()
    lane: str = ""
    requests: bool = False
    opening: str = ""
    refuse: tuple[Unmetered, ...] = ()
    refuse_query: dict[str, str] = {}
    tiers: dict[str, str] = {}
    fault: dict[str, Any] | None = None
    close: int = 1008

    def __post_init__(self) -> None:
        """Compile at once: a mistake in the data is found when it is loaded. Raises ValueError."""
        _ = (self.asking, self.feeding, self.beginning, self.voiding, self.opened_by, self.sound_at)
        _ = (self.pictures_at, self.characters_at, self.maximum_at)
        for each in self.told:
            _ = (each.place, each.terms, each.factor)
        for rule in self.refuse:
            _ = rule.place
        if (self.bound is None) is not self.requests:
            raise ValueError("a session needs a bound of its own, or `requests: true` for that of its endpoint")

    @cached_property
    def asking(self) -> Paths:
        """`asks`, compiled."""
        return _compiled(self.asks)

    @cached_property
    def feeding(self) -> Paths:
        """`feeds`, compiled."""
        return _compiled(self.feeds)

    @cached_property
    def beginning(self) -> Paths:
        """`begins`, compiled."""
        return _compiled(self.begins)

    @cached_property
    def voiding(self) -> Paths:
        """`voids`, compiled."""
        return _compiled(self.voids)

    @cached_property
    def opened_by(self) -> Paths:
        """`opening`, compiled."""
        return _compiled((self.opening,) if self.opening else ())

    @cached_property
    def sound_at(self) -> Paths:
        """Where messages hold sound."""
        return _compiled(self.bound.sound.at if self.bound is not None and self.bound.sound is not None else ())

    @cached_property
    def pictures_at(self) -> Paths:
        """Where messages hold pictures."""
        return _compiled(self.bound.pictures.at if self.bound is not None and self.bound.pictures is not None else ())

    @cached_property
    def characters_at(self) -> Paths:
        """Where messages hold what is counted by characters."""
        counted = self.bound.characters if self.bound is not None else None
        return _compiled(counted.at if counted is not None else ())

    @cached_property
    def maximum_at(self) -> Paths:
        """Where messages limit an answer."""
        return _compiled(self.bound.output.maximum if self.bound is not None and self.bound.output is not None else ())


def _compiled(paths: tuple[str, ...]) -> Paths:
    return tuple(parse_path(path) for path in paths)
