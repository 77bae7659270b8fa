"""How requests prove that they are the operator's, where a key in a header does not. The signers are in `upstream/`."""

from msgspec import Struct


class Credentials(Struct, frozen=True):
    """What an operator signs with: keys of its own, or a `source`: a file, or `default`, what the machine has.

    Nothing here leaves `upstream/`.
    """

    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    source: str = ""

    def __bool__(self) -> bool:
        return bool(self.access_key_id or self.source)


class SignRule(Struct, frozen=True, forbid_unknown_fields=True):
    """A provider's way of signing: the signer's name, and what the provider calls itself in signatures."""

    name: str
    service: str = ""


class Signing(Struct, frozen=True):
    """All that one integration's signer needs. `region` is the one that signatures name."""

    integration: str
    name: str
    region: str
    credentials: Credentials
