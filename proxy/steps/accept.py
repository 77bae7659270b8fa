"""Accept: find the integration and the endpoint that a request is for, from its Host and raw path alone.

An unlisted route is an unmetered one, so it is refused. The path that goes upstream is the matched one, never
something joined or decoded.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn

from proxy.calls.head import WEBSOCKET, Head
from proxy.errors import Refusal, refuse
from proxy.providers.integration import Integration
from proxy.providers.route import Address, House, Route
from proxy.tenants.key import SECRET_PREFIX

_PATH = re.compile(r"/[A-Za-z0-9/_.:~@!$&'()*+,;=%-]*")
_QUERY = re.compile(r"[A-Za-z0-9/_.:~@!$&'()*+,;=%?\[\]{}|^`-]*")


def locate(head: Head, house: House) -> Address:
    """Return which integration a request is for. Raises Refused: malformed_request or unknown_integration.

    `{integration}.{base_domain}` wins over the `-proxy` suffix; any other host routes by the first path segment.
    """
    path, _, query = head.target.partition("?")
    if not _PATH.fullmatch(path) or not _QUERY.fullmatch(query):
        refuse(
            Refusal.MALFORMED_REQUEST,
            "The request target must be a path of unreserved characters; absolute URLs and fragments are refused.",
        )
    label = _label(head.host, house.base_domain)
    if label is not None:
        integration = house.integrations.get(label)
        if integration is None and label.endswith("-proxy"):
            integration = house.integrations.get(label.removesuffix("-proxy"))
            if integration is None:
                _unknown(label.removesuffix("-proxy"), house)
        if integration is not None:
            return Address(integration, path, query)
    name, slash, rest = path[1:].partition("/")
    integration = house.integrations.get(name)
    if integration is None:
        _unknown(name, house)
    return Address(integration, slash + rest, query)


def accept(head: Head, address: Address) -> Route:
    """Return where a request goes. Raises Refused: unknown_endpoint or method_not_allowed."""
    integration, path = address.integration, address.path
    found = integration.find(head.method, path)
    if not isinstance(found, tuple):
        _no_route(head.method, address, found)
    endpoint, parameters = found
    if integration.fixed or integration.regions.at:
        _check_place(integration, parameters)
    return Route(integration, endpoint, path, address.query, parameters)


def _check_place(integration: Integration, parameters: Mapping[str, str]) -> None:
    """Refuse a path that names another project than the operator's, or a region that is none."""
    for name, value in integration.fixed.items():
        given = parameters.get(name, value)
        if given != value:
            refuse(Refusal.UNKNOWN_ENDPOINT, f"{integration.name} is served in the {name} {value} only: name it.")
    region = parameters.get(integration.regions.at)
    if region is not None and region not in integration.regions.names:
        refuse(Refusal.UNKNOWN_ENDPOINT, f"{integration.name} has no such {integration.regions.at} here.")


def _no_route(method: str, address: Address, allowed: Sequence[str]) -> NoReturn:
    name, path = address.integration.name, _shown(address.path)
    if list(allowed) == [WEBSOCKET]:
        refuse(Refusal.UPGRADE_REQUIRED, f"{path} of {name} is a WebSocket: open it with wss:// (or ws://).")
    if allowed:
        refuse(Refusal.METHOD_NOT_ALLOWED, f"{path} of {name} takes {', '.join(sorted(allowed))}, not {method}.")
    refuse(
        Refusal.UNKNOWN_ENDPOINT,
        f"{name} has no metered route {method} {path}. {_meant(method, address) or 'Check the base URL and the path.'}",
    )


def _meant(method: str, address: Address) -> str:
    """Return what to do about a base URL that lacks the version, or has it twice; nothing if it is neither."""
    find, path = address.integration.find, address.path
    for base in sorted({base for each in address.integration.endpoints for base in _bases(each.template.text)}):
        if isinstance(find(method, base + path), tuple):
            return f"The base URL lacks {base} at its end."
        if path.startswith(f"{base}/") and isinstance(find(method, path.removeprefix(base)), tuple):
            return f"The client adds {base} by itself: leave it out of the base URL."
    return ""


def _bases(template: str) -> Iterator[str]:
    """Yield what a base URL may end in: the beginnings of a template, up to its first parameter."""
    parts = template.partition("{")[0].split("/")[1:-1]
    for count in range(1, len(parts) + 1):
        yield "/" + "/".join(parts[:count])


def _label(host: str, base_domain: str) -> str | None:
    """Return the one label before the base domain, lower case, or None if the host is something else."""
    name = host.lower().rstrip(".")
    bare, colon, port = name.rpartition(":")
    if colon and port.isdigit():
        name = bare.rstrip(".")
    label, dot, rest = name.partition(".")
    return label if dot and rest == base_domain else None


def _shown(path: str) -> str:
    """Return a path as it may be repeated: not if a key was put into it."""
    return "(a path with a key in it)" if SECRET_PREFIX in path else path


def _unknown(name: str, house: House) -> NoReturn:
    known = sorted(house.integrations)
    shown = re.fullmatch(r"[a-z0-9-]{1,40}", name) and SECRET_PREFIX not in name
    said = f"There is no integration {name!r} here" if shown else "The URL names no integration"
    if not known:
        refuse(Refusal.UNKNOWN_INTEGRATION, f"{said}. Known: none is switched on.")
    refuse(
        Refusal.UNKNOWN_INTEGRATION,
        f"{said}. Known: {', '.join(known)}. The name stands first in the path (/{known[0]}/...), "
        f"or in the host ({known[0]}-proxy.{house.base_domain}).",
    )
