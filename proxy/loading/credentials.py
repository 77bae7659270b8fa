"""Checks what an operator says of regions, projects and credentials against what each provider can use of it."""

from collections.abc import Iterator
from pathlib import Path

from proxy.loading.mismatch import suggestion
from proxy.loading.providers import Own, Provider
from proxy.loading.settings import ProviderSettings
from proxy.loading.signers import missing
from proxy.providers.signing import Credentials

MACHINE = "default"
"""The source of credentials that means what this machine has: variables, files in their usual places, its own role."""


def own_of(chosen: ProviderSettings) -> Own:
    """Return where an integration is, and what it signs with, as the operator says."""
    keys = chosen.access_key_id, chosen.secret_access_key, chosen.session_token
    # Plain text from here on: what is a setting only by its type cannot be written as JSON.
    return Own(str(chosen.region), str(chosen.project), Credentials(*keys, source=chosen.credentials))


def credential_faults(provider: Provider, chosen: ProviderSettings) -> Iterator[str]:
    """Yield what is wrong with the settings of one integration that is on, each beginning with the setting's name."""
    at = f"providers.{provider.name}"
    yield from _misplaced(at, provider, chosen)
    if not chosen.signs:
        for name in ("secret_access_key", "session_token"):
            if getattr(chosen, name):
                yield f"{at}.{name} is set: there is no access_key_id that it belongs to; set both, or neither"
        return
    if provider.signer is None:
        yield f"{at} has credentials: {provider.name} takes only an api_key; set that"
        return
    if chosen.api_key:
        yield f"{at}.api_key is set, and credentials too: requests can carry only one; remove the other"
    if chosen.access_key_id and chosen.credentials:
        yield f"{at}.access_key_id is set, and credentials too: requests are signed with one; remove the other"
    yield from _of_signer(at, provider.signer.name, chosen)
    remedy = missing(provider.signer.name)
    if remedy:
        yield f"{at} has credentials: signing needs a package that is not installed; {remedy}"


def _misplaced(at: str, provider: Provider, chosen: ProviderSettings) -> Iterator[str]:
    regions = provider.regions
    if chosen.region and not (regions.default or regions.names):
        yield f"{at}.region is {chosen.region!r}: {provider.name} has no regions; remove it, or set upstream"
    elif chosen.region and regions.names and chosen.region not in regions.names:
        remedy = suggestion(chosen.region, regions.names)
        yield f"{at}.region is {chosen.region!r}: no region of {provider.name}; {remedy}"
    if chosen.project and "project" not in provider.fixed.values():
        yield f"{at}.project is {chosen.project!r}: no path of {provider.name} names a project; remove it"


def _of_signer(at: str, signer: str, chosen: ProviderSettings) -> Iterator[str]:
    if signer == "sigv4":
        if bool(chosen.access_key_id) != bool(chosen.secret_access_key):
            yield f"{at}.access_key_id and {at}.secret_access_key belong together; set both"
        if chosen.credentials not in ("", MACHINE):
            given = str(chosen.credentials)
            yield f"{at}.credentials is {given!r}: expected `{MACHINE}`; set AWS_PROFILE for a profile"
        return
    if chosen.access_key_id:
        yield f"{at}.access_key_id is set: {at.removeprefix('providers.')} has none; set credentials to a file"
    elif chosen.credentials != MACHINE and not Path(chosen.credentials).is_file():
        yield f"{at}.credentials is {str(chosen.credentials)!r}: there is no such file; correct the path"
