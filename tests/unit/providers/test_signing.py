"""Credentials are there if there is something to sign with."""

from proxy.providers.signing import Credentials


def test_what_counts_as_credentials() -> None:
    assert not Credentials()
    assert not Credentials(secret_access_key="s")
    assert Credentials(access_key_id="a")
    assert Credentials(source="default")
