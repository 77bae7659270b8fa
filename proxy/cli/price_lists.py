"""`faregate rates draft`: what price lists that others keep say, as a rates file to begin with."""

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from proxy.cli.client import Answer
from proxy.cli.command import Command, Failure
from proxy.cli.show import Document, show

LITELLM = click.option(
    "--litellm",
    metavar="PATH",
    type=click.Path(path_type=Path, exists=True),
    help="LiteLLM's price map: a wheel, a folder of wheels, or the JSON file. Otherwise the installed package.",
)


@click.command(cls=Command)
@click.argument("integration")
@LITELLM
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
