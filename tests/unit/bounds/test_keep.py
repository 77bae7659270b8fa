"""For how long a request asks its provider to keep what it holds."""

from typing import Any

import pytest

from proxy.bounds.keep import Keep, kept_s
from proxy.errors import Refused

KEEP = Keep("cache_storage_token_hours", "ttl", "expireTime|expire_time", 3_600)


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({}, 3_600),
        ({"ttl": None}, 3_600),
        ({"ttl": "300s"}, 301),
        ({"ttl": "0.5s"}, 1),
        ({"expireTime": "2026-11-21T01:00:00Z"}, 3_601),
        ({"expire_time": "2026-11-22T00:00:00.5+01:00"}, 82_801),
        ({"ttl": "300s", "expireTime": "2026-11-21T01:00:00Z"}, 3_601),
        ({"expireTime": "2020-01-01T00:00:00Z"}, 1),
    ],
)
def test_the_most_seconds(body: Any, seconds: int) -> None:
    """A time is counted from the beginning of the day, since no more is known of when the call begins."""
    assert kept_s(body, KEEP, "2026-11-21") == seconds


@pytest.mark.parametrize(
    "body",
    [
        {"ttl": 300},
        {"ttl": "300"},
        {"ttl": "-1s"},
        {"ttl": "1e9s"},
        {"ttl": "999999999999s"},
        {"expireTime": "soon"},
        {"expireTime": 5},
        {"expireTime": "2026-11-21T01:00:00"},
        {"expireTime": "2999-01-01T00:00:00Z"},
    ],
)
def test_a_time_that_is_none_is_refused(body: Any) -> None:
    with pytest.raises(Refused):
        kept_s(body, KEEP, "2026-11-21")
