"""`faregate audit`: what operators changed."""

from typing import Any

import click

from proxy.cli.client import operator
from proxy.cli.command import Group
from proxy.cli.complete import tenant_names
from proxy.cli.show import Document, moment, plain, show, table


@click.group(cls=Group)
def audit() -> None:
    """The audit log: who changed what, and when."""


@audit.command("list")
@click.option("--tenant", metavar="T", help="Only what concerns this tenant.", shell_complete=tenant_names)
@click.option("--action", metavar="A", help="Only this deed, as key.rotate, or all of a noun, as key.")
@click.option("--who", metavar="W", help="Only what this person did.")
@click.option("--since", metavar="D", help="From then on: a date, a time, today, yesterday, 36h, 7d.")
@click.option("--until", metavar="D", help="Before then.")
@click.option("--limit", type=click.IntRange(1, 1000), metavar="N", help="At most so many (100).")
@click.option("--before", type=int, metavar="SEQ", help="Begin after this deed: older ones.")
def list_(**query: Any) -> None:
    """List what operators changed, newest first. What changed yesterday: --since yesterday --until today."""
    show(operator().get("/audit", **query), _list)


def _list(document: Document) -> None:
    table(
        ("seq", "time", "who", "via", "action", "tenant", "target", "change"),
        (
            (
                d["seq"],
                moment(d["at"]),
                *(d[name] for name in ("who", "via", "action", "tenant")),
                d["target"] if d["target"] != d["tenant"] else None,
                changed(d["before"], d["after"]),
            )
            for d in document["data"]
        ),
        right=("seq",),
    )
    if document["has_more"]:
        click.echo(f"... more: add --before {document['data'][-1]['seq']}", err=True)


def changed(before: Document | None, after: Document | None) -> str:
    """Write a change in one line: `state: active -> suspended`. What stayed, and what is new and empty, is left out."""
    old, new = before or {}, after or {}
    names = [name for name in dict.fromkeys([*old, *new]) if (old.get(name) or None) != (new.get(name) or None)]
    return "; ".join(
        f"{name}: {_value(old[name])} -> {_value(new.get(name))}" if name in old else f"{name}: {_value(new[name])}"
        for name in names
    )


def _value(value: object) -> str:
    if isinstance(value, dict):
        return f"({changed(None, value)})"
    return plain(value)
