"""Where a request goes: one integration, one endpoint, the raw path and query to append to its origin."""

from collections.abc import Mapping, Sequence
from urllib.parse import unquote_plus

from msgspec import Struct

from proxy.calls.address import Network
from proxy.providers.endpoint import Endpoint
from proxy.providers.integration import Integration
from proxy.tenants.key import SECRET_PREFIX


def query_values(query: str, name: str) -> list[str]:
    """Return the decoded values of one query parameter."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [unquote_plus(value) for key, _, value in pairs if unquote_plus(key) == name]


def without_keys(query: str, places: Sequence[str]) -> str:
    """Drop every query parameter that carries, or looks like, a tenant's key; the rest stays as sent."""
    if not query:
        return query
    names = {place[6:] for place in places if place.startswith("query:")}
    kept = []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if unquote_plus(name) not in names and not unquote_plus(value).startswith(SECRET_PREFIX):
            kept.append(part)
    return "&".join(kept)


class Address(Struct, frozen=True):
    """Which integration a request is for, and the raw path and query as its provider knows them."""

    integration: Integration
    path: str
    query: str


class Route(Struct, frozen=True):
    """A request that matched an endpoint's template. `path` and `query` are as sent, `query` without its `?`."""

    integration: Integration
    endpoint: Endpoint
    path: str
    query: str
    parameters: Mapping[str, str]

    @property
    def place(self) -> str:
        """The name of the place that it is at, empty for the integration's own origin."""
        return self.integration.place(self.endpoint, self.parameters)

    @property
    def region(self) -> str | None:
        """The region that serves it, as far as the request or the operator names one."""
        integration = self.integration
        return self.parameters.get(integration.regions.at) or integration.region or None


class House(Struct, frozen=True):
    """Every integration that is switched on, by name, and the domain whose subdomains route to them.

    `trusted_proxies` are the networks whose `X-Forwarded-For` is believed.
    """

    base_domain: str
    integrations: Mapping[str, Integration]
    trusted_proxies: Sequence[Network] = ()
