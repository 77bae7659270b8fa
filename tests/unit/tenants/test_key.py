"""Keys: what they allow, and the one form in which their secret is kept."""

import pytest

from proxy.tenants.key import DEFAULT_SCOPES, SCOPES, SECRET_BYTES, Key, KeyHolder, hash_secret
from proxy.tenants.tenant import Tenant


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (DEFAULT_SCOPES, {"proxy", "billing:read"}),
        (("unmetered",), {"proxy", "unmetered"}),
        (("billing:write",), {"billing:write"}),
        ((), set()),
        (SCOPES, set(SCOPES)),
    ],
)
def test_a_key_allows_its_scopes_and_unmetered_includes_proxy(scopes: tuple[str, ...], allowed: set[str]) -> None:
    key = Key("key_1", "tnt_1", scopes=scopes)
    assert {scope for scope in SCOPES if key.allows(scope)} == allowed


@pytest.mark.parametrize(
    ("test", "scopes", "waived"),
    [(False, DEFAULT_SCOPES, False), (True, DEFAULT_SCOPES, True), (False, ("unmetered",), True)],
)
def test_calls_are_waived_by_tenant_or_by_key(test: bool, scopes: tuple[str, ...], waived: bool) -> None:
    assert KeyHolder(Key("key_1", "tnt_1", scopes=scopes), Tenant("tnt_1", "acme", test=test)).waived is waived


def test_a_secret_is_kept_as_its_sha256() -> None:
    assert hash_secret("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert hash_secret("fg-ü\udcff") == hash_secret("fg-ü\udcff"), "bytes that are no UTF-8 are no error"
    assert SECRET_BYTES * 8 >= 128
