from pathlib import Path
from typing import Any

import pytest

from proxy.bounds.spec import BoundSpec, InputUnit
from proxy.bounds.text import text_bytes
from proxy.loading.providers import load_providers

SPEC = BoundSpec(input=(InputUnit("input_tokens"),), text=("system", "messages.*.content", "messages.*.content.*.text"))


@pytest.mark.parametrize(
    ("body", "size"),
    [
        ({}, 0),
        ({"system": "ab", "model": "ignored"}, 2),
        ({"messages": [{"role": "user", "content": "déjà"}]}, 6),
        ({"messages": [{"content": [{"type": "text", "text": "abc"}, {"type": "image", "data": "x" * 999}]}]}, 3),
        ({"messages": [{"content": 7}], "system": None}, 0),
    ],
)
def test_only_text_counts_as_evidence(body: dict[str, Any], size: int) -> None:
    assert text_bytes(body, SPEC) == size


def test_every_metered_endpoint_says_where_its_text_is_or_what_tells_its_cost() -> None:
    folder = Path(__file__).parents[3] / "config" / "providers"
    for provider in load_providers(folder).values():
        for endpoint in provider.endpoints:
            if endpoint.session is not None and not endpoint.session.requests:
                continue  # what a turn of a session has read is not in one request
            bound = endpoint.many.bound if endpoint.many is not None and endpoint.many.bound else endpoint.bound
            by_file = endpoint.many is not None and endpoint.many.file  # its text was read at its upload
            by_route = endpoint.many is not None and (
                endpoint.many.urls or endpoint.many.url
            )  # each of its requests as its own route says
            told = by_file or by_route or (bound is not None and (bound.text or bound.measures or bound.fees))
            assert endpoint.free or told, (provider.name, endpoint.name)
