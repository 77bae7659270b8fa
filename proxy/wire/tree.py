"""All paths of a reader as one tree, so that a document is decoded sparingly and walked once.

Each path ends in a sink, a function that takes the value found there. Paths that begin alike share their beginning.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from proxy.wire.paths import Each, Every, Member, Step, Where

T = TypeVar("T")

Sink = Callable[[T, Any], None]


class Tree(Generic[T]):
    """One place in a document: the sinks of the paths that end here, and the ways on."""

    __slots__ = ("each", "every", "members", "sinks", "ways_on", "where")

    def __init__(self) -> None:
        self.sinks: tuple[Sink[T], ...] = ()
        self.ways_on = False
        self.members: dict[str, Tree[T]] = {}
        self.each: Tree[T] | None = None
        self.every: Tree[T] | None = None
        self.where: tuple[tuple[Where, Tree[T]], ...] = ()

    def add(self, steps: tuple[Step, ...], sink: Sink[T]) -> None:
        """Hand every value that a path leads to, null left out, to `sink(context, value)`."""
        tree = self
        for step in steps:
            tree = tree._branch(step)
        tree.sinks += (sink,)

    def walk(self, context: T, value: Any) -> None:
        """Visit a document. It goes as deep as the longest path, however deep the document is."""
        for sink in self.sinks:
            sink(context, value)
        if type(value) is dict:
            self._walk_object(context, value)
        elif type(value) is list:
            self._walk_array(context, value)

    def _walk_object(self, context: T, value: dict[str, Any]) -> None:
        members = self.members
        if members:
            for name, below in value.items():
                tree = members.get(name)
                if tree is None or below is None:
                    continue
                if tree.ways_on:
                    tree.walk(context, below)
                else:
                    for sink in tree.sinks:
                        sink(context, below)
        if self.every is not None:
            for below in value.values():
                if below is not None:
                    self.every.walk(context, below)
        for where, there in self.where:
            if where.holds(value):
                there.walk(context, value)

    def _walk_array(self, context: T, value: list[Any]) -> None:
        if self.each is not None:
            for element in value:
                if element is not None:
                    self.each.walk(context, element)
        for where, there in self.where:
            for element in value:
                if where.holds(element):
                    there.walk(context, element)

    def _branch(self, step: Step) -> "Tree[T]":
        self.ways_on = True
        match step:
            case Member(name):
                return self.members.setdefault(name, Tree())
            case Each():
                self.each = self.each or Tree()
                return self.each
            case Every():
                self.every = self.every or Tree()
                return self.every
            case Where():
                for known, below in self.where:
                    if known == step:
                        return below
                self.where += ((step, Tree()),)
                return self.where[-1][1]
