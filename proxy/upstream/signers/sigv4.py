"""AWS Signature Version 4, made by botocore with the operator's credentials.

Signed are the method, the path as it is sent, the query, the body, and the headers that AWS demands: the host, the
content's type, and whatever begins with `x-amz-`.
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)
"""

import asyncio

from botocore.auth import SigV4Auth  # type: ignore[import-untyped]  # it ships no types
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]  # it ships no types
from botocore.credentials import Credentials, ReadOnlyCredentials  # type: ignore[import-untyped]  # it ships no types
from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]  # it ships no types
from botocore.session import Session  # type: ignore[import-untyped]  # it ships no types

from proxy.clock import Clock
from proxy.errors import BadConfig
from proxy.providers.signing import Signing
from proxy.upstream.door import Headers, Outbound
from proxy.upstream.signers.kept import Fetched, Kept, NotFetched

FRESH_S = 60.0
"""Seconds after which the machine is asked again. botocore itself fetches only what is about to end."""
GOOD_S = 540.0
"""Seconds for which what it gave holds at least: botocore gives out nothing with less than ten minutes left."""

_SIGNED = ("content-type", "x-amz-")


class SigV4Signer:
    """Signs with keys that were set, or with those of the machine, which may be temporary."""

    names = frozenset({"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"})

    def __init__(self, signing: Signing, clock: Clock) -> None:
        own = signing.credentials
        self._signing = signing
        self._own = None
        if own.access_key_id:
            self._own = ReadOnlyCredentials(own.access_key_id, own.secret_access_key, own.session_token or None)
        self._machine = None if self._own else _of_machine(signing.integration)
        self._kept = Kept(signing.integration, self._fetch, clock)

    def begin(self) -> None:
        """Begin to fetch, if there is anything to fetch."""
        if self._own is None:
            self._kept.begin()

    async def sign(self, request: Outbound, origin: str, sign_as: str) -> Headers:
        """Return the headers of the signature."""
        keys = self._own or await self._kept.value()
        headers = [(name, value) for name, value in request.headers if name.lower().startswith(_SIGNED)]
        copy = AWSRequest(request.method, origin + request.target, data=request.body)
        for name, value in headers:
            if name.lower() not in self.names:
                copy.headers[name] = value
        SigV4Auth(keys, sign_as, self._signing.region).add_auth(copy)
        return [(name, value) for name, value in copy.headers.items() if name.lower() in self.names]

    async def close(self) -> None:
        """Stop asking the machine."""
        await self._kept.close()

    async def _fetch(self) -> Fetched[ReadOnlyCredentials]:
        if self._machine is None:
            raise NotFetched("this machine has none")
        try:
            keys = await asyncio.to_thread(self._machine.get_frozen_credentials)
        except (BotoCoreError, OSError) as error:
            raise NotFetched(f"{type(error).__name__}: {error}") from None
        return Fetched(keys, FRESH_S, GOOD_S)


def _of_machine(integration: str) -> Credentials:
    """Return what botocore finds: variables, a profile, a container's or a machine's role. Asks the machine."""
    try:
        found = Session().get_credentials()
    except BotoCoreError as error:
        raise BadConfig(f"providers.{integration}.credentials: {error}") from None
    if found is None:
        raise BadConfig(
            f"providers.{integration}.credentials is 'default': this machine has no AWS credentials; set AWS_PROFILE, "
            "give it a role, or set access_key_id and secret_access_key"
        )
    return found
