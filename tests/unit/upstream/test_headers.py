"""Which headers pass, in both directions; an allowance by omission, so each class is asked for by name."""

import pytest

from proxy.upstream.headers import CREDENTIALS, HOP_BY_HOP, NAMES_KEPT, Sieve, downward, upward, value_of, without

NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    "name",
    [
        *sorted(HOP_BY_HOP | CREDENTIALS),
        "Host",
        "Content-Length",
        "Expect",
        "Via",
        "Forwarded",
        "X-Forwarded-For",
        "X-Real-IP",
        "Faregate-Call-Id",
        "FAREGATE-x",
    ],
)
def test_never_goes_up(name: str) -> None:
    assert upward([(name, "value"), (name.title(), "value"), ("kept", "1")], NONE) == [("kept", "1")]


@pytest.mark.parametrize(
    "name",
    [
        "connection",
        "transfer-encoding",
        "content-length",
        "set-cookie",
        "location",
        "alt-svc",
        "server",
        "date",
        "faregate-charge-usd",
    ],
)
def test_never_comes_down(name: str) -> None:
    assert downward([(name, "value"), (name.upper(), "value"), ("kept", "1")]) == [("kept", "1")]


def test_everything_else_goes_up_as_sent_and_in_order() -> None:
    headers = [
        ("User-Agent", "sdk/1"),
        ("X-Stainless-Lang", "python"),
        ("Accept-Encoding", "gzip, br"),
        ("content-type", "application/json"),
        ("X-Twice", "1"),
        ("x-twice", "2"),
        ("Idempotency-Key", "k"),
        ("traceparent", "00-1-2-01"),
        ("Empty", ""),
    ]
    assert upward(headers, NONE) == headers


def test_everything_else_comes_down_as_sent_and_in_order() -> None:
    headers = [
        ("X-Request-Id", "r"),
        ("x-ratelimit-remaining", "1"),
        ("Retry-After", "3"),
        ("Content-Encoding", "br"),
        ("Content-Type", "x"),
    ]
    assert downward(headers) == headers


def test_what_the_provider_file_strips() -> None:
    assert upward([("Acme-Project", "mine"), ("acme-other", "1")], frozenset({"acme-project"})) == [("acme-other", "1")]


@pytest.mark.parametrize("list_", ["X-Hop", "close, x-hop", " x-hop ,keep-alive", "X-HOP, , other"])
def test_what_the_message_itself_binds_to_its_hop(list_: str) -> None:
    headers = [("X-Hop", "1"), ("Connection", list_), ("x-hop", "2"), ("kept", "1")]
    assert upward(headers, NONE) == [("kept", "1")]
    assert downward(headers) == [("kept", "1")]


def test_two_connection_headers_both_count() -> None:
    headers = [("connection", "a"), ("a", "1"), ("b", "2"), ("connection", "b"), ("c", "3")]
    assert upward(headers, NONE) == [("c", "3")]


def test_connection_cannot_bring_a_credential_through() -> None:
    """Listing a name only ever removes."""
    assert upward([("Connection", "authorization"), ("Authorization", "Bearer x")], NONE) == []


def test_without_and_value_of() -> None:
    headers = [("Content-Type", "a"), ("content-type", "b"), ("X", "c")]
    assert without(headers, "content-type") == [("X", "c")]
    assert without(headers) == headers
    assert value_of(headers, "content-type") == "a"
    assert value_of(headers, "absent") == ""


def test_a_sieve_remembers_many_names_but_not_any_number() -> None:
    sieve = Sieve(frozenset(("dropped",)))
    for number in range(NAMES_KEPT + 50):
        assert sieve[f"x-{number}"]
        assert not sieve[("Dropped", "DROPPED", "dropped")[number % 3]]
    assert len(sieve) == NAMES_KEPT
    assert sieve["never seen"]
