"""What a `bounds:` entry of a provider file says: where a request states what it may cost, and how much.

All paths are those of `paths.py`, from the body's root unless said otherwise. Every struct refuses unknown
keys.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

from msgspec import Struct

from proxy.bounds.aside import Setting, settings
from proxy.bounds.fields import length
from proxy.bounds.keep import Keep
from proxy.bounds.measures import Addon, Measure, Variant
from proxy.bounds.parts import by_model, named
from proxy.bounds.paths import compiled
from proxy.pricing.card import is_glob


class InputUnit(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A unit that text can be billed in: always, or only if the body has all of `keys` somewhere."""

    unit: str
    keys: tuple[str, ...] = ()

    @cached_property
    def marks(self) -> tuple[bytes, ...]:
        """JSON strings all of which are in every body that can use the unit."""
        return tuple(f'"{key}"'.encode() for key in self.keys)


class OutputUnit(Struct, frozen=True, forbid_unknown_fields=True):
    """A unit that output can be billed in: always, or only if the value at `path` is or holds `holds`.

    `absent` tells whether it also can when there is nothing at `path`.
    """

    unit: str
    path: str | None = None
    holds: str = ""
    absent: bool = False


class Output(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """The output side. `maximum` lists the parameters that limit one generation; the first is spliced in.

    `zero` tells that a maximum of 0 is meaningful. `times` lists the parameters that ask for several
    generations (the largest counts), `prompts` is a list of which each element is generated for. `flat` is
    what one generation costs besides tokens, where the model has a rate for it. `assumed` maps globs of
    model names to the maximum of models for which the rates state none (first match; without one, the
    window).
    """

    units: tuple[OutputUnit, ...]
    maximum: tuple[str, ...] = ()
    zero: bool = False
    times: tuple[str, ...] = ()
    prompts: str | None = None
    flat: Mapping[str, int] = {}
    assumed: Mapping[str, int] = {}

    @cached_property
    def all_units(self) -> tuple[str, ...]:
        """Every unit that output can be billed in, whatever the request asks for."""
        return tuple(unit.unit for unit in self.units)


class Counted(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A list, which must be one if it is there (`text`: or a string).

    Each element adds `each` tokens, and a list that is not empty adds `any`. `wrapping` is the JSON that each element
    has at least around its text. With `along` each element is read together with the text at that path, which counts as
    often. `models` limits the rule to these models (globs); of several rules for a list the first that applies counts.
    """

    at: str
    each: int = 0
    any: int = 0
    text: bool = False
    along: str = ""
    wrapping: str = ""
    models: tuple[str, ...] = ()

    @cached_property
    def net(self) -> int:
        """Tokens of an element besides the bytes of its text; below 0 where the JSON around it is longer than those."""
        return self.each - len(self.wrapping)

    def tokens(self, body: Any) -> int:
        """Return what the list of a body adds. Raises Refused `malformed_request` for a list that is none."""
        count = length(body, self.at, text=self.text)
        if not count:
            return 0
        if self.text and self.wrapping and isinstance(body.get(self.at), str):
            return self.each + self.any
        return count * self.net + self.any


class Kind(Struct, frozen=True, forbid_unknown_fields=True):
    """How one kind of medium is counted, chosen by a glob of its MIME type or of the name that stands for it.

    `item`: `tokens` each. `byte`: one token a decoded byte. `page`: the larger of that and `tokens` for
    each `bytes_per` bytes, up to `most` pages. `second`: `tokens` for each `bytes_per` bytes (the fewest
    that a second can take). `window`: cannot be known. `models` maps globs of model names to another
    `tokens` (first match). `unit` is the modality's own unit; text's dearest counts where that is dearer.
    """

    by: Literal["item", "byte", "page", "second", "window"]
    mime: str = "*"
    tokens: int = 1
    bytes_per: int = 1
    most: int | None = None
    unit: str | None = None
    models: Mapping[str, int] = {}


class Media(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A place where media stand in the body, and how they are recognised there.

    `at` leads to the parts; `where` maps paths in a part to the value wanted (null: anything). `data` are
    paths to base64, a data URL or a URL; `id` to the id of an uploaded file; `mime` to the type (a data URL
    has its own). With `id_from` an id is the rest of the value from there on, and a value without it is a
    URL.
    """

    at: str
    kinds: tuple[Kind, ...]
    where: Mapping[str, str | None] = {}
    data: tuple[str, ...] = ()
    id: tuple[str, ...] = ()
    id_from: str | None = None
    mime: str | None = None

    @cached_property
    def marks(self) -> tuple[bytes, ...]:
        """JSON strings of which at least one is in every body with such a part."""
        return marks(self.where, (*self.data, *self.id))


class Tool(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A tool that runs at the provider within one request: each use makes it read its input again, and more.

    `at` leads to the tools, `where` maps paths in one to globs of the value wanted (null: anything),
    `models` limits the rule to these models (globs). `prompt` is what the tool adds to the input, used or not. `uses`
    is the path (in the tool) of the most uses, `uses_default` where it is not stated. A use adds `tokens` of input
    (`tokens_at`: the path in the tool that limits it) and `passes` further readings of all that is there by then.
    `per_use` and `per_call` are fees; one of them must have a rate. `output` is output of a use beyond the request's
    maximum.

    With `model` (a path in the tool) each use is also a call of that model, reading all there is by the
    last pass and writing up to `maximum` (a path in the tool; without it the model's own); without `passes`
    it is all of this call over again, passes included (a fallback). `implied` are the models that run where
    the tool names none.
    """

    at: str
    where: Mapping[str, str | None] = {}
    models: tuple[str, ...] = ()
    prompt: int = 0
    uses: str | None = None
    uses_default: int = 1
    tokens: int = 0
    tokens_at: str | None = None
    passes: int = 1
    per_use: Mapping[str, int] = {}
    per_call: Mapping[str, int] = {}
    output: int = 0
    model: str | None = None
    maximum: str | None = None
    implied: tuple[str, ...] = ()

    @cached_property
    def marks(self) -> tuple[bytes, ...]:
        """JSON strings of which at least one is in every body with such a tool; empty for the body itself."""
        return marks({}, (self.at,) if self.at else ())


class Fee(Struct, frozen=True, forbid_unknown_fields=True):
    """A unit besides tokens that a request can be billed in, counted in the request: searches, credits, pages.

    Counted are `count` of each call, one for each element of the lists at `each` (a string is one), the number at
    `number` (`absent` where there is none, never more than `most`), and one for every `bytes_per` bytes of the body.
    `times` maps paths to globs of the value there to what that multiplies by (first match; else by 1). `per` of all
    that make one of the unit, rounded up. A model without a rate for the unit is not billed in it.
    """

    unit: str
    count: int = 0
    each: tuple[str, ...] = ()
    number: str = ""
    absent: int = 0
    most: int | None = None
    bytes_per: int | None = None
    times: Mapping[str, Mapping[str, int]] = {}
    per: int = 1


class Qualifier(Struct, frozen=True, forbid_unknown_fields=True):
    """A parameter that can change the price: its values (lower case) to the rates' tiers that can then apply.

    `standard` names the rates without a tier, `*` every tier of the model; a value that is not listed is `*`.
    For a region the same holds of the rates' regions.
    """

    path: str
    names: Mapping[str, tuple[str, ...]] = {}
    absent: tuple[str, ...] = ("standard",)


class Reference(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """Where a request names an object: its kind, the path to parts that name it, the path of the id in one.

    With `tokens` what the object holds is read as input: what is known of it, else the window.
    """

    kind: str
    at: str
    id: str = ""
    where: Mapping[str, str | None] = {}
    tokens: bool = False

    @cached_property
    def marks(self) -> tuple[bytes, ...]:
        """JSON strings of which at least one is in every body with such a reference."""
        return marks(self.where, (f"{self.at}.{self.id}" if self.id else self.at,))


class Beyond(Struct, frozen=True):
    """What requests to one model are read with besides the bytes of their text.

    `fixed` are the tokens of any request, below 0 where the JSON around its text is longer; `lists` the rules that
    apply. Lists that are members of the body, as most are, stand in `members` as well: their name, the tokens of an
    element, those of any, and the rule.
    """

    fixed: int
    lists: tuple[Counted, ...]
    members: tuple[tuple[str, int, int, Counted], ...]
    elsewhere: tuple[Counted, ...]

    def tokens(self, body: Any) -> int:
        """Return all of it for one body. Raises Refused `malformed_request` for a list that is none."""
        total = self.fixed
        if type(body) is not dict:
            return total + sum(rule.tokens(body) for rule in self.lists)
        for name, each, more, rule in self.members:
            found = body.get(name)
            if found is not None:
                total += len(found) * each + more if type(found) is list and found else rule.tokens(body)
        for rule in self.elsewhere:
            total += rule.tokens(body)
        return total


class Rules(Struct, frozen=True):
    """The rules that can apply to one text, and the units that its text can be billed in.

    `plain` tells that text is all that the body has for its bound. A tool without marks is the model's, not the body's.
    """

    media: tuple[Media, ...]
    tools: tuple[Tool, ...]
    references: tuple[Reference, ...]
    text_units: tuple[str, ...]
    plain: bool


RULES_KEPT = 1_000
"""Selections of rules, or models, that are remembered; there are a handful, unless somebody tries them all."""


class BoundSpec(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """How to bound the calls of one endpoint: `input` lists the units of text, `output` lacks for embeddings.

    `overhead` is what the provider adds to any request, `preambles` what it adds for the models of these globs instead
    (first match). `wrapping` is the JSON that every body has at least around its text, and `aside` are the paths of
    members that no model reads, settings and names; what they take of the body is no text.
    `inputs` is a list whose elements have a window each.
    `calls` is the path of the most uses of all tools together, `passes` the most further readings that the provider
    allows. `window` stands for what is unknown where the rates state no window. `text` are the paths of text that
    is certainly read as input: evidence, where the provider reports none. `fees` are what the request is billed for
    besides tokens, or instead of them. `measures` are quantities that the request itself tells, `addons` its extras
    that are billed beside these, `variants` its choices that the price depends on. `keep` is how long the provider is
    to keep the input, which is billed by the hour.
    """

    input: tuple[InputUnit, ...] = ()
    output: Output | None = None
    overhead: int = 0
    preambles: Mapping[str, int] = {}
    wrapping: str = ""
    aside: tuple[str, ...] = ()
    lists: tuple[Counted, ...] = ()
    strings: tuple[str, ...] = ("model",)
    inputs: str | None = None
    media: tuple[Media, ...] = ()
    tools: tuple[Tool, ...] = ()
    calls: str | None = None
    passes: int | None = None
    tiers: tuple[Qualifier, ...] = ()
    regions: tuple[Qualifier, ...] = ()
    references: tuple[Reference, ...] = ()
    window: int = 2_000_000
    text: tuple[str, ...] = ()
    fees: tuple[Fee, ...] = ()
    measures: tuple[Measure, ...] = ()
    addons: tuple[Addon, ...] = ()
    variants: tuple[Variant, ...] = ()
    keep: Keep | None = None

    @cached_property
    def marks(self) -> tuple[bytes, ...]:
        """Every JSON string that tells which rules can apply, each once."""
        rules: tuple[Media | Tool | Reference | InputUnit, ...] = (
            *self.media,
            *self.tools,
            *self.references,
            *self.input,
        )
        return tuple(dict.fromkeys(mark for rule in rules for mark in rule.marks))

    @cached_property
    def can_be_plain(self) -> bool:
        """Whether a call can be bounded by its length: it is one reading of one text, and writes tokens only."""
        output = self.output
        if self.measures or self.variants or self.fees or self.keep or any(counted.along for counted in self.lists):
            return False
        return output is not None and not (output.flat or output.prompts or self.inputs)

    @cached_property
    def watched(self) -> tuple[str, ...]:
        """The members of a body that the bound looks at, but for lists that are only counted."""
        output = self.output
        paths = [*self.strings, *(rule.path for rule in (*self.tiers, *self.regions))]
        if output is not None:
            paths += [*output.maximum, *output.times, *(unit.path for unit in output.units if unit.path is not None)]
        return tuple(dict.fromkeys(key for path in paths for key in compiled(path)[0]))

    @cached_property
    def members(self) -> dict[str, Setting]:
        """What the members of a body are to the bound; those that are missing here are text."""
        return settings(self.aside, self.watched)

    def beyond(self, model: str) -> "Beyond":
        """Return what requests to a model are read with, besides the bytes of their text."""
        found = self._beyond.get(model)
        if found is None:
            if len(self._beyond) >= RULES_KEPT:
                self._beyond.clear()
            preamble = by_model(self.preambles, model)
            apply: dict[str, Counted] = {}
            for rule in self.lists:
                if named(rule.models, model):
                    apply.setdefault(rule.at, rule)
            fixed = (self.overhead if preamble is None else preamble) - len(self.wrapping)
            lists = tuple(apply.values())
            members = tuple((rule.at, rule.net, rule.any, rule) for rule in lists if compiled(rule.at) == ((rule.at,),))
            elsewhere = tuple(rule for rule in lists if compiled(rule.at) != ((rule.at,),))
            found = self._beyond[model] = Beyond(fixed, lists, members, elsewhere)
        return found

    @cached_property
    def _beyond(self) -> "dict[str, Beyond]":
        return {}

    def look(self, raw: bytes) -> list[bytes]:
        """Return the marks that are in a JSON text, in one pass over it, however many they are."""
        pattern = self._pattern
        return pattern.findall(raw) if pattern is not None else []

    @cached_property
    def _pattern(self) -> "re.Pattern[bytes] | None":
        # No mark begins where another ends: between a string's end and another's beginning there is a comma at least.
        inner = b"|".join(re.escape(mark[1:-1]) for mark in self.marks)
        return re.compile(b'"(?:' + inner + b')"') if self.marks else None

    def rules(self, found: frozenset[bytes]) -> Rules:
        """Return the rules that can apply to a text in which these of the marks were found."""
        rules = self._selected.get(found)
        if rules is None:
            if len(self._selected) >= RULES_KEPT:
                self._selected.clear()
            rules = self._selected[found] = self._select(found)
        return rules

    @cached_property
    def _selected(self) -> dict[frozenset[bytes], Rules]:
        return {}

    def _select(self, found: frozenset[bytes]) -> Rules:
        media = tuple(rule for rule in self.media if not found.isdisjoint(rule.marks))
        tools = tuple(rule for rule in self.tools if not rule.marks or not found.isdisjoint(rule.marks))
        references = tuple(rule for rule in self.references if not found.isdisjoint(rule.marks))
        units = tuple(unit.unit for unit in self.input if found.issuperset(unit.marks))
        plain = not (media or references or any(tool.marks for tool in tools))
        return Rules(media, tools, references, units, plain)


def marks(where: Mapping[str, str | None], paths: tuple[str, ...]) -> tuple[bytes, ...]:
    """Return the JSON strings that betray a part: a value that it must have, else its paths' last keys."""
    wanted = [value for value in where.values() if value is not None and not is_glob(value)]
    if wanted:
        return (f'"{wanted[0]}"'.encode(),)
    return tuple(f'"{key}"'.encode() for path in paths for key in _last_keys(path))


def _last_keys(path: str) -> tuple[str, ...]:
    return next(step for step in reversed(compiled(path)) if step != ("*",))
