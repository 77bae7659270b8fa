"""What the client asks of a signer, and how one is made."""

from collections.abc import Callable, Mapping
from typing import Protocol

from proxy.clock import Clock
from proxy.errors import BadConfig
from proxy.providers.signing import Signing
from proxy.upstream.door import Headers, Outbound


class Signer(Protocol):
    """Makes the headers that prove whose a request is."""

    names: frozenset[str]
    """The headers that it sets, in lower case: nobody else's pass."""

    def begin(self) -> None:
        """Begin to fetch what the first call will need, without waiting for it."""
        ...

    async def sign(self, request: Outbound, origin: str, sign_as: str) -> Headers:
        """Return these headers for a request to an origin. Raises Refused (upstream_auth) where there is no proof.

        `sign_as` is what the provider calls itself there; a signer that needs no name ignores it.
        """
        ...

    async def close(self) -> None:
        """End what it does in the background."""
        ...


def _sigv4(signing: Signing, clock: Clock) -> Signer:
    from proxy.upstream.signers.sigv4 import SigV4Signer  # an extra: only who signs needs it

    return SigV4Signer(signing, clock)


def _google(signing: Signing, clock: Clock) -> Signer:
    from proxy.upstream.signers.google import GoogleSigner  # an extra: only who signs needs it

    return GoogleSigner(signing, clock)


_MAKERS: Mapping[str, Callable[[Signing, Clock], Signer]] = {"sigv4": _sigv4, "google": _google}


def make_signer(signing: Signing, clock: Clock) -> Signer:
    """Return the signer of this name. Raises BadConfig for credentials that are none; reads files, so in a thread."""
    try:
        return _MAKERS[signing.name](signing, clock)
    except ImportError as error:
        raise BadConfig(
            f"providers.{signing.integration}: signing needs a package that is not installed ({error.name}); "
            f"pip install 'faregate-proxy[{_EXTRAS[signing.name]}]'"
        ) from None


_EXTRAS = {"sigv4": "aws", "google": "google"}
