"""The least that must be decoded of a document so that a set of paths can be followed in it."""

from typing import Any, TypedDict

import msgspec

from proxy.wire.paths import Every, Member, Step, Where

_Scalar = str | int | float | bool | None


class Shape:
    """What is needed at one place: these members of an object (or of an array's elements), or all of it.

    Arrays are transparent: what holds for an object here holds for each object of an array here.
    """

    __slots__ = ("members", "whole")

    def __init__(self) -> None:
        self.members: dict[str, Shape] = {}
        self.whole = False

    def require(self, steps: tuple[Step, ...]) -> None:
        """Make sure that a path can be followed."""
        shape = self
        for step in steps:
            if isinstance(step, Member):
                shape = shape.member(step.name)
            elif isinstance(step, Every):
                break  # names are not known, so all of it is needed
            elif isinstance(step, Where):
                for condition in step.conditions:
                    place = shape
                    for name in condition.path:
                        place = place.member(name)
                    place.whole = True
        shape.whole = True

    def decoder(self) -> "msgspec.json.Decoder[Any]":
        """Return a JSON decoder that builds nothing else; the parser skips over the rest of a document."""
        return msgspec.json.Decoder(self.partial_type())

    def member(self, name: str) -> "Shape":
        """Return the place of a member, made if it is new."""
        return self.members.setdefault(name, Shape())

    def partial_type(self) -> Any:
        """Return the type that msgspec decodes this place into: unknown members are skipped, wrong kinds refused."""
        if self.whole or not self.members:
            return Any
        members: dict[str, Any] = {name: shape.partial_type() for name, shape in self.members.items()}
        partial = TypedDict("partial", members, total=False)  # type: ignore[misc]  # made from data, not by hand
        return partial | list[partial | list[Any] | _Scalar] | _Scalar
