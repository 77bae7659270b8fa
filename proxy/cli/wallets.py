"""`faregate credit` and `faregate balance`: money in, and what is left."""

import click

from proxy.cli import amounts
from proxy.cli.client import operator, segment
from proxy.cli.command import Command
from proxy.cli.complete import tenant_names
from proxy.cli.show import Document, facts, show


@click.command(cls=Command)
@click.argument("tenant", shell_complete=tenant_names)
@click.argument("usd", callback=amounts.usd)
@click.option("--reference", metavar="R", help="Names this credit: given again, it is not written twice.")
@click.option("--force", is_flag=True, help="Let a negative amount take the wallet below its minimum.")
def credit(tenant: str, usd: str, reference: str | None, force: bool) -> None:
    """Give a tenant credit; a negative amount takes some back.

    With a reference it is safe to repeat: the same amount is written once, another amount is refused.
    """
    body = {"tenant": tenant, "amount_usd": usd, "reference": reference, "force": force or None}
    show(operator().post("/credits", body), _credited)


@click.command(cls=Command)
@click.argument("tenant", shell_complete=tenant_names)
def balance(tenant: str) -> None:
    """Show what a tenant has left and what is on hold."""
    show(operator().get(f"/balances/{segment(tenant)}"), balance_facts)


def _credited(document: Document) -> None:
    if document["already"]:
        click.echo("this reference was credited before; nothing was written now", err=True)
    facts(
        (name, document[name])
        for name in ("id", "tenant", "kind", "amount_nanos", "reference", "balance_usd", "held_usd")
    )


def balance_facts(document: Document) -> None:
    """Print a wallet."""
    facts((name, document[name]) for name in ("tenant", "name", "balance_usd", "held_usd", "minimum_usd"))
