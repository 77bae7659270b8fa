"""`faregate tenant`: who pays."""

import click

from proxy.cli import amounts
from proxy.cli.client import operator, segment
from proxy.cli.command import Group
from proxy.cli.complete import tenant_names
from proxy.cli.show import Document, facts, moment, more, show, table
from proxy.cli.wallets import balance_facts


@click.group(cls=Group)
def tenant() -> None:
    """Tenants: who pays."""


@tenant.command()
@click.argument("name")
@click.option("--test", is_flag=True, help="Its calls are metered and cost it nothing.")
def create(name: str, test: bool) -> None:
    """Make a tenant with an empty wallet."""
    show(operator().post("/tenants", {"name": name, "test": test}), _created)


@tenant.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), help="At most so many (1000).")
@click.option("--after", metavar="ID", help="Begin after this tenant.")
def list_(limit: int | None, after: str | None) -> None:
    """List tenants and what they have left."""
    show(operator().get("/tenants", limit=limit, after=after), _list)


@tenant.command("show")
@click.argument("tenant", shell_complete=tenant_names)
def show_(tenant: str) -> None:
    """Show one tenant, by id or unique name."""
    show(operator().get(f"/tenants/{segment(tenant)}"), _facts)


@tenant.command()
@click.argument("tenant", shell_complete=tenant_names)
def suspend(tenant: str) -> None:
    """Refuse a tenant's calls; running ones finish."""
    show(operator().post(f"/tenants/{segment(tenant)}/suspend"), _facts)


@tenant.command()
@click.argument("tenant", shell_complete=tenant_names)
def resume(tenant: str) -> None:
    """Accept a suspended tenant's calls again."""
    show(operator().post(f"/tenants/{segment(tenant)}/resume"), _facts)


@tenant.command()
@click.argument("tenant", shell_complete=tenant_names)
@click.argument("usd", callback=amounts.usd)
def minimum(tenant: str, usd: str) -> None:
    """Set how low a tenant's wallet may go: above 0 a reserve, below 0 a credit line."""
    show(operator().put(f"/tenants/{segment(tenant)}/minimum", {"minimum_usd": usd}), balance_facts)


def _created(document: Document) -> None:
    _facts(document)
    click.echo(f"next: faregate key create {document['id']}", err=True)


def _facts(document: Document) -> None:
    facts((name, moment(value) if name == "created_at" else value) for name, value in document.items())


def _list(document: Document) -> None:
    table(
        ("id", "name", "state", "test", "balance USD", "held USD", "created"),
        (
            (t["id"], t["name"], t["state"], t["test"], t["balance_usd"], t["held_usd"], moment(t["created_at"]))
            for t in document["data"]
        ),
        right=("balance USD", "held USD"),
    )
    more(document, "--after")
