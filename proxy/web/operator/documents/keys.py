"""Keys, without their secrets."""

from msgspec import Struct, structs

from proxy.clock import timestamp
from proxy.tenants.key import Key, KeyState
from proxy.web.operator.documents.page import Time, moment


class KeyDocument(Struct, frozen=True, kw_only=True):
    """A key. `hint` is the end of its secret; empty `integrations`, `models` and `networks` allow all.

    `state` is what a call with it would meet now. A key that was rotated names the one in its place.
    """

    id: str
    tenant: str
    app: str
    state: KeyState
    scopes: tuple[str, ...]
    integrations: tuple[str, ...]
    models: tuple[str, ...]
    networks: tuple[str, ...]
    hint: str
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None
    replaced_by: str | None


class NewKeyDocument(KeyDocument, frozen=True, kw_only=True):
    """A key that was just made. `key` is the secret, and is shown this once."""

    key: str


class RotatedKeyDocument(NewKeyDocument, frozen=True, kw_only=True):
    """A key that was made in place of another one, which works until `replaced_key_ends_at`."""

    replaces: str
    replaced_key_ends_at: Time


class KeyList(Struct, frozen=True):
    """A page of keys, by id."""

    data: list[KeyDocument]
    has_more: bool


def key_document(key: Key, now: int) -> KeyDocument:
    """Show a key as it is at a time."""
    return KeyDocument(
        id=key.id,
        tenant=key.tenant,
        app=key.app,
        state=key.state(now),
        scopes=key.scopes,
        integrations=key.integrations,
        models=key.models,
        networks=key.networks,
        hint=key.hint,
        created_at=timestamp(key.created_at),
        expires_at=moment(key.expires_at),
        revoked_at=moment(key.revoked_at),
        last_used_at=moment(key.last_used_at),
        replaced_by=key.replaced_by or None,
    )


def new_key_document(key: Key, secret: str) -> NewKeyDocument:
    """Show a key to who asked for it."""
    return NewKeyDocument(**structs.asdict(key_document(key, key.created_at)), key=secret)


def rotated_key_document(key: Key, secret: str, old: Key) -> RotatedKeyDocument:
    """Show a key and the one that it replaces."""
    ends_at = key.created_at if old.expires_at is None else old.expires_at
    shown = structs.asdict(key_document(key, key.created_at))
    return RotatedKeyDocument(**shown, key=secret, replaces=old.id, replaced_key_ends_at=timestamp(ends_at))
