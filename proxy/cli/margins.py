"""`faregate margin`: percent on top of upstream's price, at one of six levels."""

import click

from proxy.cli import amounts
from proxy.cli.client import operator
from proxy.cli.command import Group
from proxy.cli.complete import tenant_names
from proxy.cli.explain import level_table
from proxy.cli.show import Document, facts, heading, moment, show, table


@click.group(cls=Group)
def margin() -> None:
    """Margins: percent on top of upstream's price."""


@margin.command("set")
@click.argument("pct", callback=amounts.pct)
@click.option("--tenant", metavar="T", help="Only for this tenant.", shell_complete=tenant_names)
@click.option("--integration", metavar="I", help="Only at this integration.")
@click.option("--meter", metavar="M", help="Only this unit: INTEGRATION.UNIT, or a unit of --integration.")
def set_(pct: str, tenant: str | None, integration: str | None, meter: str | None) -> None:
    """Put a margin in force; the narrowest that fits a call decides alone."""
    body = {"pct": pct, "tenant": tenant, "integration": integration, "meter": meter}
    show(operator().put("/margins", body), _facts)


@margin.command()
@click.option("--tenant", metavar="T", help="That of this tenant.", shell_complete=tenant_names)
@click.option("--integration", metavar="I", help="That of this integration.")
@click.option("--meter", metavar="M", help="That of this unit: INTEGRATION.UNIT, or a unit of --integration.")
def unset(tenant: str | None, integration: str | None, meter: str | None) -> None:
    """Take a margin out of force, so that the next wider one applies; without options, the global one."""
    show(operator().delete("/margins", tenant=tenant, integration=integration, meter=meter), _unset)


@margin.command("list")
def list_() -> None:
    """List the margins in force."""
    show(operator().get("/margins"), _list)


def _unset(document: Document) -> None:
    _facts({name: value for name, value in document.items() if name != "pct"})


def _facts(document: Document) -> None:
    facts((name, moment(value) if name == "set_at" else value) for name, value in document.items())


@margin.command()
@click.option(
    "--tenant",
    metavar="T",
    help="For this tenant; otherwise for one without margins of its own.",
    shell_complete=tenant_names,
)
@click.option("--integration", metavar="I", help="At this integration.")
@click.option("--meter", metavar="M", help="Of this unit: INTEGRATION.UNIT, or a unit of --integration.")
def explain(tenant: str | None, integration: str | None, meter: str | None) -> None:
    """Explain which margin holds: the levels that are looked at, and the one that decides."""
    show(operator().get("/margins/explain", tenant=tenant, integration=integration, meter=meter), _explained)


def _explained(document: Document) -> None:
    facts([("margin", f"{document['pct']} %"), ("decided by", document["level"])])
    heading("the levels in the order in which they are looked at: the first that is set decides")
    level_table(document["levels"])
    if document["meters"]:
        heading("meters that have a margin of their own")
        rows = ((each["meter"], each["level"], each["pct"]) for each in document["meters"])
        table(("meter", "level", "percent"), rows, right=("percent",))


def _list(document: Document) -> None:
    rows = [
        (m["level"], m["tenant"], m["integration"], m["meter"], m["pct"], moment(m["set_at"])) for m in document["data"]
    ]
    if not any(level == "global" for level, *_ in rows):
        rows.append(("global", None, None, None, document["default_pct"], "default"))
    table(("level", "tenant", "integration", "meter", "percent", "since"), rows, right=("percent",))
