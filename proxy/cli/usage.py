"""`faregate usage`: what a tenant used and what that came to, to the nano what its ledger says."""

import click

from proxy.cli.client import operator
from proxy.cli.command import Command
from proxy.cli.complete import tenant_names
from proxy.cli.show import Document, heading, moment, plain, show, table, usd
from proxy.cli.spans import span

BY = ("model", "integration", "endpoint", "key", "day", "unit")
_COLUMNS = ("calls", "quantities", "upstream USD", "charged USD", "waived USD", "not covered USD")


@click.command(cls=Command)
@click.argument("tenant", shell_complete=tenant_names)
@click.option("--by", type=click.Choice(BY), help="In groups that add up to the whole.")
@span
def usage(tenant: str, by: str | None, since: str | None, until: str | None) -> None:
    """Sum what a tenant used: charged, waived, and what its wallet could not cover."""
    show(operator().get("/usage", tenant=tenant, by=by, since=since, until=until), _usage)


def _usage(document: Document) -> None:
    since, until = moment(document["since"]), moment(document["until"])
    click.echo(f"tenant {document['tenant']}, from {since} until {until}")
    by = document["by"]
    rows = [(_name(group), *_cells(group)) for group in document["data"]]
    heading("in all" if by is None else f"by {by}")
    table((by or "", *_COLUMNS), [*rows, ("total", *_cells(document["total"]))], right=("calls", *_COLUMNS[2:]))


def _name(group: Document) -> str:
    name = plain(group["name"])
    return f"{name} ({group['app']})" if group.get("app") else name


def _cells(sums: Document) -> tuple[object, ...]:
    quantities = ", ".join(f"{unit} {quantity}" for unit, quantity in sums["usage"].items())
    amounts = ("upstream_cost_nanos", "charged_nanos", "waived_nanos", "shortfall_nanos")
    return sums["calls"], quantities, *(usd(sums[name]) for name in amounts)
