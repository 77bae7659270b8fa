from datetime import date
from pathlib import Path

import pytest
from msgspec import structs

from proxy.errors import BadConfig
from proxy.loading.catalogue import check_upstreams, load_catalogue
from proxy.loading.settings import ProviderSettings, Settings
from proxy.loading.values import SANDBOX, Secret, Upstream

HEAD = "integration: acme\nsource: made up\nchecked: 2020-01-02\n"
RATES = HEAD + 'models: [{match: [m], rates: [{usd: {input_tokens: "1"}}]}]\n'
KEYED = ProviderSettings(api_key=Secret("sk-1"))


def test_the_built_in_files_are_a_catalogue() -> None:
    catalogue = load_catalogue()
    assert set(catalogue.card.integrations) == set(catalogue.checked)
    unpriced = set(catalogue.providers) - set(catalogue.card.integrations)
    assert unpriced == {"openai-compatible"}, "only the file to copy has no rates: they are whoever copies it's"
    assert set(catalogue.card.integrations) < set(catalogue.providers)
    assert "input_tokens" in catalogue.units
    assert catalogue.oldest_check == min(catalogue.checked.values())


def test_the_operators_own_files_come_after(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(RATES)
    catalogue = load_catalogue(rates_dir=tmp_path)
    assert catalogue.card.find("acme", "m") is not None
    assert catalogue.oldest_check == catalogue.checked["acme"] == date(2020, 1, 2)


def test_what_is_wrong_with_either_is_told(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(RATES)
    with pytest.raises(BadConfig) as caught:
        load_catalogue(tmp_path, tmp_path / "none")
    assert any("at hosts: it is missing" in problem for problem in caught.value.problems)
    assert any("there is no such folder" in problem for problem in caught.value.problems)


def test_a_unit_of_the_operators_own_may_be_read_by_his_providers(tmp_path: Path) -> None:
    (tmp_path / "units.yaml").write_text("units: {pages_read: {family: fees, meaning: pages}}\n")
    providers = tmp_path / "providers"
    providers.mkdir()
    (providers / "acme.yaml").write_text(
        "integration: acme\nsource: made up\nhosts: ['https://a.test']\n"
        "key: {in: [bearer], out: {header: authorization, value: '{key}'}}\nenvelope: openai\nendpoints: []\n"
        "readers: {chat: {source: made up, usage: [usage], units: {pages_read: pages}}}\n"
    )
    assert "acme" in load_catalogue(providers, tmp_path).providers
    with pytest.raises(BadConfig, match=r"at readers\.chat: 'pages_read' is no unit; "):
        load_catalogue(providers)


def test_what_is_on_must_have_one_place_to_go() -> None:
    provider = next(iter(load_catalogue().providers.values()))
    homeless, torn = (structs.replace(provider, hosts=hosts) for hosts in ((), ("a", "b")))
    homes = {"one": provider, "none": homeless, "two": torn, "openai": torn}
    off = Settings(providers={name: ProviderSettings() for name in homes})
    check_upstreams(off, homes)
    told = ProviderSettings(api_key=Secret("k"), upstream=Upstream("https://own.test"))
    sandboxed = ProviderSettings(upstream=Upstream(SANDBOX))
    check_upstreams(Settings(providers={"one": KEYED, "none": told, "openai": sandboxed}), homes)
    with pytest.raises(BadConfig, match=r"providers\.two\.upstream is 'sandbox': the sandbox does not imitate"):
        check_upstreams(Settings(providers={"two": sandboxed}), homes)
    with pytest.raises(BadConfig) as caught:
        check_upstreams(Settings(providers={"one": KEYED, "none": KEYED, "two": KEYED}), homes)
    assert [problem.split(" is ")[0] for problem in caught.value.problems] == [
        "environment: providers.none.upstream",
        "environment: providers.two.upstream",
    ]
    assert "public host (a, b); set it to yours" in caught.value.problems[1]
