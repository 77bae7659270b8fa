"""`faregate cap`: how much a tenant's calls may cost in a day or a month."""

from collections.abc import Callable
from typing import Any

import click

from proxy.cli import amounts
from proxy.cli.client import operator
from proxy.cli.command import Group
from proxy.cli.complete import key_ids, tenant_names
from proxy.cli.show import Document, facts, moment, more, show, table

Command = Callable[..., Any]
_NAMES = ("app", "key", "integration", "model")


@click.group(cls=Group)
def cap() -> None:
    """Spend caps: what a tenant's calls may cost in a UTC day or month."""


def _place(command: Command) -> Command:
    """Add the options that say which cap."""
    for option in (
        click.option("--model", metavar="M", help="Only this model; globs as in 'small-*'."),
        click.option("--integration", metavar="I", help="Only at this integration."),
        click.option("--key", metavar="K", help="Only this key, by its id.", shell_complete=key_ids),
        click.option("--app", metavar="A", help="Only keys with this label."),
        click.option(
            "--tenant", metavar="T", required=True, help="Of this tenant's calls.", shell_complete=tenant_names
        ),
        click.option("--monthly", is_flag=True, help="In a month of the calendar, UTC."),
        click.option("--daily", is_flag=True, help="In a day, UTC."),
    ):
        command = option(command)
    return command


@cap.command("set")
@click.argument("usd", callback=amounts.usd)
@_place
def set_(usd: str, daily: bool, monthly: bool, **place: str | None) -> None:
    """Put a cap in force, or change its limit; what was spent before in the day or month counts.

    A call is under every cap that fits it, and needs room in all of them.
    """
    body = {"limit_usd": usd, "window": _window(daily, monthly), **place}
    show(operator().put("/caps", body), _facts)


@cap.command()
@_place
def unset(daily: bool, monthly: bool, **place: str | None) -> None:
    """Take a cap out of force; name it by all that it was set with."""
    show(operator().delete("/caps", window=_window(daily, monthly), **place), _unset)


@cap.command("list")
@click.option("--tenant", metavar="T", help="Only those of this tenant.", shell_complete=tenant_names)
@click.option("--near", is_flag=True, help="Only those of which 80 % or more is spent or held.")
@click.option("--limit", type=click.IntRange(1, 1000), help="At most so many (1000).")
@click.option("--after", metavar="ID", help="Begin after this cap.")
def list_(tenant: str | None, near: bool, limit: int | None, after: str | None) -> None:
    """List the caps in force, with what is spent, held and left."""
    show(operator().get("/caps", tenant=tenant, near=near or None, limit=limit, after=after), _list)


def _window(daily: bool, monthly: bool) -> str:
    if daily == monthly:
        raise click.UsageError("Give one of --daily and --monthly.")
    return "daily" if daily else "monthly"


def _facts(document: Document) -> None:
    facts((name, moment(value) if name.endswith("_at") else value) for name, value in document.items())


def _unset(document: Document) -> None:
    _facts({name: value for name, value in document.items() if name not in ("limit_usd", "left_usd")})


def _list(document: Document) -> None:
    table(
        ("id", "tenant", "window", "only", "limit USD", "spent USD", "held USD", "left USD", "resets"),
        (
            (
                c["id"],
                c["tenant"],
                c["window"],
                [f"{name} {c[name]}" for name in _NAMES if c[name]],
                *(c[name] for name in ("limit_usd", "spent_usd", "held_usd", "left_usd")),
                moment(c["resets_at"]),
            )
            for c in document["data"]
        ),
        right=("limit USD", "spent USD", "held USD", "left USD"),
    )
    more(document, "--after")
