"""What a provider file may say by itself. Its mistakes, with their lines: tests/bad_configuration/provider_*."""

import pytest
from msgspec import convert, structs

from proxy.errors import BadConfig
from proxy.loading.provider_file import ProviderFile, check_file, stripped_headers

FILE = convert(
    {
        "integration": "acme",
        "source": "made up",
        "hosts": ["https://a.test"],
        "key": {"in": ["bearer", "header:x-key"], "out": {"header": "Authorization", "value": "Bearer {key}"}},
        "endpoints": [],
        "envelope": "other",
        "strip_headers": ["Acme-Project"],
    },
    ProviderFile,
)


def test_headers_with_a_key_never_go_up() -> None:
    assert stripped_headers(FILE) == {"acme-project", "x-key", "authorization"}


def test_all_that_is_wrong_is_told_at_once() -> None:
    check_file(FILE)
    with pytest.raises(BadConfig) as caught:
        check_file(structs.replace(FILE, integration="A", source="", hosts=("a.test", "b.test")))
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "at integration",
        "at source",
        "at hosts",
        "at hosts",
    ]
