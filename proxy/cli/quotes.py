"""`faregate quote`: what a call would cost and hold, before it is made."""

import sys
from pathlib import Path

import click

from proxy.cli.client import operator
from proxy.cli.command import Command, Failure
from proxy.cli.complete import key_ids, tenant_names
from proxy.cli.explain import lines
from proxy.cli.show import Document, facts, heading, show, usd


def _counts(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for value in values:
        unit, equals, quantity = value.partition("=")
        if not (unit and equals and quantity):
            raise click.BadParameter(f"{value!r} is not UNIT=QUANTITY, such as cache_read_tokens=1000")
        found[unit] = quantity
    return found


@click.command(cls=Command)
@click.argument("integration")
@click.argument("model")
@click.option("--tenant", metavar="T", help="With this tenant's margins and wallet.", shell_complete=tenant_names)
@click.option(
    "--key", metavar="K", help="With this key of the tenant: what it may use, and its caps.", shell_complete=key_ids
)
@click.option("--input-tokens", type=click.IntRange(0), metavar="N", help="So many tokens of uncached input.")
@click.option("--output-tokens", type=click.IntRange(0), metavar="N", help="So many tokens of output.")
@click.option("--unit", "units", multiple=True, metavar="UNIT=N", callback=_counts, help="So much of any unit.")
@click.option("--tier", metavar="TIER", help="At the rates of this service tier.")
@click.option("--region", metavar="REGION", help="At the rates of this region.")
@click.option(
    "--body",
    type=click.Path(path_type=Path, dir_okay=False, exists=True, allow_dash=True),
    metavar="FILE",
    help="A request's body, for what it would hold; - is standard input.",
)
@click.option("--endpoint", metavar="NAME", help="The endpoint that --body is for, such as chat/completions.")
def quote(
    integration: str,
    model: str,
    tenant: str | None,
    key: str | None,
    input_tokens: int | None,
    output_tokens: int | None,
    units: dict[str, str],
    tier: str | None,
    region: str | None,
    body: Path | None,
    endpoint: str | None,
) -> None:
    """Tell what a call would cost and what it would hold, at the rates and margins of now."""
    asked = {
        "integration": integration,
        "model": model,
        "tenant": tenant,
        "key": key,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "usage": units or None,
        "tier": tier,
        "region": region,
        "endpoint": endpoint,
        "body": None if body is None else _text(body),
    }
    show(operator().post("/quote", asked), _quote)


def _text(path: Path) -> str:
    """Return a file's text, or that of standard input."""
    try:
        if path == Path("-"):
            return sys.stdin.read()
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Failure(f"{path}: cannot be read ({reason}); name a UTF-8 file with --body") from None


def _quote(document: Document) -> None:
    cost, hold, refusal = document["cost"], document["hold"], document["refusal"]
    of = "a tenant without margins of its own" if document["tenant"] is None else document["tenant"]
    facts([("quote for", of), ("rate card", f"{document['rate_card']}, margins version {document['margins']}")])
    if cost is not None:
        heading("it would cost")
        lines(cost["lines"])
        for each in cost["unpriced"]:
            click.echo(f"{each['unit']} has no rate, so it would cost nothing")
        facts([("upstream", f"{usd(cost['upstream_cost_nanos'])} USD"), ("charge", f"{usd(cost['charge_nanos'])} USD")])
    if hold is not None:
        heading("it would hold")
        facts(_held(hold))
    if refusal is not None:
        heading("it would be refused")
        facts([("refusal", refusal["code"]), ("message", refusal["message"])])


def _held(hold: Document) -> list[tuple[str, object]]:
    least, most = usd(hold["least_nanos"]), usd(hold["most_nanos"])
    told: list[tuple[str, object]] = [("at least", f"{least} USD"), ("at most", f"{most} USD")]
    if hold["granted_nanos"] is not None:
        told.append(("granted now", f"{usd(hold['granted_nanos'])} USD"))
    if hold["output_limit"] is not None:
        told.append(("output limit", f"{hold['output_limit']} tokens, put into the request"))
    return told
