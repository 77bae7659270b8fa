"""A signer is made by its name; what is not installed is said with its remedy."""

import sys

import pytest
from doubles.acme import HandClock

from proxy.errors import BadConfig
from proxy.loading.signers import SIGNERS
from proxy.providers.signing import Credentials, Signing
from proxy.upstream.signers import door
from proxy.upstream.signers.door import make_signer
from proxy.upstream.signers.sigv4 import SigV4Signer

SIGNING = Signing("acme", "sigv4", "here-1", Credentials("AKID", "secret"))


def test_a_signer_is_made_by_its_name() -> None:
    assert isinstance(make_signer(SIGNING, HandClock()), SigV4Signer)


def test_every_signer_that_a_file_may_name_can_be_made() -> None:
    assert set(door._MAKERS) == set(SIGNERS)
    assert {name: needs.extra for name, needs in SIGNERS.items()} == door._EXTRAS


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "proxy.upstream.signers.sigv4")
    monkeypatch.setitem(sys.modules, "botocore.auth", None)
    with pytest.raises(BadConfig) as told:
        make_signer(SIGNING, HandClock())
    assert str(told.value) == (
        "providers.acme: signing needs a package that is not installed (botocore.auth); "
        "pip install 'faregate-proxy[aws]'"
    )
