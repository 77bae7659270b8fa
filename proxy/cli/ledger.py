"""`faregate ledger` and `faregate calls`: what was charged, what was asked, and whether the books are right."""

from pathlib import Path

import click

from proxy.cli.client import Answer, operator
from proxy.cli.command import Group
from proxy.cli.complete import tenant_names
from proxy.cli.show import Document, facts, moment, more, show, table


@click.group(cls=Group)
def ledger() -> None:
    """The ledger: what was credited and charged."""


@click.group(cls=Group)
def calls() -> None:
    """Calls: charged, free, refused, failed."""


@ledger.command("list")
@click.argument("tenant", shell_complete=tenant_names)
@click.option("--limit", type=click.IntRange(1, 1000), metavar="N", help="At most so many (100).")
@click.option("--before", metavar="ID", help="Begin after this entry: older ones.")
def list_(tenant: str, limit: int | None, before: str | None) -> None:
    """List a tenant's entries, newest first."""
    show(operator().get("/ledger", tenant=tenant, limit=limit, before=before), _entries)


@ledger.command()
@click.option(
    "--database",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Check this file, without a server.",
)
def verify(database: Path | None) -> int:
    """Check chain, sums, holds and charges; exit 1 if anything is wrong."""
    answer = operator().get("/verify") if database is None else _verify_file(database)
    show(answer, _verdict)
    return 0 if answer.document["ok"] is True else 1


@calls.command("list")
@click.argument("tenant", shell_complete=tenant_names)
@click.option("--limit", type=click.IntRange(1, 1000), metavar="N", help="At most so many (100).")
@click.option("--before", metavar="ID", help="Begin after this call: older ones.")
def list_calls(tenant: str, limit: int | None, before: str | None) -> None:
    """List a tenant's calls that are over, newest first."""
    show(operator().get("/calls", tenant=tenant, limit=limit, before=before), _calls)


def _verify_file(path: Path) -> Answer:
    """Verify a database file that no server has open; the document is the one that the server answers."""
    from msgspec import json, to_builtins

    from proxy.store.sqlite.verify import verify_file
    from proxy.web.operator.documents.verdict import verdict_document

    document = verdict_document(verify_file(path))
    return Answer(json.encode(document).decode(), to_builtins(document))


def _entries(document: Document) -> None:
    from proxy.money import format_usd

    table(
        ("id", "time", "kind", "USD", "balance USD", "integration", "model", "certainty", "call"),
        (
            (
                e["id"],
                moment(e["created_at"]),
                e["kind"],
                format_usd(e["amount_nanos"]),
                format_usd(e["balance_after_nanos"]),
                *(e.get("call", {}).get(name) for name in ("integration", "model", "certainty", "id")),
            )
            for e in document["data"]
        ),
        right=("USD", "balance USD"),
    )
    more(document, "--before")


def _calls(document: Document) -> None:
    table(
        ("id", "time", "integration", "endpoint", "model", "outcome", "status", "refusal"),
        (
            (
                c["id"],
                moment(c["started_at"]),
                *(c[name] for name in ("integration", "endpoint", "model", "outcome", "status", "refusal")),
            )
            for c in document["data"]
        ),
        right=("status",),
    )
    more(document, "--before")


def _verdict(document: Document) -> None:
    facts((name, document[name]) for name in ("ok", "wallets", "entries", "open_holds"))
    if document["faults"]:
        table(("tenant", "entry", "problem"), ((f["tenant"], f["entry"], f["problem"]) for f in document["faults"]))
