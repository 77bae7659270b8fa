"""`faregate rates sync` and `rates draft`: our rates, and a first rates file, against price lists that others keep."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.cli.client import Answer, operator
from proxy.cli.command import Command, Failure, Misuse
from proxy.cli.files import config_file
from proxy.cli.show import Document, heading, show, table

if TYPE_CHECKING:
    from proxy.loading.settings import Settings
    from proxy.price_lists.report import Report

_SHOWN = 2
"""Names of one entry that are shown; `--json` has all."""

_LITELLM = click.option(
    "--litellm",
    metavar="PATH",
    type=click.Path(path_type=Path, exists=True),
    help="LiteLLM's price map: a wheel, a folder of wheels, or the JSON file. Otherwise the installed package.",
)


@click.command(cls=Command)
@click.option("--write", is_flag=True, help="Write what is accepted into rates_dir, from today on.")
@click.option("--offline", is_flag=True, help="Without a server: compare here, and put nothing in force.")
@click.option("--jump", metavar="PCT", type=click.FloatRange(min=0, min_open=True), help="Accept changes up to it.")
@_LITELLM
def sync(*, write: bool, offline: bool, jump: float | None, litellm: Path | None) -> None:
    """Hold the rates against the price lists of genai-prices and LiteLLM, and show what differs.

    What both ask within 1 % is accepted; jumps, negative, zero and missing prices are in quarantine, and never written.
    Without --write nothing is changed. The server compares, with its packages and files; --jump and --litellm, which
    stand in for the settings of rates_sync, are for --offline.
    """
    if not offline and (jump is not None or litellm is not None):
        raise Misuse("--jump and --litellm go with --offline; a server has its own, rates_sync in its configuration")
    if not offline:
        show(operator().post("/rates/sync", {"write": write}), lambda document: _told(document["report"]))
        return
    from msgspec import json

    encoded = json.encode(_sync(_settings(), write, jump, litellm))
    show(Answer(encoded.decode(), json.decode(encoded)), _told)


def _sync(settings: "Settings", write: bool, jump: float | None, litellm: Path | None) -> "Report":
    from fractions import Fraction

    from proxy.app import SystemClock
    from proxy.clock import MICROS_PER_SECOND
    from proxy.price_lists.judge import Limits
    from proxy.price_lists.sources import Sources
    from proxy.price_lists.sync import Folders
    from proxy.price_lists.sync import sync as synced

    chosen = settings.rates_sync
    now = SystemClock().now()
    lists = Sources(litellm or chosen.litellm).both(datetime.fromtimestamp(now / MICROS_PER_SECOND, UTC).date())
    limits = Limits(Fraction(str(chosen.agree_pct)), Fraction(str(chosen.jump_pct if jump is None else jump)))
    return synced(Folders(settings.providers_dir, settings.rates_dir), lists, limits, now, write=write)


def _settings() -> "Settings":
    """Read what a sync needs of the configuration, if there is one."""
    from proxy.loading.settings import load_folder_settings

    try:
        file = config_file()
    except Misuse:
        file = None
    return load_folder_settings(file, os.environ)


@click.command(cls=Command)
@click.argument("integration")
@_LITELLM
def draft(integration: str, litellm: Path | None) -> None:
    """Print a first rates file of INTEGRATION, from the price lists of genai-prices and LiteLLM.

    For a person to hold against the provider's own page before it goes into rates_dir. One of the two lists is enough.
    Where they differ, comments say so.
    """
    from fractions import Fraction

    from msgspec import json

    from proxy.price_lists.draft import draft as drafted
    from proxy.price_lists.sources import Sources

    day = datetime.fromtimestamp(time.time(), UTC).date()
    lists, missing = Sources(litellm).any(day)
    for problem in missing:
        click.echo(f"warning: {problem}", err=True)
    if not lists:
        raise Failure("there is no price list to draft from; install one of the packages, or give --litellm")
    try:
        text = drafted(integration, lists, Fraction(1), day)
    except LookupError:
        known = ", ".join(each.title for each in lists)
        remedy = "name it in config/price_lists, or write the file by hand"
        raise Failure(f"no price of {integration} is in {known}; {remedy}", code="no_prices") from None
    document = {"integration": integration, "lists": [each.title for each in lists], "file": text}
    show(Answer(json.encode(document).decode(), document), _drafted)


def _drafted(document: Document) -> None:
    click.echo(document["file"], nl=False)


def _told(report: Document) -> None:
    """Show what differs, and count all else."""
    for name in ("accepted", "quarantined"):
        if report[name]:
            heading({"accepted": "accepted", "quarantined": "in quarantine"}[name])
            _prices(report["lists"], report[name])
    if report["new_models"]:
        heading("new models")
        table(
            ("integration", "model", "prices"),
            (
                (each["integration"], _names(each["models"]), ", ".join(_rate(rate) for rate in each["rates"]))
                for each in report["new_models"]
            ),
        )
    counts = ", ".join(f"{count} {name}" for name, count in sorted(report["prices"].items()))
    click.echo(f"{', '.join(report['lists'])}; prices: {counts or 'none'}", err=True)
    if report["not_compared"]:
        click.echo(f"not in both lists: {', '.join(report['not_compared'])}", err=True)
    news = report["accepted"] or report["new_models"]
    if report["written"]:
        click.echo(f"written: {', '.join(report['files']) or 'nothing, since nothing is new'}", err=True)
    elif news:
        click.echo("nothing was written: add --write", err=True)


def _prices(lists: list[str], found: list[Document]) -> None:
    table(
        ("integration", "model", "unit", "when", "per", "ours", *lists, "change", "verdict"),
        (
            (
                each["integration"],
                _names(each["models"]),
                each["unit"],
                _when(each),
                f"{each['per']:,}",
                each["ours_usd"],
                *(each["lists"].get(title) for title in lists),
                each["change_pct"] and f"{each['change_pct']} %",
                each["verdict"],
            )
            for each in found
        ),
        right=("per", "ours", *lists, "change"),
    )


def _names(models: list[str]) -> str:
    more = f" and {len(models) - _SHOWN} more" if len(models) > _SHOWN + 1 else ""
    return ", ".join(models[:_SHOWN] if more else models) + more


def _when(found: Document) -> str:
    above = found.get("context_above")
    return " ".join(filter(None, [found.get("tier") or "standard", f"above {above:,}" if above else ""]))


def _rate(rate: Document) -> str:
    tier = f" {rate['tier']}" if rate.get("tier") else ""
    above = f" above {rate['context_above']:,}" if rate.get("context_above") else ""
    return f"{rate['unit']}{tier}{above} {rate['usd']} / {rate.get('per', 1):,}"
