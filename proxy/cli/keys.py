"""`faregate key`: the secrets that applications send."""

import click

from proxy.cli.client import operator, segment
from proxy.cli.command import Group
from proxy.cli.complete import key_ids, tenant_names
from proxy.cli.show import Document, facts, moment, more, show, table


@click.group(cls=Group)
def key() -> None:
    """Keys: what applications send."""


@key.command()
@click.argument("tenant", shell_complete=tenant_names)
@click.option("--app", metavar="A", help="A label that names the tenant's tool.")
@click.option("--scope", "scopes", multiple=True, metavar="S", help="May be repeated (proxy, billing:read).")
@click.option("--expires", metavar="D", help="A date, a time, or a duration such as 12h, 30d, 8w.")
@click.option("--integration", "integrations", multiple=True, metavar="I", help="Only these integrations.")
@click.option("--model", "models", multiple=True, metavar="M", help="Only these models; globs as in 'small-*'.")
@click.option("--network", "networks", multiple=True, metavar="N", help="Only from these addresses or CIDR blocks.")
def create(
    tenant: str,
    app: str | None,
    scopes: tuple[str, ...],
    expires: str | None,
    integrations: tuple[str, ...],
    models: tuple[str, ...],
    networks: tuple[str, ...],
) -> None:
    """Make a key. It is shown once."""
    body = {"tenant": tenant, "app": app, "scopes": scopes or None, "expires": expires}
    body |= {"integrations": integrations or None, "models": models or None, "networks": networks or None}
    show(operator().post("/keys", body), _made)


@key.command("list")
@click.argument("tenant", required=False, shell_complete=tenant_names)
@click.option("--limit", type=click.IntRange(1, 1000), help="At most so many (1000).")
@click.option("--after", metavar="ID", help="Begin after this key.")
def list_(tenant: str | None, limit: int | None, after: str | None) -> None:
    """List the keys of one tenant, or of all."""
    show(operator().get("/keys", tenant=tenant, limit=limit, after=after), _list)


@key.command("show")
@click.argument("key", shell_complete=key_ids)
def show_(key: str) -> None:
    """Show a key, without its secret; KEY is its id."""
    show(operator().get(f"/keys/{segment(key)}"), _facts)


@key.command()
@click.argument("key", shell_complete=key_ids)
@click.option("--overlap", metavar="D", help="How long the old key still works (24h); 0h ends it at once.")
@click.option("--expires", metavar="D", help="When the new key ends; else after as long as the old one was made for.")
def rotate(key: str, overlap: str | None, expires: str | None) -> None:
    """Make a new key with the same settings; the old one ends after the overlap. KEY is its id."""
    show(operator().post(f"/keys/{segment(key)}/rotate", {"overlap": overlap, "expires": expires}), _made)


@key.command()
@click.argument("key", shell_complete=key_ids)
def revoke(key: str) -> None:
    """Revoke a key at once; KEY is its id."""
    show(operator().post(f"/keys/{segment(key)}/revoke"), _facts)


def _made(document: Document) -> None:
    _facts(document)
    click.echo("keep the key now: it is never shown again", err=True)


def _facts(document: Document) -> None:
    facts((name, moment(value) if name.endswith("_at") else value) for name, value in document.items())


def _list(document: Document) -> None:
    table(
        ("id", "tenant", "app", "state", "scopes", "only", "ends in", "created", "last used", "expires"),
        (
            (
                k["id"],
                k["tenant"],
                k["app"],
                k["state"],
                k["scopes"],
                [*k["integrations"], *k["models"], *k["networks"]],
                k["hint"],
                *(moment(k[name]) for name in ("created_at", "last_used_at", "expires_at")),
            )
            for k in document["data"]
        ),
    )
    more(document, "--after")
