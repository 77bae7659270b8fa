"""The signers of a process: made once for each set of credentials, and kept over reloads with what they fetched."""

import asyncio
from collections.abc import Iterable, Mapping

from proxy.clock import Clock
from proxy.providers.signing import Signing
from proxy.upstream.signers.door import Signer, make_signer


class Signers:
    """They outlive the integrations that a reload puts out of force, as calls of those may still be signed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: dict[Signing, Signer] = {}

    async def prepare(self, wanted: Iterable[Signing | None]) -> Mapping[Signing, Signer]:
        """Return a signer for each; those that are there are used on. Raises BadConfig."""
        for signing in {each for each in wanted if each is not None} - set(self._made):
            self._made[signing] = signer = await asyncio.to_thread(make_signer, signing, self._clock)
            signer.begin()
        return self._made

    async def close(self) -> None:
        """Close all of them."""
        for signer in self._made.values():
            await signer.close()
