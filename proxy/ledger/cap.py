"""Spend caps: how much some of a tenant's calls may cost in a UTC day or month, and how each of these stands. Pure.

A window is a cap in one day or month. Calls that begin in it hold their worst case on it, beside the wallet, and their
charge is counted in it when they end; the date is that of the hold, so a call that runs past midnight is counted in
the day in which it began. A new day finds no window and begins with an empty one: nothing has to be reset.
"""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Protocol

from msgspec import Struct, structs

from proxy.clock import MICROS_PER_DAY, midnight
from proxy.errors import invariant

WARN_PERCENT = 80
"""How much of a cap is spent when its operator is warned, and which caps are called near."""

_DECEMBER = 12
_MONTH_LENGTH = len("2026-11")


class Span(StrEnum):
    """How long a window is."""

    DAILY = "daily"
    MONTHLY = "monthly"

    def window(self, day: str) -> str:
        """Return the window that a UTC date lies in: that date, or its month as `2026-11`."""
        return day if self is Span.DAILY else day[:_MONTH_LENGTH]

    def resets_at(self, window: str) -> int:
        """Return when a window is over, in microseconds since the epoch."""
        if self is Span.DAILY:
            return midnight(window) + MICROS_PER_DAY
        first = date.fromisoformat(f"{window}-01")
        year, month = (first.year + 1, 1) if first.month == _DECEMBER else (first.year, first.month + 1)
        return midnight(date(year, month, 1).isoformat())


class Marked(Protocol):
    """What of a call decides which caps it is under; `model` as it was asked for."""

    @property
    def app(self) -> str:
        """The label of its key."""
        ...

    @property
    def key(self) -> str:
        """The id of its key."""
        ...

    @property
    def integration(self) -> str:
        """Where it goes."""
        ...

    @property
    def model(self) -> str:
        """What it asks for."""
        ...


class Marks(Struct, frozen=True):
    """What decides which caps a call is under, alone."""

    app: str
    key: str
    integration: str
    model: str


class CapPlace(Struct, frozen=True):
    """Which calls of which tenant, by the day or by the month: there is one cap for each place.

    Empty names are "any"; `model` may be a glob (`small-*`).
    """

    tenant: str
    span: Span
    app: str = ""
    key: str = ""
    integration: str = ""
    model: str = ""

    @property
    def narrowed(self) -> str:
        """To which of the tenant's calls it is narrowed, for people: `app bot, model small-*`, or nothing."""
        return ", ".join(f"{what} {name}" for what, name in self.names.items())

    @property
    def names(self) -> dict[str, str]:
        """What it names beside its tenant."""
        named = {"app": self.app, "key": self.key, "integration": self.integration, "model": self.model}
        return {what: name for what, name in named.items() if name}

    def __str__(self) -> str:
        return f"{self.span} cap of {', '.join(filter(None, (self.tenant, self.narrowed)))}"


class Cap(Struct, frozen=True):
    """A cap in force. `limit` in nano-USD; calls are counted from those that begin on the date `since` on.

    `keys` are the named key and those that rotations have put in its place.
    """

    id: str
    place: CapPlace
    limit: int
    since: str
    set_at: int
    keys: tuple[str, ...] = ()

    def window(self, day: str) -> str:
        """Return the window of a UTC date."""
        return self.place.span.window(day)

    def counts(self, day: str) -> bool:
        """Tell whether the cap is about calls that begin on a UTC date."""
        return self.window(day) >= self.window(self.since)

    def covers(self, call: Marked) -> bool:
        """Tell whether the cap is about a call of its tenant."""
        place = self.place
        return (
            (not place.app or place.app == call.app)
            and (not place.key or call.key in self.keys)
            and (not place.integration or place.integration == call.integration)
            and (not place.model or fnmatchcase(call.model, place.model))
        )


class Window(Struct, frozen=True):
    """A cap in one day or month, in nano-USD: what its calls were charged or waived, and what running ones hold."""

    cap: str
    window: str
    tenant: str
    spent: int = 0
    held: int = 0


class Standing(Struct, frozen=True):
    """A cap and one window of it."""

    cap: Cap
    window: Window

    @property
    def left(self) -> int:
        """What a new hold may take; negative when more was spent than the limit."""
        return self.cap.limit - self.window.spent - self.window.held

    @property
    def unspent(self) -> int:
        """What would be left if all running calls ended without a charge."""
        return self.cap.limit - self.window.spent

    @property
    def resets_at(self) -> int:
        """When the window is over, in microseconds since the epoch."""
        return self.cap.place.span.resets_at(self.window.window)


class Capped(Struct, frozen=True):
    """A cap leaves too little for a call: what keeps it out longest."""

    standing: Standing
    needed: int

    @property
    def by_spending(self) -> bool:
        """Whether it would not fit either if running calls gave back all that they hold."""
        return self.standing.unspent < self.needed


def room(standings: Sequence[Standing]) -> int:
    """Return what all of these caps leave for one call, at least 0."""
    return max(0, min(standing.left for standing in standings))


def keeps_out(standings: Sequence[Standing], needed: int) -> Capped:
    """Return the cap that keeps a call out: of those without room, the one for which waiting would take longest."""
    lacking = [standing for standing in standings if max(0, standing.left) < needed]
    invariant(bool(lacking), "a call that is kept out by caps is kept out by one of them")

    def patience(standing: Standing) -> tuple[bool, int, int]:
        by_spending = standing.unspent < needed
        return by_spending, standing.resets_at if by_spending else 0, -standing.left

    return Capped(max(lacking, key=patience), needed)


def take(window: Window, nanos: int) -> Window:
    """Hold more in a window."""
    invariant(nanos >= 0, "a hold on a cap is never negative")
    return structs.replace(window, held=window.held + nanos)


def give_back(window: Window, nanos: int) -> Window:
    """Give back what was held in a window."""
    invariant(0 <= nanos <= window.held, "what is given back to a cap must have been held on it")
    return structs.replace(window, held=window.held - nanos)


def spend(standing: Standing, nanos: int) -> Standing:
    """Count a charge in a window."""
    invariant(nanos >= 0, "a charge is never negative")
    return structs.replace(standing, window=structs.replace(standing.window, spent=standing.window.spent + nanos))


def is_near(before: Standing, after: Standing) -> bool:
    """Tell whether WARN_PERCENT of the cap is spent now, and was not before."""
    mark = after.cap.limit * WARN_PERCENT
    return before.window.spent * 100 < mark <= after.window.spent * 100
