"""Who asks: read from a request's headers, as far as they tell."""

from collections.abc import Mapping
from urllib.parse import unquote

from proxy.errors import BadRequest
from proxy.tenants.actor import Actor

ACTOR_HEADER = "Faregate-Actor"
"""A name that the client declares, percent-encoded: there is one token, so it proves only who has that."""

CLI_AGENT = "faregate-cli/"
NAME_LENGTH_MAX = 100
UNNAMED = "admin"


def actor_of(headers: Mapping[str, str], address: str) -> Actor:
    """Return who asks, for the audit log. Raises BadRequest for a name that is none."""
    name = unquote(headers.get(ACTOR_HEADER, "")).strip()
    if len(name) > NAME_LENGTH_MAX or not name.isprintable():
        raise BadRequest(f"{ACTOR_HEADER}: at most {NAME_LENGTH_MAX} printable characters")
    via = "cli" if headers.get("User-Agent", "").startswith(CLI_AGENT) else "api"
    return Actor(name or UNNAMED, via, address)
