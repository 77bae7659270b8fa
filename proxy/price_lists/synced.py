"""The operator's files of synced rates, one an integration: what was accepted, from which day on, from which lists.

Rows are only added to them: what a later sync accepts has a later `since`; within a day the later row counts. A file
is written whole and put in place at once.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from msgspec import Struct, structs

from proxy.errors import BadConfig
from proxy.loading.yaml import load_yaml
from proxy.price_lists.compare import Finding, NewModel
from proxy.price_lists.writing import USUAL_PER, entry, quoted
from proxy.pricing.card import Rate

SYNCED = ".synced.yaml"


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices that hold from one day on under the same qualifiers."""

    since: date
    usd: dict[str, str]
    source: str
    tier: str | None = None
    context_above: int | None = None
    per: int = USUAL_PER

    def rates(self) -> list[Rate]:
        """Return them one by one."""
        day = self.since.isoformat()
        return [
            Rate(unit, usd, self.per, day, self.tier, self.context_above, self.source) for unit, usd in self.usd.items()
        ]


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows of some models; window and output_max only of new ones."""

    match: tuple[str, ...]
    rates: tuple[Row, ...]
    window: int | None = None
    output_max: int | None = None


class Synced(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file. `models` are new ones, `added` are rows of models that stand elsewhere."""

    integration: str
    source: str
    checked: date
    held_against: tuple[str, ...]
    per: int = USUAL_PER
    models: tuple[Entry, ...] = ()
    added: tuple[Entry, ...] = ()


def file_of(folder: Path, integration: str) -> Path:
    """Return where an integration's file is."""
    return folder / f"{integration}{SYNCED}"


def load_synced(folder: Path, integration: str) -> Synced | None:
    """Return an integration's file, None if there is none yet. Raises BadConfig."""
    path = file_of(folder, integration)
    if not path.exists():
        return None
    found = load_yaml(path, Synced)
    if found.integration != integration:
        raise BadConfig(f"{path}: at integration: {found.integration!r} is another one; move the file out of the way")
    return found


def grown(
    old: Synced | None,
    integration: str,
    lists: Sequence[str],
    days: tuple[date, date],
    accepted: Sequence[Finding],
    new: Sequence[NewModel],
) -> Synced:
    """Return a file with what was accepted. `days` are the day that the lists speak for, and the one it begins on."""
    source = " and ".join(lists)
    checked, since = days
    return Synced(
        integration=integration,
        source=source,
        checked=max(checked, old.checked) if old else checked,
        held_against=tuple(lists),
        models=(*(old.models if old else ()), *(_new(each, since, source) for each in new)),
        added=(*(old.added if old else ()), *_added(accepted, since, source)),
    )


def text_of(synced: Synced) -> str:
    """Write a file."""
    lines = [
        "# Written by `faregate rates sync`, which only adds to it. Keep rates of your own in other files: the models",
        "# that they name are left alone. Without this file, the rates that it was added to hold again.",
        "",
        f"integration: {synced.integration}",
        f"source: {quoted(synced.source)}",
        f"checked: {synced.checked.isoformat()}",
        f"held_against: [{', '.join(map(quoted, synced.held_against))}]",
        f"per: {synced.per}",
    ]
    for name, entries in (("models", synced.models), ("added", synced.added)):
        lines += ["", f"{name}:"] * bool(entries)
        for each in entries:
            rates = [rate for row in each.rates for rate in row.rates()]
            lines += entry(each.match, rates, each.window, each.output_max)
    return "\n".join([*lines, ""])


def _added(accepted: Sequence[Finding], since: date, source: str) -> list[Entry]:
    """Return what was accepted, an entry for the models of which the same was."""
    of: dict[tuple[str, ...], list[Rate]] = {}
    for each in accepted:
        unit, tier, above = each.key
        rate = structs.replace(each.rate, unit=unit, tier=tier or None, context_above=above or None)
        of.setdefault(each.models, []).append(rate)
    return [Entry(match=models, rates=_rows(rates, since, source)) for models, rates in of.items()]


def _new(found: NewModel, since: date, source: str) -> Entry:
    rows = _rows(found.rates, since, source)
    return Entry(match=found.models, rates=rows, window=found.window, output_max=found.output_max)


def _rows(rates: Sequence[Rate], since: date, source: str) -> tuple[Row, ...]:
    rows: dict[tuple[str | None, int | None, int], dict[str, str]] = {}
    for rate in rates:
        rows.setdefault((rate.tier, rate.context_above, rate.per), {})[rate.unit] = rate.usd
    return tuple(
        Row(since=since, usd=usd, source=source, tier=tier, context_above=above, per=per)
        for (tier, above, per), usd in rows.items()
    )
