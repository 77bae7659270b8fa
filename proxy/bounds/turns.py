"""The most that a turn of a session can cost: what was said so far, what is being said, and the longest answer.

A session's input grows while its turn is held, so a bound covers more than is there: whole steps of text, of sound, of
characters. What goes beyond is held before it is relayed. Every figure is data.
"""

from collections.abc import Mapping
from typing import NoReturn

from msgspec import Struct, structs

from proxy.bounds.dearest import ANYWHERE, Market, market
from proxy.bounds.parts import by_model
from proxy.bounds.worst import UNLIMITED, Portion, Worst
from proxy.errors import Refusal, refuse
from proxy.money import ceil_div
from proxy.pricing.card import ModelRates
from proxy.pricing.formula import Prices


class Text(Struct, frozen=True, forbid_unknown_fields=True):
    """Text that a model reads: one token a byte of JSON at most. `overhead` is what the provider adds to a session."""

    units: tuple[str, ...]
    overhead: int = 1024
    step: int = 4096


class Coding(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of the URL that name the coding of sound, its samples a second and its channels, and the bytes that a
    sample takes in codings that have a fixed number of them; or a second, where the name says all. `absent` is what a
    parameter means that is not there.
    """

    named: str
    rate: str = ""
    bytes_per_sample: Mapping[str, int] = {}
    bytes_per_second: Mapping[str, int] = {}
    channels: str = ""
    absent: Mapping[str, str] = {}


class Sound(Struct, frozen=True, forbid_unknown_fields=True):
    """Sound that a caller sends, as base64 `at` paths of its messages, or as binary messages.

    `bytes_per_second` are the fewest that a second takes, unless the URL says more (`coding`). A model that reads it
    bills `tokens_per_second` in `units`; `reported` names the units of an answer that are sound in the turns after it.
    Where sound is billed by its length, `seconds` is the unit, in the same way. `step_s` is what a hold is widened by.
    `added` are units that are billed by the same seconds where the URL has a parameter.
    """

    bytes_per_second: int
    at: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    tokens_per_second: int = 0
    seconds: str = ""
    reported: tuple[str, ...] = ()
    step_s: int = 60
    coding: Coding | None = None
    added: Mapping[str, str] = {}


class Pictures(Struct, frozen=True, forbid_unknown_fields=True):
    """Pictures, and frames of a video, as base64 `at` paths of a caller's messages: so many tokens each at most."""

    at: tuple[str, ...]
    tokens: int
    units: tuple[str, ...]


class Characters(Struct, frozen=True, forbid_unknown_fields=True):
    """Characters of the strings `at` paths of a caller's messages, billed in `unit`."""

    unit: str
    at: tuple[str, ...]
    step: int = 2000


class Written(Struct, frozen=True, forbid_unknown_fields=True):
    """The longest answer of a turn: `maximum` are paths of a caller's messages that limit it, else the model's own.

    `assumed` maps globs of models to the maximum of those for which the rates state none.
    """

    units: tuple[str, ...]
    maximum: tuple[str, ...] = ()
    assumed: Mapping[str, int] = {}


class TurnBound(Struct, frozen=True, forbid_unknown_fields=True):
    """What a turn can be billed in."""

    text: Text | None = None
    sound: Sound | None = None
    pictures: Pictures | None = None
    characters: Characters | None = None
    output: Written | None = None


def asked_for(bound: TurnBound, parameters: Mapping[str, str]) -> TurnBound:
    """Return the bound of a session whose URL has these parameters: how its sound is coded, and what is billed too."""
    sound = bound.sound
    if sound is None:
        return bound
    added = {unit: name for unit, name in sound.added.items() if parameters.get(name, "false") != "false"}
    second = _bytes_per_second(sound, parameters)
    return structs.replace(bound, sound=structs.replace(sound, bytes_per_second=second, added=added))


def _bytes_per_second(sound: Sound, parameters: Mapping[str, str]) -> int:
    """Return what a second of sound takes at least, by what a URL says of its coding."""
    coding = sound.coding
    if coding is None:
        return sound.bytes_per_second
    told = {**coding.absent, **parameters}
    name = told.get(coding.named, "")
    if name in coding.bytes_per_second:
        return coding.bytes_per_second[name]
    sample = coding.bytes_per_sample.get(name)
    rate, channels = told.get(coding.rate, ""), told.get(coding.channels, "1")
    if sample is None or not rate.isdecimal() or not channels.isdecimal():
        return sound.bytes_per_second
    return max(1, sample * int(rate) * max(1, int(channels)))


class Flow(Struct, frozen=True):
    """How much a turn has to read, or a bound covers: tokens of text, of pictures and of sound heard before; bytes of
    sound that came since; characters. `maximum` is the longest answer that the caller allows, None if it does not say.
    """

    text: int = 0
    pictures: int = 0
    heard: int = 0
    sound_bytes: int = 0
    characters: int = 0
    maximum: int | None = None

    def plus(self, other: "Flow") -> "Flow":
        """Return both together; the later maximum counts."""
        return Flow(
            self.text + other.text,
            self.pictures + other.pictures,
            self.heard + other.heard,
            self.sound_bytes + other.sound_bytes,
            self.characters + other.characters,
            self.maximum if other.maximum is None else other.maximum,
        )

    def within(self, cover: "Flow") -> bool:
        """Tell whether a bound that covers `cover` covers this."""
        return (
            self.text <= cover.text
            and self.pictures <= cover.pictures
            and self.heard <= cover.heard
            and self.sound_bytes <= cover.sound_bytes
            and self.characters <= cover.characters
        )


PICTURES_STEP = 16
ENOUGH = 10**15
"""What is covered of anything that costs nothing here."""


def cover(flow: Flow, bound: TurnBound) -> Flow:
    """Return what a hold should cover now: what there is, and up to a step more of each."""
    text = sound = characters = pictures = ENOUGH
    if bound.text is not None:
        text = flow.text + bound.text.step
    if bound.sound is not None:
        sound = flow.sound_bytes + bound.sound.step_s * bound.sound.bytes_per_second
    if bound.characters is not None:
        characters = flow.characters + bound.characters.step
    if bound.pictures is not None:
        pictures = flow.pictures + PICTURES_STEP * bound.pictures.tokens if flow.pictures else 0
    return structs.replace(flow, text=text, sound_bytes=sound, characters=characters, pictures=pictures)


class Beside(Struct, frozen=True):
    """A model that hears the sound beside the session's own, such as one that transcribes it."""

    model: str
    rates: ModelRates
    units: tuple[str, ...]


def turn_worst(
    bound: TurnBound, covered: Flow, rates: ModelRates, prices: Prices, name: str, date: str, beside: Beside | None
) -> Worst:
    """Bound a turn that has no more to read than `covered`. Raises Refused `unpriced_model`."""
    seconds = ceil_div(covered.sound_bytes, bound.sound.bytes_per_second) if bound.sound is not None else 0
    tokens = _tokens(bound, covered, seconds)
    window = UNLIMITED if rates.window is None else rates.window
    here = market(prices, rates, ANYWHERE, min(sum(tokens.values()), window), date)
    base = _read(here, tokens, window, name)
    if bound.sound is not None and bound.sound.seconds and seconds:
        base += [_portion(here, (unit,), seconds, name) for unit in (bound.sound.seconds, *bound.sound.added)]
    if bound.characters is not None and covered.characters:
        base.append(_portion(here, (bound.characters.unit,), covered.characters, name))
    if beside is not None and bound.sound is not None and seconds:
        base += _heard_beside(beside, bound.sound, seconds, prices, date)
    if bound.output is None:
        return Worst(tuple(base), (), None, 0)
    limit = rates.output_max or by_model(bound.output.assumed, name) or window
    stated = None if covered.maximum is None else min(covered.maximum, limit)
    return Worst(tuple(base), (_portion(here, bound.output.units, 1, name),), stated, limit)


def _tokens(bound: TurnBound, covered: Flow, seconds: int) -> dict[tuple[str, ...], int]:
    """Return the tokens to read by the units that they can be billed in."""
    tokens: dict[tuple[str, ...], int] = {}
    if bound.text is not None:
        tokens[bound.text.units] = covered.text + bound.text.overhead
    if bound.sound is not None and bound.sound.units:
        heard = covered.heard + seconds * bound.sound.tokens_per_second
        tokens[bound.sound.units] = tokens.get(bound.sound.units, 0) + heard
    if bound.pictures is not None and covered.pictures:
        tokens[bound.pictures.units] = tokens.get(bound.pictures.units, 0) + covered.pictures
    return tokens


def _read(here: Market, tokens: Mapping[tuple[str, ...], int], window: int, name: str) -> list[Portion]:
    """Fill the window, the dearest first."""
    found = [_portion(here, units, count, name) for units, count in tokens.items() if count]
    found.sort(key=lambda portion: portion.of.price.charge[0] / portion.of.price.charge[1], reverse=True)
    kept = []
    for portion in found:
        part = min(portion.count, window)
        window -= part
        if part:
            kept.append(Portion(portion.of, part))
    return kept


def _heard_beside(beside: Beside, sound: Sound, seconds: int, prices: Prices, date: str) -> list[Portion]:
    """Return what another model asks for hearing the sound: by the second, or in tokens, whichever it has rates for."""
    here = market(prices, beside.rates, ANYWHERE, 0, date)
    found = []
    for unit in beside.units:
        one = here.dearest((unit,))
        if one is not None:
            found.append(Portion(one, seconds if unit.endswith("_seconds") else seconds * sound.tokens_per_second))
    if not found:
        _unpriced(beside.model, " or ".join(beside.units))
    return found


def _portion(here: Market, units: tuple[str, ...], count: int, name: str) -> Portion:
    one = here.dearest(units)
    if one is None:
        _unpriced(name, " or ".join(units))
    return Portion(one, count)


def _unpriced(name: str, what: str) -> NoReturn:
    refuse(Refusal.UNPRICED_MODEL, f"The model {name[:200]} has no price for {what}, which this session can use.")
