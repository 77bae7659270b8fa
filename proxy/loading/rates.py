"""Reads the rate card: the built-in rates, then the operator's own, into values that cannot be wrong.

`units.yaml` is the registry of units; every other file of a folder holds rates of one integration. The types
of the files end here: what leaves is a RateCard of exact decimals, whose version is the hash of its content.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Context, Decimal
from fnmatch import fnmatchcase
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Literal, NoReturn

import msgspec
from msgspec import Struct, structs

from proxy.errors import BadConfig
from proxy.loading.dearest import ANY, with_dearest
from proxy.loading.faults import Faults
from proxy.loading.mismatch import shown, suggestion
from proxy.loading.resale import SameAs, check_resold, resell, resold_sources
from proxy.loading.yaml import load_yaml
from proxy.money import parse_decimal
from proxy.pricing.card import USD_PER_UNIT_MAX, ModelRates, Rate, RateCard, Source
from proxy.pricing.hours import parse_hours

UNITS_FILE = "units.yaml"
_VERSION_DIGITS = 16
_PERCENT_MAX = 1_000
_EXACT = Context(prec=200)
"""Arithmetic that rounds nothing: a price has at most 40 digits."""

Number = str | int | float
"""A price as a file has it. Only a string is accepted; the others are here to be named in the refusal."""


class _Unit(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the registry. `fallback` is the unit whose rate holds where this one has none."""

    meaning: str
    family: str
    fallback: str | None = None


class _UnitsFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`units.yaml`."""

    units: dict[str, _Unit]


class _Row(Struct, frozen=True, forbid_unknown_fields=True):
    """One row of a price list: either `unit` and its `usd`, or `usd` as a table of several units."""

    usd: Number | dict[str, Number]
    unit: str | None = None
    per: int | None = None
    since: date | None = None
    tier: str | tuple[str, ...] | None = None
    context_above: int | None = None
    region: str | tuple[str, ...] | None = None
    hours: tuple[str, ...] = ()
    source: str = ""


class _Model(Struct, frozen=True, forbid_unknown_fields=True):
    """The rates of the models whose names `match`."""

    match: tuple[str, ...]
    rates: tuple[_Row, ...]
    window: int | None = None
    output_max: int | None = None


class _Fee(Struct, frozen=True, forbid_unknown_fields=True):
    """Rates that hold for every model whose first name matches, unless it has its own for the unit."""

    match: tuple[str, ...]
    rates: tuple[_Row, ...]


class _Added(Struct, frozen=True, forbid_unknown_fields=True):
    """Rows that are added to the models of these exact names, whichever file their entry is in. Each has `since`."""

    match: tuple[str, ...]
    rates: tuple[_Row, ...]


class _Region(Struct, frozen=True, forbid_unknown_fields=True):
    """A region that costs `percent` more per unit of `family`, at every model whose first name matches."""

    region: str
    percent: Number
    family: str
    match: tuple[str, ...]


class _RatesFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A rates file. `per` is what prices are for where no row says; `prefixes` may precede any name.

    `same_as` names integrations whose models are sold here too, at their prices. `held_against` names the price lists
    that the integration's rates were held against on the day `checked`: not those of this file alone, but all, except
    what stands in other files of the operator. With `otherwise: dearest` a model without rates is served too, held at
    the dearest rate of all: where names are the operator's own, or come and go.
    """

    integration: str
    source: str
    checked: date
    models: tuple[_Model, ...] = ()
    fees: tuple[_Fee, ...] = ()
    regions: tuple[_Region, ...] = ()
    prefixes: tuple[str, ...] = ()
    added: tuple[_Added, ...] = ()
    held_against: tuple[str, ...] = ()
    per: int = 1
    same_as: tuple[SameAs, ...] = ()
    otherwise: Literal["refuse", "dearest"] = "refuse"


class _Rule(Struct, frozen=True):
    """Rates of some models: a fee, or what was added; parsed."""

    match: tuple[str, ...]
    rates: tuple[Rate, ...]


class _Uplift(Struct, frozen=True):
    """What a region's prices of some units are multiplied by, at the models of these names."""

    region: str
    times: Decimal
    units: frozenset[str]
    names: frozenset[str]

    def of(self, rate: Rate) -> Iterator[Rate]:
        """Yield a rate's twin in the region, if its price differs there."""
        if rate.region is None and rate.unit in self.units:
            usd = _shortest(_EXACT.multiply(Decimal(rate.usd), self.times))
            yield structs.replace(rate, usd=usd, region=self.region)


