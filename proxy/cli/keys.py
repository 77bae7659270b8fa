"""`faregate key`: the secrets that applications send."""

import click

from proxy.cli.client import operator, segment
from proxy.cli.command import Group
from proxy.cli.show import Document, facts, moment, more, show, table


@click.group(cls=Group)
def key() -> None:
    """Keys: what applications send."""


@key.command()
@click.argument("tenant")
@click.option("--app", metavar="A", help="A label that names the tenant's tool.")
@click.option("--scope", "scopes", multiple=True, metavar="S", help="May be repeated (proxy, billing:read).")
@click.option("--expires", metavar="D", help="A date, a time, or a duration such as 12h, 30d, 8w.")
@click.option("--integration", "integrations", multiple=True, metavar="I", help="Only these integrations.")
@click.option("--model", "models", multiple=True, metavar="M", help="Only these models.")
def create(
    tenant: str,
    app: str | None,
    scopes: tuple[str, ...],
    expires: str | None,
    integrations: tuple[str, ...],
    models: tuple[str, ...],
) -> None:
    """Make a key. It is shown once."""
    body = {"tenant": tenant, "app": app, "scopes": scopes or None, "expires": expires}
    body |= {"integrations": integrations or None, "models": models or None}
    show(operator().post("/keys", body), _made)


@key.command("list")
@click.argument("tenant", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), help="At most so many (1000).")
@click.option("--after", metavar="ID", help="Begin after this key.")
def list_(tenant: str | None, limit: int | None, after: str | None) -> None:
    """List the keys of one tenant, or of all."""
    show(operator().get("/keys", tenant=tenant, limit=limit, after=after), _list)


@key.command()
@click.argument("key")
def rotate(key: str) -> None:
    """Replace a key by a new one with the same settings; KEY is its id."""
    show(operator().post(f"/keys/{segment(key)}/rotate"), _made)


@key.command()
@click.argument("key")
def revoke(key: str) -> None:
    """Revoke a key; KEY is its id."""
    show(operator().post(f"/keys/{segment(key)}/revoke"), _facts)


def _made(document: Document) -> None:
    _facts(document)
    click.echo("keep the key now: it is never shown again", err=True)


def _facts(document: Document) -> None:
    facts((name, moment(value) if name.endswith("_at") else value) for name, value in document.items())


def _list(document: Document) -> None:
    table(
        ("id", "tenant", "app", "scopes", "ends in", "created", "expires", "revoked"),
        (
            (
                k["id"],
                k["tenant"],
                k["app"],
                k["scopes"],
                k["hint"],
                moment(k["created_at"]),
                moment(k["expires_at"]),
                moment(k["revoked_at"]),
            )
            for k in document["data"]
        ),
    )
    more(document, "--after")
