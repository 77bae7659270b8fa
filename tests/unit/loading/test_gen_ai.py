"""Our names in OpenTelemetry's conventions: only names that exist, on both sides."""

import warnings
from pathlib import Path

import pytest

from proxy.errors import BadConfig
from proxy.loading.gen_ai import load_names
from proxy.loading.providers import load_providers
from proxy.loading.shipped import shipped

NAMES = load_names(shipped("config") / "gen_ai.yaml")
LATER = {"vertex", "azure-openai", "bedrock", "mistral", "xai"}
"""Integrations that the design names and that come later."""


def test_every_name_is_one_of_the_conventions() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the registry has moved; the values have not
        from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import (
            GenAiOperationNameValues,
            GenAiProviderNameValues,
        )
    assert set(NAMES.providers.values()) <= {each.value for each in GenAiProviderNameValues}
    assert set(NAMES.operations.values()) <= {each.value for each in GenAiOperationNameValues}


def test_every_name_of_ours_is_known() -> None:
    providers = load_providers(shipped("config") / "providers", None)
    endpoints = {endpoint.name for provider in providers.values() for endpoint in provider.endpoints}
    assert set(NAMES.providers) <= set(providers) | LATER
    assert set(NAMES.operations) <= endpoints


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gen_ai.yaml").write_text("providers: {acme: 1}\noperations: {}\n")
    with pytest.raises(BadConfig, match=r"gen_ai\.yaml: Expected `str`"):
        load_names(tmp_path / "gen_ai.yaml")
