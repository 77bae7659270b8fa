"""`faregate ledger`: what was credited and charged, why, whether the books are right, and all of it written out."""

from pathlib import Path

import click

from proxy.cli.client import operator, segment
from proxy.cli.command import Group
from proxy.cli.complete import tenant_names
from proxy.cli.explain import explanation
from proxy.cli.show import Document, facts, heading, moment, more, show, table, usd
from proxy.cli.spans import span

KINDS = ("call", "credit", "adjustment", "refund", "dispute", "rerate")


@click.group(cls=Group)
def ledger() -> None:
    """The ledger: what was credited and charged."""


@ledger.command("list")
@click.argument("tenant", shell_complete=tenant_names)
@click.option("--kind", type=click.Choice(KINDS), help="Only entries of this kind.")
@span
@click.option("--limit", type=click.IntRange(1, 1000), metavar="N", help="At most so many (100).")
@click.option("--before", metavar="ID", help="Begin after this entry: older ones.")
def list_(
    tenant: str, kind: str | None, since: str | None, until: str | None, limit: int | None, before: str | None
) -> None:
    """List a tenant's entries, newest first."""
    query = {"kind": kind, "since": since, "until": until, "limit": limit, "before": before}
    show(operator().get("/ledger", tenant=tenant, **query), _entries)


@ledger.command("show")
@click.argument("entry")
def show_(entry: str) -> None:
    """Show all of one entry; ENTRY is its id, or the id of its call."""
    show(operator().get(f"/ledger/{segment(entry)}"), _details)


@ledger.command()
@click.argument("entry")
def explain(entry: str) -> None:
    """Explain why a call cost what it cost, or nothing; ENTRY is the entry's id or the call's."""
    show(operator().get(f"/ledger/{segment(entry)}/explain"), explanation)


@ledger.command()
@click.option(
    "--database",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Check this file, without a server.",
)
def verify(database: Path | None) -> int:
    """Check chain, sums, holds and charges; exit 1 if anything is wrong."""
    from proxy.cli.verify import verify_file, verify_server

    answer = verify_server() if database is None else verify_file(database)
    show(answer, _verdict)
    return 0 if answer.document["ok"] is True else 1


@ledger.command()
@click.argument("tenant", required=False, shell_complete=tenant_names)
@click.option("--all", "everybody", is_flag=True, help="Every tenant's entries.")
@click.option("--format", "form", type=click.Choice(("csv", "ndjson")), help="csv (default), or all of each entry.")
@click.option("--kind", type=click.Choice(KINDS), help="Only entries of this kind.")
@span
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to this file.")
def export(
    tenant: str | None,
    everybody: bool,
    form: str | None,
    kind: str | None,
    since: str | None,
    until: str | None,
    output: Path | None,
) -> None:
    """Write out the ledger, oldest entries first; memory does not grow with it."""
    from proxy.cli.export import run_export

    if (tenant is None) != everybody:
        raise click.UsageError("Name one TENANT, or give --all.")
    run_export({"tenant": tenant, "all": everybody, "kind": kind, "since": since, "until": until}, form, output)


def _entries(document: Document) -> None:
    table(
        ("id", "time", "kind", "USD", "balance USD", "integration", "model", "certainty", "call"),
        (
            (
                e["id"],
                moment(e["created_at"]),
                e["kind"],
                usd(e["amount_nanos"]),
                usd(e["balance_after_nanos"]),
                *(e.get("call", {}).get(name) for name in ("integration", "model", "certainty", "id")),
            )
            for e in document["data"]
        ),
        right=("USD", "balance USD"),
    )
    more(document, "--before")


def _details(document: Document) -> None:
    names = ("id", "tenant", "seq", "kind", "created_at", "period", "reference", "previous", "hash")
    facts((name, moment(document[name]) if name == "created_at" else document[name]) for name in names)
    amounts = ("amount_nanos", "waived_nanos", "balance_after_nanos")
    facts((name.removesuffix("_nanos"), f"{usd(document[name])} USD") for name in amounts)
    call = document.get("call")
    if call is not None:
        heading(f"{call['integration']} {call['endpoint']} {call['model']}, {call['certainty']}")
        used = {call["model"]: call["usage"], **call["other_models"]}
        table(
            ("model", "unit", "quantity"),
            ((model, unit, quantity) for model, units in used.items() for unit, quantity in units.items()),
            right=("quantity",),
        )
        click.echo(f"\nwhy it cost that: faregate ledger explain {document['id']}", err=True)


def _verdict(document: Document) -> None:
    facts((name, document[name]) for name in ("ok", "wallets", "entries", "open_holds"))
    if document["faults"]:
        table(("tenant", "entry", "problem"), ((f["tenant"], f["entry"], f["problem"]) for f in document["faults"]))
