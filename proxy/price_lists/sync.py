"""Holds all rates in force against the price lists, and writes what they agree on into the operator's folder.

Nothing is changed unless it is asked to write; then all of it is, or none.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from msgspec import Struct, json, structs

from proxy.clock import date_of, timestamp
from proxy.errors import BadConfig
from proxy.loading.catalogue import Catalogue, load_catalogue
from proxy.loading.shipped import shipped
from proxy.price_lists.compare import Comparison, Finding, compare
from proxy.price_lists.differences import Difference, load_differences
from proxy.price_lists.judge import Limits, Verdict
from proxy.price_lists.listing import PriceList
from proxy.price_lists.report import REPORT_FILE, Report, report
from proxy.price_lists.sources import FOLDER
from proxy.price_lists.synced import SYNCED, file_of, grown, load_synced, text_of
from proxy.pricing.card import ModelRates, RateCard


class Folders(Struct, frozen=True):
    """The operator's folders, as the configuration names them."""

    providers: Path | None
    rates: Path | None


def sync(folders: Folders, lists: Sequence[PriceList], limits: Limits, now: int, *, write: bool) -> Report:
    """Compare, and `write` what is accepted from today on. `now` is wall time in microseconds.

    Raises BadConfig for files that cannot be used or written, and for a missing folder; then nothing was changed.
    """
    if write and folders.rates is None:
        raise BadConfig("rates_dir is not set, so there is nowhere to write rates; set it to a folder of yours")
    catalogue = load_catalogue(folders.providers, folders.rates)
    priced = [name for name in catalogue.providers if name in catalogue.card.integrations]
    known = [name for name in priced if all(any(True for _ in each.names(name)) for each in lists)]
    found = compare(_not_own(catalogue.card), known, lists, limits, date_of(now))
    found = _without_known(found, load_differences(shipped("config") / FOLDER / "differences.yaml"))
    others = [name for name in priced if name not in known]
    if not write or folders.rates is None:
        return report(timestamp(now), lists, (known, others), found, None)
    texts = dict(_texts(folders.rates, catalogue, known, lists, found, date.fromisoformat(date_of(now))))
    done = report(timestamp(now), lists, (known, others), found, [path.name for path in texts])
    _put(texts | {folders.rates / REPORT_FILE: json.format(json.encode(done)).decode() + "\n"}, folders)
    return done


def _without_known(found: Comparison, differences: Sequence[Difference]) -> Comparison:
    """Return a comparison in which what a list is known to say differently needs nobody's eye.

    That is so only where the lists do not confirm one another: what both say alike is news, known or not.
    """

    def known(each: Finding) -> bool:
        of = [
            (title.split()[0], each.integration, model, each.key[1]) for title in each.quotes for model in each.models
        ]
        return any(difference.explains(*about) for difference in differences for about in of)

    unsure = (Verdict.MISSING, Verdict.DIFFER)
    findings = (
        structs.replace(each, verdict=Verdict.EXPLAINED) if each.verdict in unsure and known(each) else each
        for each in found.findings
    )
    return structs.replace(found, findings=tuple(findings))


def _not_own(card: RateCard) -> RateCard:
    """Return a card whose models of the operator's own files have no prices to hold against anything.

    What an operator has written, such as a discount, is left as it is; what a sync has written is not such.
    """
    integrations = {
        name: tuple(structs.replace(each, rates=()) if _is_own(card, name, each) else each for each in models)
        for name, models in card.integrations.items()
    }
    return structs.replace(card, integrations=integrations)


def _is_own(card: RateCard, integration: str, model: ModelRates) -> bool:
    source = card.source_of(integration, model)
    return source is not None and source.own and not source.file.endswith(SYNCED)


def _texts(
    folder: Path, catalogue: Catalogue, known: Sequence[str], lists: Sequence[PriceList], found: Comparison, today: date
) -> Iterator[tuple[Path, str]]:
    """Yield each file that says something new: an accepted price, a new model, or a later day on which all was checked.

    An integration none of whose prices both lists confirm is not checked by them.
    """
    day = min(today, max(each.day for each in lists))
    for name in known:
        accepted = [each for each in found.accepted if each.integration == name]
        new = [each for each in found.new if each.integration == name]
        confirmed = any(each.verdict is Verdict.SAME for each in found.findings if each.integration == name)
        checked = max(day, catalogue.checked[name]) if confirmed else catalogue.checked[name]
        if accepted or new or checked > catalogue.checked[name]:
            titles = [each.title for each in lists]
            file = grown(load_synced(folder, name), name, titles, (checked, today), accepted, new)
            yield file_of(folder, name), text_of(file)


def _put(texts: Mapping[Path, str], folders: Folders) -> None:
    """Write files and see that all rates can still be read; if not, everything is put back. Raises BadConfig."""
    before = {path: path.read_bytes() if path.exists() else None for path in texts}
    try:
        for path, text in texts.items():
            _replace(path, text.encode())
        _ = load_catalogue(folders.providers, folders.rates)
    except BadConfig:
        _restore(before)
        raise
    except OSError as error:
        _restore(before)
        raise BadConfig(f"{error.filename}: cannot be written ({error.strerror}); make it writable") from None


def _restore(before: Mapping[Path, bytes | None]) -> None:
    for path, content in before.items():
        if content is None:
            path.unlink(missing_ok=True)
        elif path.read_bytes() != content:
            _replace(path, content)


def _replace(path: Path, content: bytes) -> None:
    """Put a file in place at once: whoever reads the folder meanwhile finds the old one or the new one."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(path)
