"""Reads `config/price_lists/*.yaml`: how a price list that others keep says what our rates say."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from proxy.errors import BadConfig
from proxy.loading.yaml import load_yaml

T = TypeVar("T", bound="Lexicon")


class Place(Struct, frozen=True, forbid_unknown_fields=True):
    """Where an integration's models are in a list: under which providers, with what before their names."""

    providers: tuple[str, ...]
    prefixes: tuple[str, ...] = ("",)


class Meaning(Struct, frozen=True, forbid_unknown_fields=True):
    """What the price `key` is for: `of` units of `unit`, which our rates write for `per` of them.

    Without `per` and `of` those of the whole list hold. `modes` are the kinds of model that it has this meaning for;
    none are all. `alike` are further units that it is the price of, where our rates tell apart what the list does not.
    """

    key: str
    unit: str
    per: int | None = None
    of: int | None = None
    modes: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()


class Context(Struct, frozen=True, forbid_unknown_fields=True):
    """What a list is told of a call (`when`) to name its price in one of our tiers."""

    tier: str
    when: Mapping[str, str]


class Lexicon(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What any list's file says: the package it is in, its places of our integrations, the meaning of its prices.

    `per` is what our rates are written for where a price says nothing else, and `of` what a price is for; without
    `of` both are the same.
    """

    package: str
    integrations: Mapping[str, Place]
    prices: tuple[Meaning, ...]
    per: int = 1
    of: int | None = None

    def scale(self, meaning: Meaning) -> tuple[int, int]:
        """Return what a price is written for in our rates, and what it is for in the list."""
        per = meaning.per or self.per
        return per, meaning.of or self.of or per

    @property
    def alike(self) -> Mapping[str, str]:
        """The unit under which the list has the price of another, for those that it does not tell apart."""
        return {unit: meaning.unit for meaning in self.prices for unit in meaning.alike}


class ContextLexicon(Lexicon, frozen=True, kw_only=True):
    """The file of a list that names a tier's price when it is told of the call."""

    tiers: tuple[Context, ...] = ()


class SuffixLexicon(Lexicon, frozen=True, kw_only=True):
    r"""The file of a list whose names of prices end in their tier, and in a size of context before it.

    `file` is where the list is in its package; `above` a pattern such as `_above_(\d+)k_tokens`.
    """

    file: str
    above: str
    tiers: Mapping[str, str] = {}


def load_lexicon(path: Path, into: type[T]) -> T:
    """Return a list's file. Raises BadConfig."""
    found = load_yaml(path, into)
    if isinstance(found, SuffixLexicon):
        try:
            groups = re.compile(found.above).groups
        except re.error as error:
            raise BadConfig(f"{path}: at above: {found.above!r} is no pattern ({error}); correct it") from None
        if groups != 1:
            raise BadConfig(f"{path}: at above: {found.above!r} has {groups} groups; put the digits in one")
    return found