class _Sheet(Struct, frozen=True):
    """One integration's part of one folder, parsed.

    `checked` are the days of its files, `held` those of the files that speak for all but the operator's own prices.
    """

    models: tuple[ModelRates, ...]
    fees: tuple[_Rule, ...]
    added: tuple[_Rule, ...]
    uplifts: tuple[_Uplift, ...]
    checked: tuple[date, ...]
    held: tuple[date, ...]
    sources: tuple[Source, ...]
    resold: tuple[SameAs, ...]
    dearest: tuple[bool, ...]

    def __add__(self, other: "_Sheet") -> "_Sheet":
        return _Sheet(
            *(mine + theirs for mine, theirs in zip(structs.astuple(self), structs.astuple(other), strict=True))
        )


class RatesRead(Struct, frozen=True):
    """A rate card, and when each integration's rates were held against their source.

    Its oldest file counts; for built-in files the day on which they were held against price lists, if that was later.
    """

    card: RateCard
    checked: Mapping[str, date]


def load_rates(folder: Path, extra: Path | None = None) -> RateCard:
    """Return only the rate card of `read_rates`."""
    return read_rates(folder, extra).card


def read_rates(folder: Path, extra: Path | None = None) -> RatesRead:
    """Return the rate card of a folder, and of the operator's own folder `extra` on top of it.

    Where both folders have the same name or glob of a model, the operator's entry replaces the built-in one
    whole. A built-in exact name still beats the operator's glob, so an override must name its model. Fees of
    either folder fill in units that a model has no rate for, the operator's first. `extra` may add units in
    a `units.yaml`. Where a file resells another integration's models (`same_as`), their prices are those that
    hold there, the operator's included.

    Raises BadConfig with all that is wrong, naming file, place, value and remedy of each.
    """
    folders = [folder] if extra is None else [folder, extra]
    units = _load_units([each / UNITS_FILE for each in folders])
    loaded, faults = [], Faults()
    for each in folders:
        with faults.gather():
            loaded.append(_load_folder(each, units, own=each is extra))
    faults.settle()
    names = sorted({name for sheets in loaded for name in sheets})
    found = {name: [sheets[name] for sheets in reversed(loaded) if name in sheets] for name in names}
    makers = {name: _overlay(*sheets) for name, sheets in found.items()}
    resold = {name: tuple(each for sheet in sheets for each in sheet.resold) for name, sheets in found.items()}
    check_resold(resold)
    integrations = {name: resell(makers[name], resold[name], makers) for name in names}
    fallbacks = {name: unit.fallback for name, unit in sorted(units.items()) if unit.fallback is not None}
    for name, sheets in found.items():
        if any(sheet.dearest for sheet in sheets):
            integrations[name] = with_dearest(integrations[name], fallbacks)
    sources = tuple(source for sheets in found.values() for sheet in sheets for source in sheet.sources)
    sources += tuple(resold_sources(resold, sources, integrations))
    card = RateCard(_version(integrations, fallbacks), integrations, fallbacks, sources)
    return RatesRead(card, {name: _checked(sheets) for name, sheets in found.items()})


def _checked(sheets: Sequence[_Sheet]) -> date:
    """Return when an integration's rates were checked: built-in ones perhaps by price lists, those of one's own not.

    A file that only says what all was held against says nothing of prices of its own.
    """
    built_in = [day for sheet in sheets for day in sheet.checked if not sheet.sources[0].own]
    own = [day for sheet in sheets for day in sheet.checked if sheet.sources[0].own]
    held = [day for sheet in sheets for day in sheet.held]
    shipped_day = [max([min(built_in), *held])] if built_in else held[-1:]
    return min([*own, *shipped_day])


def load_units(folder: Path, extra: Path | None = None) -> frozenset[str]:
    """Return the names of all units of a folder's registry, and of the operator's own. Raises BadConfig."""
    return frozenset(_load_units([each / UNITS_FILE for each in (folder, extra) if each is not None]))


def _rates_files(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))) if path.name != UNITS_FILE)


