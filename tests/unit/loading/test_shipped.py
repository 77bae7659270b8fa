"""The data folders: beside the package in a checkout, inside it in a wheel, and a clear word where neither is."""

from pathlib import Path

import pytest

from proxy.errors import BadConfig
from proxy.loading import shipped as module
from proxy.loading.rates import load_rates
from proxy.loading.shipped import shipped


def test_a_checkout_has_its_rates_and_config() -> None:
    assert (shipped("rates") / "units.yaml").is_file()
    assert (shipped("config") / "providers").is_dir()


def test_the_wheel_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "proxy"
    (package / "_shipped" / "rates").mkdir(parents=True)
    (tmp_path / "rates").mkdir()
    (tmp_path / "config").mkdir()
    monkeypatch.setattr(module, "_PACKAGE", package)
    assert shipped("rates") == package / "_shipped" / "rates"
    assert shipped("config") == tmp_path / "config"


def test_a_broken_installation_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PACKAGE", tmp_path / "proxy")
    with pytest.raises(BadConfig, match="the folder 'rates' is missing from this installation; install Faregate again"):
        shipped("rates")


def test_every_built_in_model_has_a_source() -> None:
    card = load_rates(shipped("rates"))
    for integration, models in card.integrations.items():
        assert all(card.source_of(integration, model) is not None for model in models)
    assert not any(source.own for source in card.sources)
