"""What has been seen of one answer so far: facts as they came, not yet judged.

Usage of a stream is cumulative: a later field replaces an earlier one, a missing one keeps it, nothing is added up.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode


class Seen:
    """The facts of one answer. Sinks of a reader's path tree call these methods with what they found."""

    __slots__ = (
        "absurd",
        "another",
        "another_model",
        "delivered",
        "distinct",
        "end",
        "failed",
        "final",
        "model",
        "numbers",
        "object_ids",
        "output_bytes",
        "output_events",
        "region",
        "reported",
        "sizes",
        "state",
        "tiers",
        "usage",
    )

    def __init__(self) -> None:
        self.model = ""
        self.another_model = ""
        self.usage: dict[str, Any] = {}
        self.another: list[dict[str, Any]] = []
        self.reported = False
        self.absurd = False
        self.delivered = False
        self.end = False
        self.final = False
        self.failed = False
        self.tiers: dict[int, str] = {}
        self.region = ""
        self.state = ""
        self.distinct: dict[str, dict[str | int, None]] = {}
        self.sizes: dict[str, int] = {}
        self.numbers: dict[str, Any] = {}
        self.object_ids: dict[tuple[str, str], None] = {}
        self.output_bytes = 0
        self.output_events = 0

    def see_model(self, value: Any) -> None:
        """The answer names its model."""
        if type(value) is str and value:
            self.model = value

    def see_usage(self, value: Any, falls: Mapping[str, str], changes: Mapping[str, str]) -> None:
        """A usage object: overlay it. `falls` and `changes` name (detail: count) that must not outlive each other.

        A detail that a later object leaves out goes with its count: dropped when the count falls (it may no longer
        fit), or, for `changes`, when the count is another one at all.
        """
        if type(value) is not dict:
            self.absurd = True
            return
        self.reported = True
        if not self.usage:  # the first, and in most answers the only one
            self.usage = value
            return
        for detail, count in falls.items():
            if detail in self.usage and value.get(detail) is None and _fell(self.usage.get(count), value.get(count)):
                del self.usage[detail]
        for detail, count in changes.items():
            if value.get(detail) is None and value.get(count) not in (None, self.usage.get(count)):
                self.usage.pop(detail, None)
        overlay(self.usage, value)

    def add_usage(self, value: Any) -> None:
        """The usage object of one call of several: its counts are added to those of the others."""
        if type(value) is not dict:
            self.absurd = True
            return
        self.reported = True
        for name, count in value.items():
            if type(count) is int:
                self.usage[name] = self.usage.get(name, 0) + count
            elif count is not None:
                self.usage[name] = count

    def see_field(self, name: str, value: Any) -> None:
        """A number that stands outside of the usage object, or in a header, and belongs to it."""
        if value is not None:
            self.usage[name] = value

    def see_media(self, value: Any) -> None:
        """Sound or pictures: something was delivered, however many bytes it takes."""
        if is_there(value):
            self.delivered = True

    def see_another(self, value: Any) -> None:
        """A usage object of a model beside the answer's own: each counts."""
        if type(value) is dict:
            self.another.append(value)
        else:
            self.absurd = True

    def see_another_model(self, value: Any) -> None:
        """The answer names the model that works beside its own."""
        if type(value) is str and value:
            self.another_model = value

    def see_tier(self, index: int, value: Any) -> None:
        """The answer names the tier that served it, at one of several places."""
        if type(value) is str:
            self.tiers[index] = value

    def see_region(self, value: Any) -> None:
        """The answer names the region that served it."""
        if type(value) is str:
            self.region = value

    def see_state(self, value: Any) -> None:
        """The answer says how far what it tells of has come: a word, or that it is done."""
        if type(value) is str or type(value) is bool or type(value) is int:
            self.state = value if type(value) is str else str(value).lower()

    def see_item(self, unit: str, value: Any) -> None:
        """Something that is counted once, by what names it."""
        if (type(value) is str and value) or type(value) is int:
            self.distinct.setdefault(unit, {})[value] = None

    def see_size(self, unit: str, value: Any) -> None:
        """A list whose length counts."""
        if type(value) is list:
            self.sizes[unit] = max(len(value), self.sizes.get(unit, 0))

    def see_largest(self, unit: str, value: Any) -> None:
        """A number that may be there several times, growing."""
        if type(value) is int and value >= 0:
            self.sizes[unit] = max(value, self.sizes.get(unit, 0))
        else:
            self.absurd = True

    def see_once(self, unit: str, value: Any) -> None:
        """Something that counts as one, however often it is there."""
        if is_there(value):
            self.sizes[unit] = 1

    def see_number(self, unit: str, value: Any) -> None:
        """A number beside the usage object."""
        self.numbers[unit] = value

    def see_object(self, kind: str, value: Any) -> None:
        """The answer names an object that may be used later."""
        if type(value) is str and value:
            self.object_ids[kind, value] = None

    def see_output(self, value: Any) -> None:
        """Visible output: text counts its UTF-8 bytes, anything else those of its JSON text."""
        if type(value) is str:
            self.output_bytes += len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
        else:
            try:
                self.output_bytes += len(_encode(value))
            except (ValueError, RecursionError):
                self.output_bytes += 1

    def see_packed_output(self, value: Any) -> None:
        """Visible output in base64: what it unpacks to is as long as three quarters of it."""
        if type(value) is str:
            self.output_bytes += len(value.rstrip("=")) * 3 // 4

    def see_end(self, value: Any) -> None:
        """The answer says that it is over."""
        if is_there(value):
            self.end = True

    def see_final(self, value: Any) -> None:
        """The answer says that its usage will not change any more."""
        if is_there(value):
            self.final = True

    def see_failure(self, value: Any) -> None:
        """The answer says that it failed."""
        if is_there(value):
            self.failed = True


def is_there(value: Any) -> bool:
    """Whether a value says anything: false and the empty ones do not, zero does."""
    return value is not False and value != "" and value != [] and value != {}


def overlay(old: dict[str, Any], new: Mapping[str, Any]) -> None:
    """Put a later usage object over an earlier one, field by field."""
    for name, value in new.items():
        if value is None:
            continue
        below = old.get(name)
        if type(value) is dict and type(below) is dict:
            overlay(below, value)
        else:
            old[name] = value


def _fell(old: Any, new: Any) -> bool:
    return type(old) is int and type(new) is int and new < old
