"""`faregate calls`, `holds` and `exposure`: what was asked, what is held now, and what nobody paid for."""

import click

from proxy.cli.client import operator, segment
from proxy.cli.command import Group
from proxy.cli.complete import tenant_names
from proxy.cli.show import Document, facts, heading, moment, more, show, table, usd
from proxy.cli.spans import span

OUTCOMES = (
    "answered",
    "free",
    "refused",
    "upstream_error",
    "upstream_failed",
    "upstream_cut",
    "caller_gone",
    "timed_out",
    "stopped",
    "recovered",
)


@click.group(cls=Group)
def calls() -> None:
    """Calls: charged, free, refused, failed."""


@click.group(cls=Group)
def holds() -> None:
    """Holds: what running calls keep back."""


@click.group(cls=Group)
def exposure() -> None:
    """Exposure: upstream cost that no tenant was charged for."""


@calls.command("list")
@click.argument("tenant", shell_complete=tenant_names)
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Only calls that ended so.")
@click.option("--refusal", metavar="CODE", help="Only calls refused with this code; `any` for every refusal.")
@click.option("--session", metavar="ID", help="Only the turns of this session: the id of its own call.")
@span
@click.option("--limit", type=click.IntRange(1, 1000), metavar="N", help="At most so many (100).")
@click.option("--before", metavar="ID", help="Begin after this call: older ones.")
def list_calls(
    tenant: str,
    outcome: str | None,
    refusal: str | None,
    session: str | None,
    since: str | None,
    until: str | None,
    limit: int | None,
    before: str | None,
) -> None:
    """List a tenant's calls that are over, newest first: answered, free, refused and failed."""
    query = {"outcome": outcome, "refusal": refusal, "session": session, "since": since, "until": until}
    show(operator().get("/calls", tenant=tenant, limit=limit, before=before, **query), _calls)


@calls.command("show")
@click.argument("call")
def show_call(call: str) -> None:
    """Show how one call ended and why, what it held, what it was charged; CALL is its id."""
    show(operator().get(f"/calls/{segment(call)}"), story)


@holds.command("list")
@click.argument("tenant", required=False, shell_complete=tenant_names)
def list_holds(tenant: str | None) -> None:
    """List what is held right now, since when and by which call; of one tenant or of all."""
    show(operator().get("/holds", tenant=tenant), _holds)


@exposure.command("list")
@click.argument("tenant", required=False, shell_complete=tenant_names)
@span
@click.option("--limit", type=click.IntRange(1, 1000), metavar="N", help="At most so many (100).")
@click.option("--before", metavar="ROW", help="Begin after this row: older ones.")
def list_exposures(
    tenant: str | None, since: str | None, until: str | None, limit: int | None, before: str | None
) -> None:
    """List upstream cost that no tenant paid, newest first; of one tenant or of all."""
    query = {"tenant": tenant, "since": since, "until": until, "limit": limit, "before": before}
    show(operator().get("/exposures", **query), _exposures)


def story(document: Document) -> None:
    """Print one call for people."""
    status = f" ({document['status']})" if document["status"] else ""
    told = [
        ("call", document["id"]),
        ("tenant", document["tenant"]),
        ("key", document["key"]),
        ("asked for", " ".join(filter(None, (document[name] for name in ("integration", "endpoint", "model"))))),
        ("began", moment(document["started_at"])),
        ("ended", moment(document["ended_at"])),
        ("outcome", f"{document['outcome']}{status}"),
    ]
    if document["refusal"]:
        told.append(("refusal", document["refusal"]))
    if document["session"]:
        told.append(("turn of", document["session"]))
    told.append(("meaning", document["meaning"]))
    if document["remedy"]:
        told.append(("remedy", document["remedy"]))
    told.append(("balance", f"{usd(document['balance_before_nanos'])} USD when it began"))
    told += _money(document)
    facts(told)
    if document["exposures"]:
        heading("upstream cost that no tenant was charged for")
        table(("USD", "reason", "seen", "at"), (_exposed(each) for each in document["exposures"]), right=("USD",))


def _money(document: Document) -> list[tuple[str, object]]:
    hold, entry = document["hold"], document["entry"]
    told: list[tuple[str, object]] = []
    if hold is None:
        told.append(("held", "nothing"))
    elif hold["waived"]:
        told.append(("held", "nothing: its charge is waived"))
    else:
        now = "still" if hold["state"] == "held" else f"{hold['state']}, given back at its end"
        told.append(("held", f"{usd(hold['held_nanos'])} USD ({now})"))
    if document["work"] is not None:
        work = document["work"]
        told.append(("belongs to", f"{work['kind']} {work['object']}, made {moment(work['created_at'])}"))
        told.append(("over there by", moment(work["deadline_at"])))
    if entry is not None:
        told.append(("entry", entry["id"]))
        told.append(("paid", f"{usd(-entry['amount_nanos'])} USD"))
        if entry["waived_nanos"]:
            told.append(("waived", f"{usd(entry['waived_nanos'])} USD"))
    elif document["ended_at"]:
        told.append(("paid", "nothing"))
    return told


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


def _holds(document: Document) -> None:
    rows = [
        (
            h["call"],
            h["tenant"],
            moment(h["created_at"]),
            usd(h["held_nanos"]),
            *(h[name] for name in ("integration", "endpoint", "model", "waived")),
            h["work"] and f"{h['work']['kind']} {h['work']['object']}",
        )
        for h in document["data"]
    ]
    columns = ("call", "tenant", "since", "held USD", "integration", "endpoint", "model", "waived", "belongs to")
    table(columns, rows, right=("held USD",))
    click.echo(f"{len(rows)} open, {usd(sum(h['held_nanos'] for h in document['data']))} USD held", err=True)


def _exposures(document: Document) -> None:
    table(
        ("row", "call", "tenant", "integration", "USD", "reason", "seen", "at"),
        ((e["row"], e["call"], e["tenant"], e["integration"], *_exposed(e)) for e in document["data"]),
        right=("row", "USD"),
    )
    more(document, "--before", "row")


def _exposed(each: Document) -> tuple[str, str, str, str]:
    seen = "no: at most" if each["at_most"] else "yes"
    return usd(each["exposure_nanos"]), each["reason"], seen, moment(each["at"])