def _load_units(paths: Sequence[Path]) -> dict[str, _Unit]:
    """Read the registry; only the first folder must have one."""
    units: dict[str, _Unit] = {}
    faults = Faults()
    for path in paths:
        if units and not path.exists():
            continue
        for name, unit in load_yaml(path, _UnitsFile).units.items():
            if name in units:
                faults.add(f"{path}: at units.{name}: this unit exists already; use it, or choose another name")
            units.setdefault(name, unit)
        for name in units:
            with faults.gather():
                _check_fallbacks(name, units, path)
    faults.settle()
    return units


def _check_fallbacks(name: str, units: Mapping[str, _Unit], path: Path) -> None:
    seen = [name]
    while (fallback := units[seen[-1]].fallback) is not None:
        if fallback not in units:
            remedy = suggestion(fallback, units)
            raise BadConfig(f"{path}: at units.{seen[-1]}.fallback: {fallback!r} is no unit; {remedy}")
        if fallback in seen:
            circle = " -> ".join([*seen, fallback])
            raise BadConfig(f"{path}: at units.{name}.fallback: {circle} is a circle; break it at one unit")
        seen.append(fallback)


def _load_folder(folder: Path, units: Mapping[str, _Unit], *, own: bool) -> dict[str, _Sheet]:
    """Read every rates file of a folder, by integration."""
    if not folder.is_dir():
        raise BadConfig(f"{folder}: there is no such folder; create it or correct the setting that names it")
    sheets: dict[str, _Sheet] = {}
    seen: dict[tuple[str, str], Path] = {}
    faults = Faults()
    for path in _rates_files(folder):
        with faults.gather():
            content = load_yaml(path, _RatesFile)
            sheet = _Reader(path, content.per, units, own).sheet(content)
            for index, model in enumerate(sheet.models):
                for name in model.match:
                    first = seen.get((content.integration, name))
                    if first is not None:
                        where = f"{path}: at models[{index}].match: {name!r}"
                        faults.add(f"{where} is also in {first.name}; keep it in one entry")
                    seen[content.integration, name] = path
            name = content.integration
            sheets[name] = sheets[name] + sheet if name in sheets else sheet
    faults.settle()
    return sheets


