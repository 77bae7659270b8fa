"""What an operator says of regions, projects and credentials must be of use to the provider, and be whole."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from proxy.loading import signers
from proxy.loading.catalogue import load_catalogue
from proxy.loading.credentials import credential_faults, own_of
from proxy.loading.settings import ProviderSettings
from proxy.loading.signers import Needs
from proxy.loading.values import Label, Secret, Source
from proxy.providers.integration import Regions
from proxy.providers.signing import Credentials, SignRule

PLAIN = structs.replace(load_catalogue().providers["openai"], name="acme")
SIGNED = structs.replace(PLAIN, signer=SignRule("sigv4", "acme"), regions=Regions(default="here-1"))
TOKENS = structs.replace(
    PLAIN,
    signer=SignRule("google"),
    regions=Regions(at="location", names=("here", "there")),
    fixed={"project": "project", "location": "region"},
)
KEYS: dict[str, Any] = {"access_key_id": Secret("AKID"), "secret_access_key": Secret("s")}


def faults(provider: Any, **settings: Any) -> list[str]:
    return list(credential_faults(provider, ProviderSettings(**settings)))


@pytest.mark.parametrize(
    ("provider", "settings"),
    [
        (PLAIN, {"api_key": Secret("k")}),
        (SIGNED, {"api_key": Secret("k"), "region": Label("far-9")}),
        (SIGNED, KEYS),
        (SIGNED, {**KEYS, "session_token": Secret("t")}),
        (SIGNED, {"credentials": Source("default")}),
        (TOKENS, {"credentials": Source("default"), "region": Label("there"), "project": Label("p")}),
        (TOKENS, {"credentials": Source(__file__)}),
    ],
)
def test_what_is_whole_is_taken(provider: Any, settings: Any) -> None:
    assert faults(provider, **settings) == []


@pytest.mark.parametrize(
    ("provider", "settings", "fault"),
    [
        (PLAIN, KEYS, "providers.acme has credentials: acme takes only an api_key; set that"),
        (PLAIN, {"api_key": Secret("k"), "region": Label("x")}, "providers.acme.region is 'x': acme has no regions"),
        (PLAIN, {"api_key": Secret("k"), "project": Label("x")}, "providers.acme.project is 'x': no path of acme"),
        (PLAIN, {"api_key": Secret("k"), "secret_access_key": Secret("s")}, "providers.acme.secret_access_key is set"),
        (SIGNED, {**KEYS, "api_key": Secret("k")}, "providers.acme.api_key is set, and credentials too"),
        (SIGNED, {**KEYS, "credentials": Source("default")}, "providers.acme.access_key_id is set, and credentials"),
        (SIGNED, {"access_key_id": Secret("a")}, "secret_access_key belong together; set both"),
        (SIGNED, {"credentials": Source("/etc/keys")}, "expected `default`; set AWS_PROFILE for a profile"),
        (TOKENS, KEYS, "providers.acme.access_key_id is set: acme has none; set credentials to a file"),
        (TOKENS, {"credentials": Source("/no/such/file")}, "is '/no/such/file': there is no such file"),
        (TOKENS, {"api_key": Secret("k"), "region": Label("ther")}, "no region of acme; did you mean there?"),
    ],
)
def test_what_is_of_no_use_or_not_whole_is_told(provider: Any, settings: Any, fault: str) -> None:
    (told,) = faults(provider, **settings)
    assert fault in told


def test_a_package_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signers, "SIGNERS", {"sigv4": Needs("no_such_module", "aws")})
    (told,) = faults(SIGNED, **KEYS)
    assert told.startswith("providers.acme has credentials: signing needs a package that is not installed; ")
    assert told.endswith("pip install 'faregate-proxy[aws]'")


def test_settings_become_the_operator_s_part(tmp_path: Path) -> None:
    own = own_of(ProviderSettings(**KEYS, session_token=Secret("t"), region=Label("r"), project=Label("p")))
    assert (own.region, own.project, own.credentials) == ("r", "p", Credentials("AKID", "s", "t"))
    assert (type(own.region), type(own.project)) == (str, str), "they are written into bills"
    assert own_of(ProviderSettings(credentials=Source(str(tmp_path)))).credentials.source == str(tmp_path)
