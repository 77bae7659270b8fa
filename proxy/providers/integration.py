"""One provider: hosts, keys, endpoints, envelopes. Its name is the label of its subdomain."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal

from msgspec import Struct

from proxy.providers.endpoint import Endpoint
from proxy.providers.envelope import Envelope

RESERVED_NAMES = frozenset({"api", "v1", "admin", "webhooks", "pricing"})


class UpstreamError(Struct, frozen=True, forbid_unknown_fields=True):
    """An error of the provider that is about the operator's account, not the caller's request.

    It is answered with `refusal`; the provider's own words, which may name the operator, are not relayed.
    """

    status: int
    refusal: str
    contains: str = ""


class KeyOut(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the operator's key goes: `value` holds `{key}`."""

    header: str
    value: str


class Policy(Struct, frozen=True):
    """The operator's choices for one integration."""

    on_disconnect: Literal["drain", "abort", "estimate"] = "drain"
    admission: Literal["fair", "strict"] = "fair"
    unowned_objects: Literal["refuse", "allow"] = "refuse"


class Integration(Struct, frozen=True, dict=True):
    """One provider that is switched on. `origin` is a scheme and host; `api_key` never leaves `upstream/`."""

    name: str
    origin: str
    api_key: str
    key_in: tuple[str, ...]
    key_out: KeyOut
    strip: frozenset[str]
    envelope: Envelope
    endpoints: tuple[Endpoint, ...]
    upstream_errors: tuple[UpstreamError, ...] = ()
    policy: Policy = Policy()

    def find(self, method: str, path: str) -> tuple[Endpoint, dict[str, str]] | Sequence[str]:
        """Return the endpoint of a method and raw path with its parameters, or the methods that the path allows."""
        allowed = []
        for endpoint in self._plain.get(path, ()):
            if endpoint.method == method:
                return endpoint, {}
            allowed.append(endpoint.method)
        for endpoint in self._patterns:
            parameters = endpoint.template.match(path)
            if parameters is not None:
                if endpoint.method == method:
                    return endpoint, parameters
                allowed.append(endpoint.method)
        return allowed

    @cached_property
    def _plain(self) -> Mapping[str, list[Endpoint]]:
        index: dict[str, list[Endpoint]] = {}
        for endpoint in self.endpoints:
            if endpoint.template.plain:
                index.setdefault(endpoint.template.text, []).append(endpoint)
        return index

    @cached_property
    def _patterns(self) -> Sequence[Endpoint]:
        return [endpoint for endpoint in self.endpoints if not endpoint.template.plain]