class _Reader(Struct, frozen=True):
    """Parses one file. `per` is what its prices are for by default; `own` tells that it is the operator's."""

    path: Path
    per: int
    units: Mapping[str, _Unit]
    own: bool

    def sheet(self, content: _RatesFile) -> _Sheet:
        """Return the parsed file."""
        models, fees, added, faults = [], [], [], Faults()
        uplifts: list[_Uplift] = []
        with faults.gather():
            self.head(content)
        for index, region in enumerate(content.regions):
            with faults.gather():
                self.times(f"regions[{index}]", region)
        faults.settle()  # every model would say again what is wrong with a region
        for index, model in enumerate(content.models):
            with faults.gather():
                models.append(self.model(f"models[{index}]", model, content))
                uplifts.extend(self.uplifts(model, models[-1], content))
        for index, fee in enumerate(content.fees):
            with faults.gather():
                fees.append(_Rule(fee.match, self.rates(f"fees[{index}]", fee.rates)))
        for index, rows in enumerate(content.added):
            with faults.gather():
                added.append(_Rule(rows.match, self.dated(f"added[{index}]", rows)))
        faults.settle()
        names = frozenset(name for model in models for name in model.match)
        checked = content.checked.isoformat()
        dearest = content.otherwise == "dearest"
        if dearest:
            names |= {ANY}
        source = Source(content.integration, self.path.name, self.own, content.source, checked, names)
        return _Sheet(
            models=tuple(models),
            fees=tuple(fees),
            added=tuple(added),
            uplifts=tuple(uplifts),
            checked=() if content.held_against else (content.checked,),
            held=(content.checked,) if content.held_against else (),
            sources=(source,),
            resold=content.same_as,
            dearest=(True,) if dearest else (),
        )

    def head(self, content: _RatesFile) -> None:
        """Refuse what cannot be said of a whole file."""
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", content.integration):
            self.fail("integration", content.integration, "use lower-case letters, digits and hyphens")
        if not content.source:
            self.fail("source", content.source, "say where the prices come from")
        self.at_least_one("per", self.per)

    def model(self, where: str, model: _Model, content: _RatesFile) -> ModelRates:
        """Return one model's rates, with those of the regions that cost more."""
        if not model.match or not all(model.match):
            self.fail(f"{where}.match", list(model.match), "name at least one model")
        for key in ("window", "output_max"):
            self.at_least_one(f"{where}.{key}", getattr(model, key))
        names = tuple(prefix + name for prefix in ("", *content.prefixes) for name in model.match)
        return ModelRates(names, self.rates(where, model.rates), model.window, model.output_max)

    def uplifts(self, model: _Model, parsed: ModelRates, content: _RatesFile) -> Iterator[_Uplift]:
        """Yield what regions ask of a model."""
        for index, region in enumerate(content.regions):
            if _covers(region.match, model.match):
                units = frozenset(name for name, unit in self.units.items() if unit.family == region.family)
                times = self.times(f"regions[{index}]", region)
                yield _Uplift(region.region, times, units, frozenset(parsed.match))

    def dated(self, where: str, added: _Added) -> tuple[Rate, ...]:
        """Return rows that are added to other entries; each says since when."""
        if not added.match:
            self.fail(f"{where}.match", list(added.match), "name at least one model")
        for index, row in enumerate(added.rates):
            if row.since is None:
                self.fail(f"{where}.rates[{index}]", row.usd, "add since: and its first UTC date", "has no date")
        return self.rates(where, added.rates)

    def rates(self, where: str, rows: Sequence[_Row]) -> tuple[Rate, ...]:
        """Return the rates of a list of rows; two for the same unit and qualifiers are refused."""
        if not rows:
            self.fail(f"{where}.rates", [], 'give at least one rate; an explicit "0" is a price')
        found: dict[tuple[object, ...], Rate] = {}
        faults = Faults()
        for index, row in enumerate(rows):
            with faults.gather():
                for rate in self.row(f"{where}.rates[{index}]", row):
                    key = (rate.unit, rate.rank, rate.tier, rate.region, rate.hours)
                    if key in found:
                        remedy = "tell the two apart by tier, region, context_above, hours or since, or remove one"
                        self.fail(f"{where}.rates[{index}]", rate.unit, remedy, "is given twice")
                    found[key] = rate
        faults.settle()
        return tuple(found.values())

    def row(self, where: str, row: _Row) -> Iterator[Rate]:
        """Yield one rate for each unit, tier and region of a row."""
        if isinstance(row.usd, dict) != (row.unit is None):
            fault = "is not for one unit" if row.unit is None else "is not a price alone"
            self.fail(f"{where}.usd", row.usd, 'write unit: NAME and usd: "1.25", or usd: {NAME: "1.25"}', fault)
        per = self.per if row.per is None else row.per
        self.at_least_one(f"{where}.per", per)
        self.at_least_one(f"{where}.context_above", row.context_above)
        since = "" if row.since is None else row.since.isoformat()
        for text in row.hours:
            try:
                _ = parse_hours(text)
            except ValueError as error:
                self.fail(f"{where}.hours", text, str(error))
        tiers = row.tier if isinstance(row.tier, tuple) else (row.tier,)
        regions = row.region if isinstance(row.region, tuple) else (row.region,)
        faults = Faults()
        for unit, number in row.usd.items() if isinstance(row.usd, dict) else [(row.unit or "", row.usd)]:
            with faults.gather():
                if unit not in self.units:
                    self.fail(where, unit, f"{suggestion(unit, self.units)} (or add it to {UNITS_FILE})", "is no unit")
                usd = self.price(f"{where}.usd", number, per)
                for tier, region in product(tiers, regions):
                    yield Rate(unit, usd, per, since, tier, row.context_above, row.source, region, row.hours)
        faults.settle()

    def price(self, where: str, number: Number, per: int) -> str:
        """Return a price in its shortest form: exact, not negative, not absurd."""
        value = self.decimal(where, number)
        if value.is_signed():
            self.fail(where, number, 'a price is at least "0"', "is negative")
        if value > USD_PER_UNIT_MAX * per:
            self.fail(where, number, f"correct usd or per: {per}", f"is more than {USD_PER_UNIT_MAX} USD a unit")
        return _shortest(value)

    def decimal(self, where: str, number: Number) -> Decimal:
        """Return a quoted decimal. A bare number has already been through a float, so it is not taken."""
        if not isinstance(number, str):
            self.fail(where, number, f'write "{number}"', "is not quoted, so it would be rounded")
        try:
            return parse_decimal(number)
        except ValueError:
            self.fail(where, number, 'write a plain decimal such as "1.25"', "is not a decimal number")

    def times(self, where: str, region: _Region) -> Decimal:
        """Return what a region's prices are multiplied by."""
        percent = self.decimal(f"{where}.percent", region.percent)
        if not 0 <= percent <= _PERCENT_MAX:
            self.fail(f"{where}.percent", region.percent, f"write 0 to {_PERCENT_MAX}", "is out of range")
        return _EXACT.add(1, percent.scaleb(-2, _EXACT))

    def at_least_one(self, where: str, number: int | None) -> None:
        """Refuse a count below 1."""
        if number is not None and number < 1:
            self.fail(where, number, "write a whole number from 1 up", "is too small")

    def fail(self, where: str, value: object, remedy: str, fault: str = "cannot be used") -> NoReturn:
        """Raise BadConfig: file, place, value, remedy."""
        raise BadConfig(f"{self.path}: at {where}: {shown(value)} {fault}; {remedy}")


