"""One provider: hosts, keys, endpoints, envelopes. Its name is the label of its subdomain."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal

from msgspec import Struct

from proxy.providers.endpoint import Endpoint
from proxy.providers.envelope import Envelope
from proxy.providers.signing import Signing

RESERVED_NAMES = frozenset({"api", "v1", "admin", "webhooks", "pricing"})


class UpstreamError(Struct, frozen=True, forbid_unknown_fields=True):
    """An error of the provider that is about the operator's account, not the caller's request.

    It is answered with `refusal`; the provider's own words, which may name the operator, are not relayed.
    """

    status: int
    refusal: str
    contains: str = ""


class KeyOut(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the operator's key goes: `value` holds `{key}`. Keys that begin in another way may go elsewhere."""

    header: str
    value: str
    beginning: Mapping[str, "KeyOut"] = {}

    def of(self, key: str) -> tuple[str, str]:
        """Return the header, and its value, that carry a key."""
        for beginning, other in self.beginning.items():
            if key.startswith(beginning):
                return other.of(key)
        return self.header, self.value.replace("{key}", key)


class Place(Struct, frozen=True):
    """Where some of a provider's routes are. `sign_as` is its name in signatures."""

    origin: str
    sign_as: str = ""


class Regions(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a provider's region stands: in the path, as the parameter `at`, or only in its host, as `{region}`.

    `names` are the regions that a path may name. `hosts` are the regions' own hosts, `*` that of all others. Where the
    operator names none, `default` is the region.
    """

    at: str = ""
    default: str = ""
    names: tuple[str, ...] = ()
    hosts: Mapping[str, str] = {}


class Policy(Struct, frozen=True):
    """The operator's choices for one integration. `models` are names that callers use, and what each stands for."""

    on_disconnect: Literal["drain", "abort", "estimate"] = "drain"
    admission: Literal["fair", "strict"] = "fair"
    unowned_objects: Literal["refuse", "allow"] = "refuse"
    models: Mapping[str, str] = {}


class Integration(Struct, frozen=True, dict=True):
    """One provider that is switched on. `origin` is a scheme and host; `api_key` never leaves `upstream/`.

    `places` are further origins, by the name of a service or of a region. `fixed` are the values that parameters of
    paths must have, `region` the operator's own. With `signing` requests are signed instead of carrying `api_key`.
    `key_protocols` are beginnings of the WebSocket subprotocols that hold a key; one that ends in a comma is a
    subprotocol of its own, and the one after it is the key.
    """

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
    key_protocols: tuple[str, ...] = ()
    places: Mapping[str, Place] = {}
    region: str = ""
    regions: Regions = Regions()
    fixed: Mapping[str, str] = {}
    sign_as: str = ""
    signing: Signing | None = None

    def place(self, endpoint: Endpoint, parameters: Mapping[str, str]) -> str:
        """Return the name of the place that a route is at, empty for `origin`."""
        if not self.places:
            return ""
        name = endpoint.service or parameters.get(self.regions.at, "")
        return name if name in self.places else ""

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
