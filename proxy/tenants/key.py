"""A key: the secret an SDK sends. Shown once when made, stored as its SHA-256."""

from hashlib import sha256

from msgspec import Struct

from proxy.tenants.tenant import Tenant

SCOPES = ("proxy", "billing:read", "billing:write", "unmetered")
DEFAULT_SCOPES = ("proxy", "billing:read")
SECRET_PREFIX = "fg-"  # noqa: S105  # what every secret begins with is no secret
SECRET_BYTES = 30
"""Random bytes of a secret: 240 bits."""


class Key(Struct, frozen=True):
    """What is known of a key; never the secret. `hint` is its last four characters.

    Empty `integrations` and `models` allow all.
    """

    id: str
    tenant: str
    app: str = ""
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    hint: str = ""
    created_at: int = 0
    expires_at: int | None = None
    revoked_at: int | None = None
    integrations: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    def allows(self, scope: str) -> bool:
        """Tell whether the key carries a scope; `unmetered` includes `proxy`."""
        return scope in self.scopes or (scope == "proxy" and "unmetered" in self.scopes)


class KeyHolder(Struct, frozen=True):
    """A key and the tenant behind it."""

    key: Key
    tenant: Tenant

    @property
    def waived(self) -> bool:
        """Whether calls pass at zero."""
        return self.tenant.test or "unmetered" in self.key.scopes


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a secret, hex: the only form in which it is stored and looked up."""
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
