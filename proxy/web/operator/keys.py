"""Keys: create, list, rotate, revoke. A secret is shown in the answer that makes it, and never again."""

from collections.abc import Iterable

from aiohttp import web
from msgspec import Struct, structs

from proxy.errors import BadRequest
from proxy.tenants.key import DEFAULT_SCOPES, SCOPES, Key, hash_secret
from proxy.web.operator.documents import Document, key_document
from proxy.web.operator.doors import DOORS, OperatorDoors
from proxy.web.operator.expiry import parse_expiry
from proxy.web.operator.messages import answer, listing, read_body, read_query
from proxy.web.operator.tenants import Limit

LABEL_LENGTH_MAX = 200
HINT_LENGTH = 4


class NewKey(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /keys`. Empty `integrations` and `models` allow all; `expires`: see `expiry.py`."""

    tenant: str
    app: str = ""
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    expires: str | None = None
    integrations: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


class KeyPage(Struct, frozen=True, forbid_unknown_fields=True):
    """The query of `GET /keys`: of one tenant or of all."""

    tenant: str = ""
    limit: Limit = 1000
    after: str = ""


async def create_key(request: web.Request) -> web.Response:
    """Make a key; the answer's `key` is the secret."""
    doors = request.app[DOORS]
    asked = await read_body(request, NewKey)
    _only_known("scopes", asked.scopes, SCOPES)
    _only_known("integrations", asked.integrations, doors.integrations)
    if not asked.scopes:
        raise BadRequest("scopes: a key without scopes opens nothing")
    for label in (asked.app, *asked.models):
        if len(label) > LABEL_LENGTH_MAX or not label.isprintable():
            raise BadRequest(f"app, models: at most {LABEL_LENGTH_MAX} printable characters each")
    now = doors.clock.now()
    key = Key(
        id="",
        tenant=(await doors.store.find_tenant(asked.tenant)).id,
        app=asked.app,
        scopes=tuple(dict.fromkeys(asked.scopes)),
        expires_at=parse_expiry(asked.expires, now) if asked.expires else None,
        integrations=asked.integrations,
        models=asked.models,
    )
    return answer(await _issue(doors, key), 201)


async def list_keys(request: web.Request) -> web.Response:
    """List keys by id, revoked and expired ones included."""
    page = read_query(request, KeyPage)
    store = request.app[DOORS].store
    tenant = (await store.find_tenant(page.tenant)).id if page.tenant else None
    keys = await store.keys(tenant, page.limit + 1, page.after)
    return answer(listing([key_document(key) for key in keys], page.limit))


async def revoke_key(request: web.Request) -> web.Response:
    """Revoke a key. Revoking again changes nothing."""
    doors = request.app[DOORS]
    key = await doors.store.find_key(request.match_info["key"])
    if key.revoked_at is None:
        key = await doors.store.revoke_key(key.id, doors.clock.now())
    return answer(key_document(key))


async def rotate_key(request: web.Request) -> web.Response:
    """Make a key like this one, then revoke this one. Should the process die in between, both are valid."""
    doors = request.app[DOORS]
    old = await doors.store.find_key(request.match_info["key"])
    if old.revoked_at is not None:
        raise BadRequest(f"{old.id} is revoked; create a new key instead", code="conflict", status=409)
    document = await _issue(doors, old)
    await doors.store.revoke_key(old.id, doors.clock.now())
    return answer(document | {"replaces": old.id}, 201)


async def _issue(doors: OperatorDoors, like: Key) -> Document:
    """Store a new key with the settings of `like`; the document carries its secret."""
    secret = doors.make_secret()
    key = structs.replace(
        like,
        id=doors.ids.new("key"),
        hint=secret[-HINT_LENGTH:],
        created_at=doors.clock.now(),
        revoked_at=None,
    )
    return key_document(await doors.store.create_key(key, hash_secret(secret))) | {"key": secret}


def _only_known(field: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise BadRequest(f"{field}: {name!r} is unknown; known here: {', '.join(sorted(known))}")
