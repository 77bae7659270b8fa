"""Authenticate: take the tenant's key from wherever the provider's SDKs put it, and find who is behind it."""

import re
from collections.abc import Sequence

from proxy.calls.address import Network, caller_address
from proxy.calls.head import WEBSOCKET, Head
from proxy.clock import Clock
from proxy.errors import Refusal, refuse
from proxy.providers.route import Route, query_values
from proxy.providers.subprotocols import keys_in, offered
from proxy.store.doors import Directory
from proxy.tenants.key import KeyHolder, hash_secret

SIGV4 = "AWS4-HMAC-SHA256"
_ACCESS_KEY = re.compile(r"(?:^|[\s,])Credential=([^/,\s]+)/")


async def authenticate(
    head: Head, route: Route, directory: Directory, clock: Clock, trusted: Sequence[Network] = ()
) -> KeyHolder:
    """Return the holder of the request's key. Raises Refused: invalid_key, key_expired, key_scope if the key may not be
    used from the caller's address, or malformed_request if two keys differ. An unknown and a revoked key take the same
    way and are told the same. `trusted` are the proxies in front of us that may say who calls.
    """
    secrets = set(find_secrets(head, route))
    if not secrets:
        refuse(
            Refusal.INVALID_KEY,
            f"No key was sent. Give your Faregate key as the API key of {route.integration.name}.",
        )
    if len(secrets) > 1:
        refuse(Refusal.MALFORMED_REQUEST, "The request carries two different keys; send one.")
    holder = await directory.holder(hash_secret(secrets.pop()))
    now = clock.now()
    if holder is None or (holder.key.revoked_at is not None and holder.key.revoked_at <= now):
        refuse(
            Refusal.INVALID_KEY,
            "The key is not known here, or was revoked. A provider's own key does not work here: "
            "ask your operator for one of Faregate's.",
        )
    if holder.key.expires_at is not None and holder.key.expires_at <= now:
        refuse(Refusal.KEY_EXPIRED, "The key has expired. Ask your operator for a new one.")
    if holder.key.networks:
        address = caller_address(head, trusted)
        if not holder.key.allows_address(address):
            refuse(Refusal.KEY_SCOPE, f"This key may not be used from {address or 'an unknown address'}.")
    directory.used(holder.key.id, now)
    return holder


def find_secrets(head: Head, route: Route) -> list[str]:
    """Return every key that a request carries, in the places that its integration lists, and as a Bearer anywhere.

    Of an AWS signature it is the access key id. The signature itself cannot be checked, because we do not keep the
    secret that both sides would need, and need not be: who knows the id could as well send it as a Bearer.
    """
    found = []
    for value in head.values("authorization"):
        scheme, _, rest = value.strip().partition(" ")
        if scheme.lower() == "bearer" or (scheme.lower() == "token" and "token" in route.integration.key_in):
            found.append(rest.strip())
        elif scheme == SIGV4 and "sigv4" in route.integration.key_in:
            found.extend(_ACCESS_KEY.findall(rest))
        elif not rest and "bare" in route.integration.key_in:
            found.append(scheme)
    for place in route.integration.key_in:
        if place.startswith("header:"):
            found.extend(value.strip() for value in head.values(place[7:]))
        elif place.startswith("query:"):
            found.extend(query_values(route.query, place[6:]))
    if head.method == WEBSOCKET:
        found.extend(keys_in(offered(head), route.integration.key_protocols).values())
    return [secret for secret in found if secret]
