"""What a signer needs is looked for without importing it."""

import pytest

from proxy.loading import signers
from proxy.loading.signers import SIGNERS, Needs, missing


@pytest.mark.parametrize("name", sorted(SIGNERS))
def test_what_tests_need_is_installed(name: str) -> None:
    assert missing(name) == ""


@pytest.mark.parametrize("module", ["no_such_module", "no_such_package.module", "json.no_such_module"])
def test_what_is_missing_is_named_with_its_extra(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signers, "SIGNERS", {"own": Needs(module, "extra")})
    assert missing("own") == "pip install 'faregate-proxy[extra]'"
