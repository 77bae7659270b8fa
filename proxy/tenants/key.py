"""A key: the secret an SDK sends. Shown once when made, stored as its SHA-256."""

from enum import StrEnum
from fnmatch import fnmatchcase
from hashlib import sha256
from ipaddress import ip_address, ip_network

from msgspec import Struct

from proxy.tenants.tenant import Tenant

SCOPES = ("proxy", "billing:read", "billing:write", "unmetered")
DEFAULT_SCOPES = ("proxy", "billing:read")
SECRET_PREFIX = "fg-"  # noqa: S105  # what every secret begins with is no secret
SECRET_BYTES = 30
"""Random bytes of a secret: 240 bits."""


class KeyState(StrEnum):
    """Whether a key opens anything. A key in the overlap of a rotation is still active."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Key(Struct, frozen=True):
    """What is known of a key; never the secret. `hint` is its last four characters.

    Empty `integrations`, `models` and `networks` allow all. `models` may hold globs (`small-*`), `networks` are
    CIDR blocks. `last_used_at` may be a minute old on disk. `replaced_by` is the key that a rotation made for it.
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
    networks: tuple[str, ...] = ()
    last_used_at: int | None = None
    replaced_by: str = ""

    def state(self, now: int) -> KeyState:
        """Return what the key is at a time, in microseconds."""
        if self.revoked_at is not None and self.revoked_at <= now:
            return KeyState.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return KeyState.EXPIRED
        return KeyState.ACTIVE

    def allows(self, scope: str) -> bool:
        """Tell whether the key carries a scope; `unmetered` includes `proxy`."""
        return scope in self.scopes or (scope == "proxy" and "unmetered" in self.scopes)

    def allows_model(self, model: str) -> bool:
        """Tell whether the key may use a model."""
        return not self.models or any(fnmatchcase(model, pattern) for pattern in self.models)

    def allows_address(self, address: str) -> bool:
        """Tell whether the key may be used from an address; from an unknown one (empty) only without networks."""
        if not self.networks:
            return True
        return bool(address) and any(ip_address(address) in ip_network(network) for network in self.networks)


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
