"""What the shell may complete with: what a server knows, if one answers at once."""

from typing import Any

import click

PATIENCE_S = 1.0
NAMES_MAX = 1000


def tenant_names(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of tenants that begin like this."""
    names = {tenant["name"] for tenant in _asked(ctx, "/tenants")}
    return sorted(name for name in names if name.startswith(incomplete))


def key_ids(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the ids of active keys that begin like this."""
    return [key["id"] for key in _asked(ctx, "/keys") if key["state"] == "active" and key["id"].startswith(incomplete)]


def _asked(ctx: click.Context, path: str) -> list[dict[str, Any]]:
    """Return a list that the server answers, or nothing: completion never fails and never waits long."""
    from proxy.cli.client import operator
    from proxy.cli.command import Failure
    from proxy.errors import FaregateError

    try:
        with ctx.scope(cleanup=False):  # where `--config` is looked up
            data: list[dict[str, Any]] = operator(PATIENCE_S).get(path, limit=NAMES_MAX).document["data"]
    except (Failure, FaregateError):
        return []
    return data
