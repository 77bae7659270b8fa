"""`faregate rates`: what things cost, what a tenant pays for them, and an operator's own rates looked over."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.cli.client import Answer, operator, segment
from proxy.cli.command import Group
from proxy.cli.complete import tenant_names
from proxy.cli.files import config_file
from proxy.cli.price_lists import draft, sync
from proxy.cli.show import Document, facts, heading, show, table

if TYPE_CHECKING:
    from proxy.pricing.card import RateCard

_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
_USUAL = ("input_tokens", "cache_read_tokens", "output_tokens")


@click.group(cls=Group)
def rates() -> None:
    """Rates: what providers ask, and what tenants pay."""


rates.add_command(draft)
rates.add_command(sync)


@rates.command("list")
@click.option("--integration", metavar="I", help="Only of this integration.")
@click.option("--model", metavar="M", help="Only this model, by name.")
def list_(integration: str | None, model: str | None) -> None:
    """List the models that have a price, with the prices that most calls are made of."""
    show(operator().get("/rates", integration=integration, model=model), _models)


@rates.command("show")
@click.argument("integration")
@click.argument("model")
@click.option("--tenant", metavar="T", help="With this tenant's margins.", shell_complete=tenant_names)
def show_(integration: str, model: str, tenant: str | None) -> None:
    """Show every price of a model, under which conditions and since when, and what a tenant pays."""
    show(operator().get(f"/rates/{segment(integration)}/{segment(model)}", tenant=tenant), _prices)


@rates.command()
@click.argument("folder", required=False, type=_FOLDER)
def check(folder: Path | None) -> int:
    """Look over an operator's rates, without a server; FOLDER, or the configuration's rates_dir. Exit 1: unusable."""
    from msgspec import json

    from proxy.loading.lint import lint
    from proxy.loading.shipped import shipped

    own = folder or _rates_dir()
    found = lint(shipped("rates"), own, datetime.fromtimestamp(time.time(), UTC).date())
    models = [model for each in found.card.integrations.values() for model in each] if found.card else []
    document = {
        "ok": not found.problems,
        "folder": None if own is None else str(own),
        "version": None if found.card is None else found.card.version,
        "integrations": len(found.card.integrations) if found.card else 0,
        "models": len(models),
        "rates": sum(len(model.rates) for model in models),
        "problems": list(found.problems),
        "warnings": list(found.warnings),
    }
    show(Answer(json.encode(document).decode(), document), _checked)
    return 0 if document["ok"] else 1


@rates.command()
@click.argument("old", required=False, type=_FOLDER)
@click.argument("new", required=False, type=_FOLDER)
def diff(old: Path | None, new: Path | None) -> None:
    """Show what changes from OLD to NEW, without a server.

    A folder with a units.yaml stands alone, another on top of the built-in rates. With one folder: from the built-in
    rates to it. With none: from the built-in rates to the configuration's rates_dir.
    """
    from msgspec import json, to_builtins

    from proxy.pricing.diff import compare

    if new is None:
        old, new = None, old
    before, after = _card(old), _card(new or _rates_dir())
    document = {"old": before.version, "new": after.version, **to_builtins(compare(before, after))}
    show(Answer(json.encode(document).decode(), document), _changes)


def _rates_dir() -> Path | None:
    """Return the folder that the configuration names, None if it names none or there is no configuration."""
    from proxy.cli.command import Misuse
    from proxy.loading.settings import load_settings

    try:
        file = config_file()
    except Misuse:
        return None
    return load_settings(file, os.environ).rates_dir


def _card(folder: Path | None) -> "RateCard":
    from proxy.loading.rates import UNITS_FILE, load_rates
    from proxy.loading.shipped import shipped

    alone = folder is not None and (folder / UNITS_FILE).exists()
    return load_rates(folder) if folder and alone else load_rates(shipped("rates"), folder)


def _models(document: Document) -> None:
    table(
        ("integration", "model", "window", "output max", *(f"{unit} USD" for unit in _USUAL), "per", "rates"),
        (
            (
                m["integration"],
                m["match"],
                m["window"],
                m["output_max"],
                *_usual(m["rates"]),
                len(m["rates"]),
            )
            for m in document["data"]
        ),
        right=("window", "output max", *(f"{unit} USD" for unit in _USUAL), "per", "rates"),
    )
    click.echo(f"{len(document['data'])} entries of rate card {document['version']}", err=True)


def _usual(found: list[Document]) -> tuple[object, ...]:
    """Return the standard prices of the usual units, and for how many; other rates are told by `rates show`."""
    standard = [r for r in found if not any(r.get(name) for name in ("tier", "region", "context_above", "hours"))]
    prices = {rate["unit"]: rate for rate in sorted(standard, key=lambda rate: rate.get("since", ""))}
    per = {f"{prices[unit].get('per', 1):,}" for unit in _USUAL if unit in prices}
    return *(prices[unit]["usd"] if unit in prices else "" for unit in _USUAL), " or ".join(sorted(per))


def _prices(document: Document) -> None:
    source = document["source"]
    told = [
        ("model", f"{document['integration']} {document['model']}"),
        ("named as", list(document["match"])),
        ("window", document["window"]),
        ("output max", document["output_max"]),
        ("rate card", document["version"]),
    ]
    if source is not None:
        told += [("file", f"{source['owner']}'s {source['file']}, checked {source['checked']}")]
        told += [("source", source["source"])]
    of = "a tenant without margins of its own" if document["tenant"] is None else document["tenant"]
    facts([*told, ("tenant", of)])
    heading("prices in USD")
    table(
        (
            "unit",
            "per",
            "provider",
            "tenant pays",
            "margin",
            "tier",
            "region",
            "context above",
            "hours",
            "since",
            "state",
        ),
        (
            (
                r["unit"],
                f"{r['per']:,}",
                r["usd"],
                r["charge_usd"],
                f"{r['margin_pct']} % ({r['margin_level']})",
                r["tier"] or "standard",
                r["region"],
                None if r["context_above"] is None else f"{r['context_above']:,}",
                ", ".join(r["hours"]),
                r["since"],
                r["state"],
            )
            for r in document["rates"]
        ),
        right=("per", "provider", "tenant pays", "context above"),
    )
    if document["fallbacks"]:
        heading("priced as another unit")
        table(("unit", "as"), document["fallbacks"].items())


def _checked(document: Document) -> None:
    facts((name, document[name]) for name in ("ok", "folder", "version", "integrations", "models", "rates"))
    for kind in ("problems", "warnings"):
        if document[kind]:
            heading(kind)
            for each in document[kind]:
                click.echo(each)


def _changes(document: Document) -> None:
    rows = [
        (each["integration"], list(each["models"]), *_price(change))
        for each in document["models"]
        for change in each["prices"]
    ]
    limits = [
        (each["integration"], list(each["models"]), name, "", was, now, "")
        for each in document["models"]
        for name, (was, now) in each["limits"].items()
    ]
    columns = ("integration", "model", "unit", "when", "old USD", "new USD", "change")
    if rows or limits:
        table(columns, [*rows, *limits], right=("old USD", "new USD", "change"))
    for unit, (was, now) in document["fallbacks"].items():
        click.echo(f"{unit}: priced as {now or 'nothing else'}, was {was or 'nothing else'}")
    kinds = [each["kind"] for each in document["models"] for _ in each["models"]]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("added", "removed", "changed"))
    click.echo(f"models: {counted}; rate card {document['old']} to {document['new']}", err=True)


def _price(change: Document) -> tuple[object, ...]:
    from decimal import Decimal

    before, after = change["before"], change["after"]
    of = after or before
    qualifiers = [of.get("tier"), of.get("region")]
    if of.get("context_above"):
        qualifiers.append(f"above {of['context_above']:,}")
    qualifiers += of.get("hours", [])
    if of.get("since"):
        qualifiers.append(f"since {of['since']}")
    moved = ""
    if before and after:
        was, now = (Decimal(each["usd"]) / each.get("per", 1) for each in (before, after))
        moved = f"{(now / was - 1) * 100:+.1f} %" if was else "from nothing"
    when = ", ".join(each for each in qualifiers if each) or "standard"
    return of["unit"], when, _written(before), _written(after), moved or ("added" if after else "removed")


def _written(rate: Document | None) -> str:
    return "-" if rate is None else f"{rate['usd']} / {rate.get('per', 1):,}"
