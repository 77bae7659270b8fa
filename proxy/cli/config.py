"""`faregate config`: what the configuration comes to, read as a server would read it, without a server."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from proxy.cli.client import Answer
from proxy.cli.command import Group
from proxy.cli.files import config_file
from proxy.cli.show import Document, facts, show, table

if TYPE_CHECKING:
    from proxy.loading.catalogue import Catalogue
    from proxy.loading.effective import Effective
    from proxy.loading.inspect import Inspected
    from proxy.loading.settings import Settings


@click.group(cls=Group)
def config() -> None:
    """The configuration file."""


@config.command()
def check() -> int:
    """Read every file that a server would read, start nothing, and say what it comes to or all that is wrong."""
    from msgspec import json

    from proxy.loading.inspect import inspect

    file = config_file()
    document = _document(str(file), inspect(file, os.environ))
    show(Answer(json.encode(document).decode(), document), _people)
    return 0 if document["ok"] else 1


def _document(file: str, found: "Inspected") -> Document:
    """Return what was found, as a document: `settings` and the rest are empty where they could not be read."""
    from proxy.loading.effective import effective

    settings, catalogue = found.settings, found.catalogue
    listed = effective(settings, os.environ) if settings is not None else []
    return {
        "ok": not found.problems,
        "file": file,
        "problems": list(found.problems),
        "warnings": list(settings.warnings) if settings is not None else [],
        "settings": [
            {"name": each.name, "value": each.value, "source": each.source, "variables": list(each.names)}
            for each in listed
        ],
        "integrations": list(_integrations(settings, catalogue, listed)) if settings and catalogue else [],
        "rates": _rates(catalogue) if catalogue is not None else None,
    }


def _integrations(settings: "Settings", catalogue: "Catalogue", listed: "list[Effective]") -> Iterator[dict[str, Any]]:
    """Yield every integration that there is: whether it is on, where its calls go, or else why it is off."""
    keys = {each.name: each for each in listed}
    for name, provider in sorted(catalogue.providers.items()):
        chosen = settings.providers.get(name)
        if chosen is not None and chosen.enabled:
            yield {
                "name": name,
                "on": True,
                "upstream": str(chosen.upstream) or provider.host_of(chosen.region),
                "why": "",
            }
            continue
        key = keys.get(f"providers.{name}.api_key")
        why = f"it has no key; set providers.{name}.api_key"
        if key is not None and key.names:
            why = f"its key is empty; set the variable {' or '.join(key.names)}"
        yield {"name": name, "on": False, "upstream": "", "why": why}


def _rates(catalogue: "Catalogue") -> dict[str, Any]:
    """Return how many rates there are, and how old they are by the date on which they were checked."""
    today = datetime.fromtimestamp(time.time(), UTC).date()
    return {
        "version": catalogue.card.version,
        "age_days": _age(catalogue.oldest_check, today),
        "integrations": [
            {
                "name": name,
                "models": len(models),
                "rates": sum(len(model.rates) for model in models),
                "checked": catalogue.checked[name].isoformat(),
                "age_days": _age(catalogue.checked[name], today),
            }
            for name, models in catalogue.card.integrations.items()
        ],
    }


def _age(checked: date, today: date) -> int:
    return max(0, (today - checked).days)


def _people(document: Document) -> None:
    """Print the tables, then what is wrong: the last lines are what is read first."""
    if document["settings"]:
        rows = [(s["name"], s["value"], _origin(s)) for s in document["settings"]]
        table(("setting", "value", "from"), rows)
        click.echo()
    if document["integrations"]:
        on = [(i["name"], "on", i["upstream"]) for i in document["integrations"] if i["on"]]
        off = [(i["name"], "off", i["why"]) for i in document["integrations"] if not i["on"]]
        table(("integration", "", "calls go to, or why not"), [*on, *off])
        click.echo()
    if document["rates"]:
        of = document["rates"]["integrations"]
        table(
            ("rates of", "models", "rates", "checked", "days ago"),
            ((r["name"], r["models"], r["rates"], r["checked"], r["age_days"]) for r in of),
            right=("models", "rates", "days ago"),
        )
        click.echo()
    facts([("file", document["file"]), ("rate card", (document["rates"] or {}).get("version"))])
    for warning in document["warnings"]:
        click.echo(f"warning: {warning}", err=True)
    for problem in document["problems"]:
        click.echo(f"error: {problem}", err=True)
    if document["ok"]:
        click.echo("the configuration is good")


def _origin(setting: Document) -> str:
    """Write where a setting comes from, with the variables that took part."""
    variables = ", ".join(setting["variables"])
    if not variables:
        return str(setting["source"])
    told = {"default": f"default ({variables} is not set)", "file": f"file, {variables}", "environment": variables}
    return told[setting["source"]]
