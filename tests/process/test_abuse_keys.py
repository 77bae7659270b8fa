"""Keys in every place and state: what is refused, what works, and that none is forwarded, logged or repeated."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from support.abuse import EACH, PLANTED, UPSTREAM_KEY, Rig, abused_house, refused
from support.shapes import CHAT, GENERATE, MESSAGES, Shape

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def abused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with abused_house(tmp_path_factory.mktemp("abuse")) as rig:
        yield rig


@pytest.fixture
def rig(abused: Rig) -> Rig:
    return abused.begin()


# Keys (rows 52, 53, 57, 58).


def with_headers(shape: Shape, *lines: str, path: str = "") -> bytes:
    """Return a request with these header lines in the place of its key."""
    data = shape.request("-", path=path)
    return data.replace(shape.key_header.format("-").encode(), "\r\n".join(lines).encode("latin-1"))


@EACH
def test_a_request_without_a_key_is_refused(rig: Rig, shape: Shape) -> None:
    refused(rig, shape, with_headers(shape, "X-Nothing: 1"), 401, "invalid_key")
    refused(rig, shape, with_headers(shape, shape.key_header.format("")), 401, "invalid_key")


@pytest.mark.parametrize(
    "key", ["fg-unknown", PLANTED, "a" * 8000, "' OR 1=1 --", "\xff\xfe", "%00", "null", "Bearer", "fg-", UPSTREAM_KEY]
)
@EACH
def test_an_unknown_key_is_refused(rig: Rig, shape: Shape, key: str) -> None:
    refused(rig, shape, with_headers(shape, shape.key_header.format(key)), 401, "invalid_key")


@pytest.mark.parametrize("value", ["{key}", "Basic {key}", "Token {key}", "Bearer: {key}", "Bearer", "Bearer {key} x"])
def test_a_key_in_another_scheme_is_refused(rig: Rig, value: str) -> None:
    line = f"Authorization: {value.format(key=rig.account.key)}"
    refused(rig, CHAT, with_headers(CHAT, line), 401, "invalid_key")


@pytest.mark.parametrize(("shape", "header"), [(MESSAGES, "x-api-key"), (GENERATE, "x-goog-api-key")])
def test_two_keys_that_differ_are_refused(rig: Rig, shape: Shape, header: str) -> None:
    mine, other = rig.account.key, rig.desk.account("0").key
    rig.secrets.append(other)
    for one, two in ((mine, other), (mine, "junk"), ("junk", mine)):
        lines = (f"Authorization: Bearer {one}", f"{header}: {two}")
        refused(rig, shape, with_headers(shape, *lines), 400, "malformed_request")


@pytest.mark.parametrize(
    ("shape", "header"),
    [(CHAT, "Authorization: Bearer"), (MESSAGES, "x-api-key:"), (GENERATE, "x-goog-api-key:")],
)
def test_one_header_twice_with_different_keys_is_refused(rig: Rig, shape: Shape, header: str) -> None:
    lines = (f"{header} {rig.account.key}", f"{header} {PLANTED}")
    for order in (lines, lines[::-1]):
        answer = rig.send(with_headers(shape, *order))
        assert (answer.status, answer.headers["faregate-refusal"]) == (400, "malformed_request")
        rig.untouched()


def test_the_same_key_in_two_places_is_one_key(rig: Rig) -> None:
    account = rig.customer()
    lines = (f"Authorization: Bearer {account.key}", f"x-api-key: {account.key}")
    assert rig.send(with_headers(MESSAGES, *lines)).status == 200
    [seen] = rig.provider.seen
    assert account.key not in str(seen)
    assert "authorization" not in seen.headers
    assert seen.headers["x-api-key"] == UPSTREAM_KEY


def test_a_key_in_the_query_works_where_the_provider_has_it_and_goes_no_further(rig: Rig) -> None:
    account = rig.customer()
    path = f"{GENERATE.path}?alt=json&key={account.key}&x=1"
    answer = rig.send(with_headers(GENERATE, "X-Nothing: 1", path=path))
    assert answer.status == 200
    [seen] = rig.provider.seen
    assert seen.line.split()[1] == f"{GENERATE.path.removeprefix('/gemini')}?alt=json&x=1"
    assert account.key not in str(seen)
    for two in (f"key={account.key}&key={PLANTED}", f"k%65y={PLANTED}&key={account.key}"):
        rig.provider.seen.clear()
        refused(
            rig,
            GENERATE,
            with_headers(GENERATE, "X-Nothing: 1", path=f"{GENERATE.path}?{two}"),
            400,
            "malformed_request",
        )


@pytest.mark.parametrize("name", ["key", "api_key", "api-key", "access_token"])
def test_a_key_in_the_query_opens_nothing_elsewhere(rig: Rig, name: str) -> None:
    key = rig.account.key
    path = f"{CHAT.path}?{name}={key}"
    refused(rig, CHAT, with_headers(CHAT, "X-Nothing: 1", path=path), 401, "invalid_key")
    account = rig.customer()
    assert rig.send(CHAT.request(account.key, path=f"{CHAT.path}?{name}={account.key}&a=b")).status == 200
    [seen] = rig.provider.seen
    assert seen.line.split()[1] == "/v1/chat/completions?a=b"
    assert account.key not in str(seen)


@pytest.mark.parametrize(
    "listed",
    ["authorization, x-api-key", "Authorization", "x-api-key, x-goog-api-key, content-type", "close, authorization"],
)
@EACH
def test_connection_cannot_strip_our_credentials(rig: Rig, shape: Shape, listed: str) -> None:
    account = rig.customer()
    assert rig.send(shape.request(account.key, extra=f"Connection: {listed}\r\n")).status == 200
    [seen] = rig.provider.seen
    name, _, value = shape.key_header.format(UPSTREAM_KEY).partition(": ")
    assert seen.headers[name.lower()] == value
    assert account.key not in str(seen)


def test_what_belongs_to_one_hop_or_to_us_is_not_forwarded(rig: Rig) -> None:
    account = rig.customer()
    extra = (
        "Cookie: session=1\r\nProxy-Authorization: Basic eA==\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\n"
        "TE: trailers\r\nKeep-Alive: 1\r\nX-Api-Key: junk\r\nApi-Key: junk\r\nFaregate-Call-Id: call_1\r\nX-Hop: 1\r\n"
        "Connection: x-hop\r\nOpenAI-Organization: org-mine\r\nX-Kept: yes\r\nVia: 1.1 x\r\nX-Real-IP: 1.2.3.4\r\n"
    )
    assert rig.send(CHAT.request(account.key, extra=extra)).status == 200
    [seen] = rig.provider.seen
    assert set(seen.headers) == {
        "host",
        "authorization",
        "content-type",
        "content-length",
        "x-kept",
        "accept-encoding",
    } - ({"accept-encoding"} - set(seen.headers))


@EACH
def test_a_revoked_an_expired_and_a_narrow_key_are_refused(rig: Rig, shape: Shape) -> None:
    desk = rig.desk
    soon = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
    revoked, expired = desk.account(), desk.account(expires=soon)
    billing, elsewhere = (
        desk.account(scopes=["billing:read"]),
        desk.account(integrations=["openai" if shape is not CHAT else "gemini"]),
    )
    rig.secrets += [account.key for account in (revoked, expired, billing, elsewhere)]
    desk.ask("POST", f"/keys/{revoked.key_id}/revoke")
    time.sleep(0.5)
    refused(rig, shape, shape.request(revoked.key), 401, "invalid_key")
    refused(rig, shape, shape.request(expired.key), 401, "key_expired")
    refused(rig, shape, shape.request(billing.key), 403, "key_scope")
    refused(rig, shape, shape.request(elsewhere.key), 403, "key_scope")
    for account in (revoked, expired, billing, elsewhere):
        assert desk.charges(account) == []


@EACH
def test_a_key_for_other_models_and_a_suspended_tenant_are_refused(rig: Rig, shape: Shape) -> None:
    desk = rig.desk
    narrow, suspended = desk.account(models=["some-other-model"]), desk.account()
    rig.secrets += [narrow.key, suspended.key]
    desk.ask("POST", f"/tenants/{suspended.id}/suspend")
    refused(rig, shape, shape.request(narrow.key), 403, "model_not_allowed")
    answer = refused(rig, shape, shape.request(suspended.key), 402, "suspended")
    assert b"top_up_url" not in answer.body
    assert desk.last_call(suspended)["refusal"] == "suspended"
    desk.ask("POST", f"/tenants/{suspended.id}/resume")
    assert rig.send(shape.request(suspended.key)).status == 200


@EACH
def test_a_wallet_without_money_is_refused_in_full(rig: Rig, shape: Shape) -> None:
    poor = rig.desk.account("0")
    rig.secrets.append(poor.key)
    answer = refused(rig, shape, shape.request(poor.key), 402, "balance_exhausted")
    assert {"balance", "held", "needed", "top_up_url"} <= answer.json["error"].keys()
    assert rig.desk.charges(poor) == []
