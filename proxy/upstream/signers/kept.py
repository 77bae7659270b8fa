"""Something that is fetched and goes stale: kept, and fetched anew in the background before its time is over."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from msgspec import Struct

from proxy.clock import Clock
from proxy.errors import Refusal, Refused
from proxy.tasks import Tasks

T = TypeVar("T")
RETRY_S = 10.0
"""Seconds after a failed attempt until the next, as long as what is kept still holds."""

_log = logging.getLogger("faregate.signers")


class Fetched(Struct, Generic[T], frozen=True):
    """What was fetched, and for how many seconds: until it should be fetched anew, and until it is worth nothing."""

    value: T
    fresh_s: float
    good_s: float


class NotFetched(Exception):
    """It could not be fetched; the reason names no secret."""


class Kept(Generic[T]):
    """One value for all calls. Whoever asks gets the one that is there; only the first, or a late one, waits."""

    def __init__(self, integration: str, fetch: Callable[[], Awaitable[Fetched[T]]], clock: Clock) -> None:
        self._integration = integration
        self._fetch = fetch
        self._clock = clock
        self._tasks = Tasks()
        self._under_way: Awaitable[None] | None = None
        self._fetched: Fetched[T] | None = None
        self._fresh_until = self._good_until = 0.0

    def begin(self) -> None:
        """Fetch it in the background, unless that is under way."""
        if self._under_way is None:
            self._under_way = self._tasks.start(self._renew(), name=f"credentials of {self._integration}")

    async def value(self) -> T:
        """Return the value. Raises Refused (upstream_auth) where none is to be had."""
        now = self._clock.monotonic()
        if now >= min(self._fresh_until, self._good_until):
            self.begin()
        if now >= self._good_until and self._under_way is not None:
            await asyncio.shield(self._under_way)
        if self._fetched is None or self._clock.monotonic() >= self._good_until:
            raise Refused(
                Refusal.UPSTREAM_AUTH,
                f"Faregate could get no credentials for {self._integration}. The operator must look into it.",
            )
        return self._fetched.value

    async def close(self) -> None:
        """Stop fetching."""
        await self._tasks.drain(0)

    async def _renew(self) -> None:
        try:
            self._fetched = fetched = await self._fetch()
            now = self._clock.monotonic()
            self._fresh_until, self._good_until = now + fetched.fresh_s, now + fetched.good_s
        except NotFetched as failed:
            _log.error("no credentials for %s: %s", self._integration, failed)
            self._fresh_until = self._clock.monotonic() + RETRY_S
        finally:
            self._under_way = None
