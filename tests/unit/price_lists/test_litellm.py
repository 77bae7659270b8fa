import json
from pathlib import Path

import pytest
from support.price_lists import map_file, wheel

from proxy.errors import BadConfig
from proxy.loading.shipped import shipped
from proxy.price_lists.litellm import LiteLLMPrices, load_litellm
from proxy.price_lists.mapping import SuffixLexicon, load_lexicon
from proxy.price_lists.merge import key_of
from proxy.price_lists.sources import FOLDER

LEXICON = load_lexicon(shipped("config") / FOLDER / "litellm.yaml", SuffixLexicon)
OPENAI = {"litellm_provider": "openai", "mode": "chat"}


def prices(folder: Path, entries: dict[str, object]) -> LiteLLMPrices:
    return load_litellm(LEXICON, map_file(folder, entries))


def told(found: LiteLLMPrices, integration: str, model: str) -> dict[tuple[str, str, int], str]:
    model_ = found.find(integration, model)
    assert model_ is not None
    return {key_of(rate): f"{rate.usd}/{rate.per}" for rate in model_.rates}


def test_prices_with_tier_and_context_in_their_names(tmp_path: Path) -> None:
    entry = OPENAI | {
        "input_cost_per_token": 2.5e-06,
        "input_cost_per_token_batches": 1.25e-06,
        "input_cost_per_token_above_200k_tokens": 5e-06,
        "output_cost_per_token_above_272k_tokens_priority": 3e-05,
        "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05,
        "search_context_cost_per_query": {"search_context_size_medium": 0.025, "search_context_size_low": 0.02},
        "nothing_we_know": 1,
        "output_cost_per_token": None,
    }
    assert told(prices(tmp_path, {"m": entry}), "openai", "m") == {
        ("input_tokens", "", 0): "2.5/1000000",
        ("input_tokens", "batch", 0): "1.25/1000000",
        ("input_tokens", "", 200_000): "5/1000000",
        ("output_tokens", "priority", 272_000): "30/1000000",
        ("cache_write_1h_tokens", "", 200_000): "12/1000000",
        ("web_searches", "", 0): "25/1000",
    }


def test_a_price_means_what_its_kind_of_model_says(tmp_path: Path) -> None:
    entry = {"litellm_provider": "cohere", "input_cost_per_query": 0.002}
    found = prices(tmp_path, {"a": entry | {"mode": "rerank"}, "b": entry | {"mode": "search"}, "c": entry})
    assert told(found, "cohere", "a") == {("search_units", "", 0): "2/1000"}
    assert told(found, "cohere", "b") == {("requests", "", 0): "2/1000"}
    assert told(found, "cohere", "c") == {}


def test_names_are_found_without_what_stands_before_them(tmp_path: Path) -> None:
    azure = {"litellm_provider": "azure", "max_input_tokens": 10, "max_output_tokens": 5, "input_cost_per_token": 1e-6}
    found = prices(
        tmp_path, {"azure/gpt": azure, "gpt": OPENAI, "azure_ai/gpt": azure, "azure/other": OPENAI, "loose": azure}
    )
    assert list(found.names("azure-openai")) == ["gpt"]
    model = found.find("azure-openai", "gpt")
    assert model is not None
    assert (model.match, model.window, model.output_max) == (("gpt",), 10, 5)
    assert found.find("azure-openai", "other") is None
    assert (found.find("nobody", "gpt"), list(found.names("nobody"))) == (None, [])


def test_a_price_that_is_none_is_kept_for_whoever_judges_it(tmp_path: Path) -> None:
    entry = OPENAI | {
        "input_cost_per_token": "free",
        "output_cost_per_token": -1e-06,
        "cache_read_input_token_cost": float("nan"),
        "max_input_tokens": "many",
    }
    found = prices(tmp_path, {"m": entry})
    assert sorted(told(found, "openai", "m").values()) == ["-1/1000000", "NaN/1000000", "NaN/1000000"]
    model = found.find("openai", "m")
    assert model is not None
    assert model.window is None


def test_from_a_wheel_and_the_newest_of_a_folder(tmp_path: Path) -> None:
    entry = OPENAI | {"input_cost_per_token": 1e-06}
    wheel(tmp_path, {"m": entry}, "1.9.0")
    newest = wheel(tmp_path, {"m": entry, "n": entry}, "1.10.0")
    for path in (newest, tmp_path):
        found = load_litellm(LEXICON, path)
        assert found.title == "litellm 1.10.0"
        assert list(found.names("openai")) == ["m", "n"]
    assert prices(tmp_path, {"m": 1, "n": entry}).title == "litellm (prices.json)"


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "torn.whl").write_bytes(b"PK")
    (tmp_path / "torn.json").write_text("{")
    (tmp_path / "list.json").write_text(json.dumps([]))
    for name, fault in {
        "torn.whl": "cannot be read as a wheel of litellm",
        "torn.json": "is not JSON",
        "list.json": "is not a map of models",
        "none.json": "cannot be read (No such file or directory)",
    }.items():
        with pytest.raises(BadConfig) as refused:
            load_litellm(LEXICON, tmp_path / name)
        assert f"{name}: {fault}" in str(refused.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadConfig, match="there is no wheel of litellm in it; pip download"):
        load_litellm(LEXICON, tmp_path / "empty")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadConfig, match="package is not installed; pip download"):
        load_litellm(LEXICON)


def test_from_the_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "litellm-7.8.dist-info").mkdir()
    (tmp_path / "litellm-7.8.dist-info" / "METADATA").write_text("Name: litellm\nVersion: 7.8\n")
    (tmp_path / "litellm").mkdir()
    (tmp_path / LEXICON.file).write_text(json.dumps({"m": OPENAI}))
    monkeypatch.syspath_prepend(tmp_path)
    assert load_litellm(LEXICON).title == "litellm 7.8"
