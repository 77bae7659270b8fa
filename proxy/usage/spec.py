"""What a data file says about how one kind of answer reports its usage: the `readers:` entries of a provider file.

Everything a provider does differently is here as data. Paths are written as `proxy.wire.paths` says, sums as
`proxy.usage.expression` says; both are compiled, and mistakes in them refused, when a file is loaded.
"""

import re
from collections.abc import Callable, Iterator
from fnmatch import translate
from functools import cached_property
from typing import Any

from msgspec import Struct

from proxy.usage.expression import Term, parse_terms
from proxy.usage.seen import Seen
from proxy.wire.paths import Step, join_paths, parse_path
from proxy.wire.shape import Shape
from proxy.wire.tree import Tree

Sink = Callable[[Seen, Any], None]
Rule = tuple[str, Sink]


class Sum(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A unit as a signed sum of fields of the usage object. `decimal`: a fraction is no mistake (seconds).

    The sum is divided by `per` (1000 where milliseconds are reported), multiplied by `by` (1000 where dollars are, and
    thousandths of one are the unit) and by the field at `times` (channels that are each billed); less than `least` is
    billed as that. `otherwise` is the sum where this one is negative: for a provider that sometimes counts a part
    twice. With `begins` and `ends`, fields that are times, it is multiplied by the hours between the two.
    """

    sum: str
    decimal: bool = False
    per: int = 1
    by: int = 1
    times: str = ""
    least: int = 0
    otherwise: str = ""
    begins: str = ""
    ends: str = ""

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The sum, compiled. Raises ValueError."""
        return parse_terms(self.sum)

    @cached_property
    def instead(self) -> tuple[Term, ...]:
        """The other sum, compiled; empty for none. Raises ValueError."""
        return parse_terms(self.otherwise) if self.otherwise else ()

    @cached_property
    def factor(self) -> tuple[Term, ...]:
        """What the sum is multiplied by, compiled; empty for nothing. Raises ValueError."""
        return parse_terms(self.times) if self.times else ()

    @cached_property
    def plain(self) -> bool:
        """Whether the sum is the quantity as it stands."""
        return self.per == self.by == 1 and not (self.times or self.least or self.begins)


class Count(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A unit that is counted in the answer itself, below its roots. The first that gives something decides:

    `number`: a number the answer states; `distinct`: different values (ids, queries); `length`: elements of a list;
    `largest`: the largest of all numbers there; `once`: one, if anything is there. `models` and `except_models` are
    globs that the answer's model must (not) match. `unless` names numbers: if one of them is positive, the unit is
    billed in another way. `without_usage`: counts only in an answer without a usage object, and is then what it
    reports.
    """

    number: tuple[str, ...] = ()
    distinct: tuple[str, ...] = ()
    length: tuple[str, ...] = ()
    largest: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    except_models: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    without_usage: bool = False

    def of_model(self, model: str) -> bool:
        """Tell whether the unit is counted in answers of this model."""
        of, but = self._of, self._but
        return (of is None or of.match(model) is not None) and (but is None or but.match(model) is None)

    @cached_property
    def _of(self) -> "re.Pattern[str] | None":
        return _any_of(self.models)

    @cached_property
    def _but(self) -> "re.Pattern[str] | None":
        return _any_of(self.except_models)

    def rules(self, unit: str) -> Iterator[Rule]:
        """Yield what to do with which path."""
        yield from ((path, _number(unit)) for path in self.number)
        yield from ((path, _item(unit)) for path in self.distinct)
        yield from ((path, _size(unit)) for path in self.length)
        yield from ((path, _largest(unit)) for path in self.largest)
        yield from ((path, _once(unit)) for path in self.once)
        yield from ((path, _number(unless_key(path))) for path in self.unless)


class Parts(Struct, frozen=True, forbid_unknown_fields=True):
    """A list in the usage object that tells the passes of an answer apart, each with the model that made it.

    Where it is there, `units` are the sums over its elements, by the model that the element names at `model` (none:
    the answer's own); other units stay those of the usage object. The list is forgotten when the number at `changes`
    becomes another one without a new list.
    """

    at: str
    model: str
    units: tuple[str, ...]
    changes: str


class Tier(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the answer names its service tier, in order of precedence, and the names that mean none in particular."""

    at: tuple[str, ...]
    standard: tuple[str, ...] = ()


class Region(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the answer names the region that served it, and the names that mean none in particular."""

    at: str
    standard: tuple[str, ...] = ()


class Objects(Struct, frozen=True, forbid_unknown_fields=True):
    """Objects of one kind that the answer names by their ids."""

    kind: str
    at: tuple[str, ...]


class Cost(Struct, frozen=True, forbid_unknown_fields=True):
    """The provider's own price, in the usage object: a number of 1/`per` USD."""

    at: str
    per: int = 1


class Another(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """Usage of another model, reported beside the answer's own in documents of their own: each adds to the others.

    `usage` leads to it, `model` are where documents name that model, at any time before; `default` if none does.
    """

    usage: str
    units: dict[str, str | Sum]
    model: tuple[str, ...]
    default: str

    @cached_property
    def sums(self) -> dict[str, Sum]:
        """The units as sums of reported fields."""
        return {unit: Sum(text) if isinstance(text, str) else text for unit, text in self.units.items()}


class Plan(Struct, frozen=True):
    """A spec, compiled: what to decode of a document, and what to do with which value."""

    shape: Shape
    decoder: Any
    tree: Tree[Seen]
    answers: tuple[tuple[Step, ...], ...]
    literals: frozenset[bytes]
    parts: tuple[Step, ...]
    part_model: tuple[Step, ...]
    cost: tuple[Step, ...]
    inside: tuple[Step, ...]
    next_page: tuple[Step, ...] = ()


class ReaderSpec(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """How one kind of answer reports its usage. The same spec serves its JSON and its streamed form.

    `roots` are where an answer stands in a document (`.` itself, or wrapped in an event); `model`, `tier`, `region`,
    `usage`, `counts` and `objects` are paths below them. `answers`, instead, names whole answers inside a document
    (results of a batch): each is read by itself and all are added up; `next_page` is where the document around them
    says what to ask for to get more. `output`, `failed`, `end` and `final` are paths in the document, true where
    something stands that is not empty; `end_data` are stream data that are no JSON, and end it. Streams of events that
    are `unmarked` have neither: they are over when the connection is. Without `final` any usage is the last word.
    `state` are paths in the document, too: of the word for how far work that finishes later has come. `details` maps a
    list in the usage object to the count it splits. With `adds` the usage objects of a stream are of different calls,
    and are added up; else a later one replaces an earlier, field by field. `running` units are reported for a whole
    session so far: each of its turns has used what they have grown by.

    Numbers that stand elsewhere join the usage object under a name of their own: `headers` maps it to a header of the
    answer, `beside` to a path below the roots. `media` are paths of sound and pictures: delivered, but no text. With
    `binary` the answer may itself be that, or plain text, and no JSON. In frames, `inside` is where one holds its
    document as base64; `packed_output` are paths of output that is base64.
    """

    source: str
    usage: tuple[str, ...] = ()
    units: dict[str, str | Sum] = {}
    roots: tuple[str, ...] = (".",)
    answers: tuple[str, ...] = ()
    next_page: str = ""
    model: tuple[str, ...] = ()
    tier: Tier | None = None
    region: Region | None = None
    details: dict[str, str] = {}
    parts: Parts | None = None
    adds: bool = False
    running: tuple[str, ...] = ()
    counts: dict[str, Count] = {}
    another: Another | None = None
    cost: Cost | None = None
    objects: tuple[Objects, ...] = ()
    inside: str = ""
    state: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    packed_output: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    end: tuple[str, ...] = ()
    end_data: tuple[str, ...] = ()
    final: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    beside: dict[str, str] = {}
    media: tuple[str, ...] = ()
    binary: bool = False
    unmarked: bool = False

    def __post_init__(self) -> None:
        """Compile at once: a mistake in the data is found when it is loaded."""
        _ = self.plan
        for each in (*self.sums.values(), *(self.another.sums.values() if self.another else ())):
            _ = each.terms, each.factor, each.instead
        unknown = set(self.parts.units) - set(self.units) if self.parts else set()
        if unknown:
            raise ValueError(f"parts name units that the reader does not have: {', '.join(sorted(unknown))}")
        if set(self.running) - set(self.units):
            raise ValueError("running names a unit that is no sum of the reader")
        if set(self.units) & set(self.counts):
            raise ValueError("a unit is either a sum or counted, not both")

    @cached_property
    def sums(self) -> dict[str, Sum]:
        """The units that are sums of reported fields."""
        return {unit: Sum(text) if isinstance(text, str) else text for unit, text in self.units.items()}

    @cached_property
    def plan(self) -> Plan:
        """The spec, compiled. Raises ValueError, naming the path that is wrong."""
        tree: Tree[Seen] = Tree()
        shape = Shape()
        answers = tuple(parse_path(path) for path in self.answers)
        for path, sink in self._rules():
            steps = parse_path(path)
            tree.add(steps, sink)
            for around in answers or ((),):
                shape.require(around + steps)
        next_page = parse_path(self.next_page) if self.next_page else ()
        if next_page:
            shape.require(next_page)
        return Plan(
            shape=shape,
            decoder=shape.decoder(),
            tree=tree,
            answers=answers,
            literals=frozenset(text.encode() for text in self.end_data),
            parts=parse_path(self.parts.at) if self.parts else (),
            part_model=parse_path(self.parts.model) if self.parts else (),
            cost=parse_path(self.cost.at) if self.cost else (),
            inside=parse_path(self.inside) if self.inside else (),
            next_page=next_page,
        )

    def _rules(self) -> Iterator[Rule]:
        changes = {self.parts.at: self.parts.changes} if self.parts else {}
        usage = Seen.add_usage if self.adds else _usage(self.details, changes)
        for root in self.roots:
            yield from ((join_paths(root, path), Seen.see_model) for path in self.model)
            yield from ((join_paths(root, path), usage) for path in self.usage)
            for index, path in enumerate(self.tier.at if self.tier else ()):
                yield join_paths(root, path), _tier(index)
            if self.region is not None:
                yield join_paths(root, self.region.at), Seen.see_region
            yield from ((join_paths(root, path), _field(name)) for name, path in self.beside.items())
            for unit, count in self.counts.items():
                yield from ((join_paths(root, path), sink) for path, sink in count.rules(unit))
            for objects in self.objects:
                yield from ((join_paths(root, path), _object(objects.kind)) for path in objects.at)
        if self.another is not None:
            yield self.another.usage, Seen.see_another
            yield from ((path, Seen.see_another_model) for path in self.another.model)
        yield from ((path, Seen.see_output) for path in self.output)
        yield from ((path, Seen.see_media) for path in self.media)
        yield from ((path, Seen.see_packed_output) for path in self.packed_output)
        yield from ((path, Seen.see_failure) for path in self.failed)
        yield from ((path, Seen.see_end) for path in self.end)
        yield from ((path, Seen.see_final) for path in self.final)
        yield from ((path, Seen.see_state) for path in self.state)


def _any_of(globs: tuple[str, ...]) -> "re.Pattern[str] | None":
    return re.compile("|".join(map(translate, globs))) if globs else None


def unless_key(path: str) -> str:
    """The name under which the number at an `unless` path is kept."""
    return f"unless {path}"


def _usage(falls: dict[str, str], changes: dict[str, str]) -> Sink:
    return lambda seen, value: seen.see_usage(value, falls, changes)


def _field(name: str) -> Sink:
    return lambda seen, value: seen.see_field(name, value)


def _tier(index: int) -> Sink:
    return lambda seen, value: seen.see_tier(index, value)


def _number(unit: str) -> Sink:
    return lambda seen, value: seen.see_number(unit, value)


def _item(unit: str) -> Sink:
    return lambda seen, value: seen.see_item(unit, value)


def _size(unit: str) -> Sink:
    return lambda seen, value: seen.see_size(unit, value)


def _largest(unit: str) -> Sink:
    return lambda seen, value: seen.see_largest(unit, value)


def _once(unit: str) -> Sink:
    return lambda seen, value: seen.see_once(unit, value)


def _object(kind: str) -> Sink:
    return lambda seen, value: seen.see_object(kind, value)
