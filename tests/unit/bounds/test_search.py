import json

import pytest

from proxy.bounds.search import Search


def test_keys_are_found_with_their_quotes() -> None:
    search = Search(b'{"cache_control": {"ttl": "1h"}, "text": "say \\"image_url\\" or throttle"}')
    assert search.any([b'"cache_control"'])
    assert search.keys(["cache_control", "ttl"])
    assert not search.keys(["cache_control", "caching"])
    assert not search.any([b'"image_url"'])
    assert not search.hides


@pytest.mark.parametrize("text", ['{"cache\\u005fcontrol": 1}', '{"\\u0063ache_control": 1}'])
def test_an_escaped_key_cannot_hide(text: str) -> None:
    assert "cache_control" in json.loads(text)
    assert Search(text.encode()).keys(["cache_control"])
    assert Search(text.encode()).any([b'"anything"'])


@pytest.mark.parametrize("text", ['{"text": "caf\\u00e9 \\u4f60 \\ud83d\\ude00 \\u000a"}', '{"text": "café"}'])
def test_other_escapes_hide_nothing(text: str) -> None:
    assert not Search(text.encode()).hides
