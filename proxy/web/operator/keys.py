"""Keys: create, list, show, rotate, revoke. A secret is shown in the answer that makes it, and never again."""

from collections.abc import Iterable
from ipaddress import ip_network

from msgspec import Struct, structs

from proxy.errors import BadRequest
from proxy.tenants.key import DEFAULT_SCOPES, SCOPES, Key, hash_secret
from proxy.web.operator.documents.keys import (
    KeyDocument,
    KeyList,
    NewKeyDocument,
    RotatedKeyDocument,
    key_document,
    new_key_document,
    rotated_key_document,
)
from proxy.web.operator.documents.page import Limit, cut
from proxy.web.operator.doors import Visit
from proxy.web.operator.times import parse_duration, parse_expiry

LABEL_LENGTH_MAX = 200
ALLOWED_MAX = 100
"""Names in an allow-list: each is looked at in every call of its key."""
HINT_LENGTH = 4
OVERLAP = "24h"


class NewKey(Struct, frozen=True, forbid_unknown_fields=True):
    """What a key may do. Empty `integrations`, `models` and `networks` allow all.

    `expires` is a date, a time or a duration such as `30d`; `models` may hold globs (`small-*`); `networks` are
    addresses or CIDR blocks that calls may come from.
    """

    tenant: str
    app: str = ""
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    expires: str | None = None
    integrations: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()


class Rotation(Struct, frozen=True, forbid_unknown_fields=True):
    """How long the old key still works beside the new one: a duration such as `24h`; `0h` ends it at once.

    `expires` is when the new key ends. Left out, it lives as long as the old one was made for.
    """

    overlap: str = OVERLAP
    expires: str | None = None


class KeyPage(Struct, frozen=True, forbid_unknown_fields=True):
    """Which keys: of one tenant or of all; `after` is the last id of the page before."""

    tenant: str = ""
    limit: Limit = 1000
    after: str = ""


async def create_key(visit: Visit, body: NewKey) -> NewKeyDocument:
    """Make a key. The answer's `key` is the secret: it is stored as a hash only, and never shown again."""
    _only_known("scopes", body.scopes, SCOPES)
    _only_known("integrations", body.integrations, visit.doors.integrations)
    if not body.scopes:
        raise BadRequest("scopes: a key without scopes opens nothing")
    for label in (body.app, *body.models):
        if len(label) > LABEL_LENGTH_MAX or not label.isprintable():
            raise BadRequest(f"app, models: at most {LABEL_LENGTH_MAX} printable characters each")
    if not all(body.models):
        raise BadRequest("models: an empty name allows nothing; leave the list out to allow all")
    if max(map(len, (body.integrations, body.models, body.networks))) > ALLOWED_MAX:
        raise BadRequest(f"integrations, models, networks: at most {ALLOWED_MAX} each; a glob stands for many models")
    secret = visit.doors.make_secret()
    key = Key(
        id=visit.doors.ids.new("key"),
        tenant=(await visit.doors.store.find_tenant(body.tenant)).id,
        app=body.app,
        scopes=_once(body.scopes),
        hint=secret[-HINT_LENGTH:],
        created_at=visit.now,
        expires_at=parse_expiry("expires", body.expires, visit.now) if body.expires else None,
        integrations=_once(body.integrations),
        models=_once(body.models),
        networks=_once(map(_network, body.networks)),
    )
    return new_key_document(await visit.doors.store.create_key(key, hash_secret(secret), visit.by), secret)


async def list_keys(visit: Visit, query: KeyPage) -> KeyList:
    """List keys by id, revoked and expired ones included."""
    store = visit.doors.store
    tenant = (await store.find_tenant(query.tenant)).id if query.tenant else None
    keys = await store.keys(tenant, query.limit + 1, query.after)
    return KeyList(*cut([key_document(key, visit.now) for key in keys], query.limit))


async def show_key(visit: Visit, key: str) -> KeyDocument:
    """Show a key, without its secret."""
    return key_document(await visit.doors.store.find_key(key), visit.now)


async def revoke_key(visit: Visit, key: str) -> KeyDocument:
    """Revoke a key at once; calls that run finish. Revoking again changes nothing."""
    return key_document(await visit.doors.store.revoke_key(key, visit.now, visit.by), visit.now)


async def rotate_key(visit: Visit, key: str, body: Rotation) -> RotatedKeyDocument:
    """Make a key like this one, and end this one after the overlap. Both happen or neither does."""
    store, secret = visit.doors.store, visit.doors.make_secret()
    until = visit.now + parse_duration("overlap", body.overlap)
    old = await store.find_key(key)
    new = structs.replace(
        old,
        id=visit.doors.ids.new("key"),
        hint=secret[-HINT_LENGTH:],
        created_at=visit.now,
        expires_at=parse_expiry("expires", body.expires, visit.now) if body.expires else _as_long(old, visit.now),
        revoked_at=None,
        last_used_at=None,
    )
    made = await store.rotate_key(old.id, new, hash_secret(secret), until, visit.by)
    return rotated_key_document(made, secret, await store.find_key(old.id))


def _as_long(old: Key, now: int) -> int | None:
    """Return when a new key ends that lives as long as the old one was made for."""
    return None if old.expires_at is None else now + old.expires_at - old.created_at


def _network(text: str) -> str:
    """Return an address or a block in CIDR form. Raises BadRequest."""
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise BadRequest(f"networks: {error}; write an address or a block such as 10.0.0.0/8") from None


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _only_known(field: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise BadRequest(f"{field}: {name!r} is unknown; known here: {', '.join(sorted(known))}")
