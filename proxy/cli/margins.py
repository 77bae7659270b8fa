"""`faregate margin`: percent on top of upstream's price, at one of six levels."""

import click

from proxy.cli import amounts
from proxy.cli.client import operator
from proxy.cli.command import Group
from proxy.cli.show import Document, facts, moment, show, table


@click.group(cls=Group)
def margin() -> None:
    """Margins: percent on top of upstream's price."""


@margin.command("set")
@click.argument("pct", callback=amounts.pct)
@click.option("--tenant", metavar="T", help="Only for this tenant.")
@click.option("--integration", metavar="I", help="Only at this integration.")
@click.option("--meter", metavar="M", help="Only this unit: INTEGRATION.UNIT, or a unit of --integration.")
def set_(pct: str, tenant: str | None, integration: str | None, meter: str | None) -> None:
    """Put a margin in force; the narrowest that fits a call decides alone."""
    body = {"pct": pct, "tenant": tenant, "integration": integration, "meter": meter}
    show(operator().put("/margins", body), lambda document: facts(document.items()))


@margin.command("list")
def list_() -> None:
    """List the margins in force."""
    show(operator().get("/margins"), _list)


def _list(document: Document) -> None:
    rows = [
        (m["level"], m["tenant"], m["integration"], m["meter"], m["pct"], moment(m["set_at"])) for m in document["data"]
    ]
    if not any(level == "global" for level, *_ in rows):
        rows.append(("global", None, None, None, document["default_pct"], "default"))
    table(("level", "tenant", "integration", "meter", "percent", "since"), rows, right=("percent",))