def _overlay(*sheets: _Sheet) -> tuple[ModelRates, ...]:
    """Join an integration's sheets, strongest first; a name counts where it comes first. Add the fees."""
    fees = [fee for sheet in sheets for fee in sheet.fees]
    added = [rule for sheet in reversed(sheets) for rule in sheet.added]
    taken: set[str] = set()
    joined: list[ModelRates] = []
    for sheet in sheets:
        for model in sheet.models:
            names = tuple(name for name in model.match if name not in taken)
            if names:
                uplifts = [each for each in sheet.uplifts if model.match[0] in each.names]
                own = _with_regions(structs.replace(model, match=names), uplifts)
                joined.extend(_with_added(own, _with_fees(own, model.match, fees), added, uplifts))
        taken.update(name for model in sheet.models for name in model.match)
    return tuple(joined)


def _with_regions(model: ModelRates, uplifts: Sequence[_Uplift]) -> ModelRates:
    """Add what the regions ask."""
    dearer = tuple(twin for uplift in uplifts for rate in model.rates for twin in uplift.of(rate))
    return structs.replace(model, rates=model.rates + dearer) if dearer else model


def _with_added(
    own: ModelRates, model: ModelRates, added: Sequence[_Rule], uplifts: Sequence[_Uplift]
) -> Iterator[ModelRates]:
    """Yield a model with what was added to it; in parts, where its names were not all added the same.

    `own` is the model without fees: regions cost more of what is its own.
    """
    parts: dict[tuple[Rate, ...], list[str]] = {}
    for name in model.match:
        rows = tuple(rate for rule in added if name in rule.match for rate in rule.rates)
        parts.setdefault(rows, []).append(name)
    fees = model.units - own.units
    for rows, names in parts.items():
        twins = [twin for uplift in uplifts for rate in rows if rate.unit not in fees for twin in uplift.of(rate)]
        rates = {
            (rate.unit, rate.rank, rate.tier, rate.region, rate.hours): rate for rate in (*model.rates, *rows, *twins)
        }
        yield structs.replace(model, match=tuple(names), rates=tuple(rates.values()))


def _with_fees(model: ModelRates, names: tuple[str, ...], fees: Sequence[_Rule]) -> ModelRates:
    """Add the fees for the units that a model has no rate for."""
    rates = model.rates
    for fee in fees:
        if _covers(fee.match, names):
            priced = {rate.unit for rate in rates}
            rates += tuple(rate for rate in fee.rates if rate.unit not in priced)
    return structs.replace(model, rates=rates)


def _covers(patterns: Sequence[str], names: Sequence[str]) -> bool:
    """Tell whether a fee or region is meant for a model: by the model's first name alone."""
    return any(fnmatchcase(names[0], pattern) for pattern in patterns)


def _shortest(value: Decimal) -> str:
    """Write a decimal without exponent, sign or idle zeros, so that equal prices look equal."""
    text = f"{value.copy_abs():f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _version(integrations: Mapping[str, Sequence[ModelRates]], fallbacks: Mapping[str, str]) -> str:
    """Name a card by its content: how its files are written, split or ordered makes no difference."""
    canonical = {
        "fallbacks": fallbacks,
        "integrations": {name: sorted(map(_canonical, models)) for name, models in integrations.items()},
    }
    return sha256(msgspec.json.encode(canonical, order="sorted")).hexdigest()[:_VERSION_DIGITS]


def _canonical(model: ModelRates) -> str:
    rates = sorted(msgspec.json.encode(rate, order="sorted").decode() for rate in model.rates)
    limits = [sorted(model.match), model.window, model.output_max]
    return msgspec.json.encode([limits, rates]).decode()
