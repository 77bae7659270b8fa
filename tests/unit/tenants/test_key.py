"""Keys: what they allow, and the one form in which their secret is kept."""

import pytest

from proxy.tenants.key import DEFAULT_SCOPES, SCOPES, SECRET_BYTES, Key, KeyHolder, KeyState, hash_secret
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


@pytest.mark.parametrize(
    ("models", "model", "allowed"),
    [
        ((), "anything", True),
        (("small",), "small", True),
        (("small",), "small-2", False),
        (("small",), "Small", False),
        (("small-*", "big"), "small-2", True),
        (("small-?",), "small-22", False),
    ],
)
def test_models_are_allowed_by_name_or_by_glob(models: tuple[str, ...], model: str, allowed: bool) -> None:
    assert Key("key_1", "tnt_1", models=models).allows_model(model) is allowed


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        ((), "", True),
        (("10.0.0.0/8",), "10.255.0.1", True),
        (("10.0.0.0/8",), "11.0.0.1", False),
        (("192.0.2.7/32", "2001:db8::/32"), "2001:db8::1", True),
        (("10.0.0.0/8",), "", False),
    ],
)
def test_addresses_are_allowed_by_network(networks: tuple[str, ...], address: str, allowed: bool) -> None:
    assert Key("key_1", "tnt_1", networks=networks).allows_address(address) is allowed


def test_a_keys_state_is_that_of_a_moment() -> None:
    key = Key("key_1", "tnt_1", expires_at=10, revoked_at=12)
    assert [key.state(now) for now in (9, 10, 12)] == [KeyState.ACTIVE, KeyState.EXPIRED, KeyState.REVOKED]
