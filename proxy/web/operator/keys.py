"""Keys: create, list, show, rotate, revoke. A secret is shown in the answer that makes it, and never again."""

from collections.abc import Iterable

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
from proxy.web.operator.doors import OperatorDoors, Visit
from proxy.web.operator.expiry import parse_expiry

LABEL_LENGTH_MAX = 200
HINT_LENGTH = 4


class NewKey(Struct, frozen=True, forbid_unknown_fields=True):
    """What a key may do. Empty `integrations` and `models` allow all; `expires` is a date, a time or `30d`."""

    tenant: str
    app: str = ""
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    expires: str | None = None
    integrations: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


class KeyPage(Struct, frozen=True, forbid_unknown_fields=True):
    """Which keys: of one tenant or of all; `after` is the last id of the page before."""

    tenant: str = ""
    limit: Limit = 1000
    after: str = ""


async def create_key(visit: Visit, body: NewKey) -> NewKeyDocument:
    """Make a key; the answer's `key` is the secret."""
    doors = visit.doors
    _only_known("scopes", body.scopes, SCOPES)
    _only_known("integrations", body.integrations, doors.integrations)
    if not body.scopes:
        raise BadRequest("scopes: a key without scopes opens nothing")
    for label in (body.app, *body.models):
        if len(label) > LABEL_LENGTH_MAX or not label.isprintable():
            raise BadRequest(f"app, models: at most {LABEL_LENGTH_MAX} printable characters each")
    now = doors.clock.now()
    like = Key(
        id="",
        tenant=(await doors.store.find_tenant(body.tenant)).id,
        app=body.app,
        scopes=tuple(dict.fromkeys(body.scopes)),
        expires_at=parse_expiry(body.expires, now) if body.expires else None,
        integrations=body.integrations,
        models=body.models,
    )
    return new_key_document(*await _issue(doors, like))


async def list_keys(visit: Visit, query: KeyPage) -> KeyList:
    """List keys by id, revoked and expired ones included."""
    store = visit.doors.store
    tenant = (await store.find_tenant(query.tenant)).id if query.tenant else None
    keys = await store.keys(tenant, query.limit + 1, query.after)
    return KeyList(*cut([key_document(key) for key in keys], query.limit))


async def revoke_key(visit: Visit, key: str) -> KeyDocument:
    """Revoke a key. Revoking again changes nothing."""
    doors = visit.doors
    found = await doors.store.find_key(key)
    if found.revoked_at is None:
        found = await doors.store.revoke_key(found.id, doors.clock.now())
    return key_document(found)


async def rotate_key(visit: Visit, key: str) -> RotatedKeyDocument:
    """Make a key like this one, then revoke this one. Should the process die in between, both are valid."""
    doors = visit.doors
    old = await doors.store.find_key(key)
    if old.revoked_at is not None:
        raise BadRequest(f"{old.id} is revoked; create a new key instead", code="conflict", status=409)
    made, secret = await _issue(doors, old)
    await doors.store.revoke_key(old.id, doors.clock.now())
    return rotated_key_document(made, secret, old.id)


async def _issue(doors: OperatorDoors, like: Key) -> tuple[Key, str]:
    """Store a new key with the settings of `like`; return it with its secret."""
    secret = doors.make_secret()
    key = structs.replace(
        like,
        id=doors.ids.new("key"),
        hint=secret[-HINT_LENGTH:],
        created_at=doors.clock.now(),
        revoked_at=None,
    )
    return await doors.store.create_key(key, hash_secret(secret)), secret


def _only_known(field: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise BadRequest(f"{field}: {name!r} is unknown; known here: {', '.join(sorted(known))}")
