"""Keys, without their secrets."""

from msgspec import Struct, structs

from proxy.clock import timestamp
from proxy.tenants.key import Key
from proxy.web.operator.documents.page import Time, moment


class KeyDocument(Struct, frozen=True, kw_only=True):
    """A key. `hint` is the end of its secret; empty `integrations` and `models` allow all."""

    id: str
    tenant: str
    app: str
    scopes: tuple[str, ...]
    integrations: tuple[str, ...]
    models: tuple[str, ...]
    hint: str
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None


class NewKeyDocument(KeyDocument, frozen=True, kw_only=True):
    """A key that was just made. `key` is the secret, and is shown this once."""

    key: str


class RotatedKeyDocument(NewKeyDocument, frozen=True, kw_only=True):
    """A key that was made in place of another one."""

    replaces: str


class KeyList(Struct, frozen=True):
    """A page of keys, by id."""

    data: list[KeyDocument]
    has_more: bool


def key_document(key: Key) -> KeyDocument:
    """Show a key."""
    return KeyDocument(
        id=key.id,
        tenant=key.tenant,
        app=key.app,
        scopes=key.scopes,
        integrations=key.integrations,
        models=key.models,
        hint=key.hint,
        created_at=timestamp(key.created_at),
        expires_at=moment(key.expires_at),
        revoked_at=moment(key.revoked_at),
    )


def new_key_document(key: Key, secret: str) -> NewKeyDocument:
    """Show a key to who asked for it."""
    return NewKeyDocument(**structs.asdict(key_document(key)), key=secret)


def rotated_key_document(key: Key, secret: str, replaces: str) -> RotatedKeyDocument:
    """Show a key and name the one that it replaces."""
    return RotatedKeyDocument(**structs.asdict(key_document(key)), key=secret, replaces=replaces)
