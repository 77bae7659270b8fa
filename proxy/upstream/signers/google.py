"""Access tokens of Google Cloud, fetched by google-auth: of a service account, or of what this machine has."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import google.auth
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from proxy.clock import MICROS_PER_SECOND, Clock
from proxy.errors import BadConfig
from proxy.providers.signing import Signing
from proxy.upstream.door import Headers
from proxy.upstream.signers.kept import Fetched, Kept, NotFetched

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
AHEAD_S = 600.0
"""Seconds before its end at which a token is fetched anew; they live for an hour."""
MARGIN_S = 30.0
"""Seconds before its end from which a token is not used any more: clocks differ, and requests take their time."""


class GoogleSigner:
    """Sends one token with every request."""

    names = frozenset({"authorization", "x-goog-api-key"})

    def __init__(self, signing: Signing, clock: Clock) -> None:
        self._clock = clock
        self._credentials = _of_source(signing)
        self._token = Kept(signing.integration, self._fetch, clock)

    def begin(self) -> None:
        """Begin to fetch, if there is anything to fetch."""
        self._token.begin()

    async def sign(self, *_: object) -> Headers:
        """Return the header with the token."""
        return [("authorization", await self._token.value())]

    async def close(self) -> None:
        """Stop fetching tokens."""
        await self._token.close()

    async def _fetch(self) -> Fetched[str]:
        credentials = self._credentials
        try:
            await asyncio.to_thread(credentials.refresh, Request())
        except (GoogleAuthError, OSError) as error:
            raise NotFetched(type(error).__name__ + _reason(error)) from None
        ends = credentials.expiry  # in UTC, without saying so
        left_s = AHEAD_S + MARGIN_S
        if isinstance(ends, datetime):
            left_s = ends.replace(tzinfo=UTC).timestamp() - self._clock.now() / MICROS_PER_SECOND
        good_s = left_s - MARGIN_S
        return Fetched(f"Bearer {credentials.token}", min(good_s, max(left_s - AHEAD_S, good_s / 2)), good_s)


def _of_source(signing: Signing) -> Any:
    """Return google-auth's credentials. Raises BadConfig for a file that holds none."""
    source, where = signing.credentials.source, f"providers.{signing.integration}.credentials"
    try:
        if source == "default":
            found, _ = google.auth.default(scopes=SCOPES)
        else:
            load: Callable[..., Any] = service_account.Credentials.from_service_account_file  # it says no types
            found = load(source, scopes=SCOPES)
    except (GoogleAuthError, OSError, ValueError) as error:
        told = "this machine has none" if source == "default" else "the file holds no service account"
        raise BadConfig(
            f"{where} is {source!r}: {told} ({type(error).__name__}); name the JSON file of a service account"
        ) from None
    return found


def _reason(error: Exception) -> str:
    """Return what Google says of a refusal, such as `invalid_grant`; the rest of it may repeat what was sent."""
    first = error.args[0] if error.args else ""
    return f" ({first[:200]})" if isinstance(first, str) and first else ""
