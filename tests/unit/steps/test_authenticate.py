"""A key is taken from where the provider's SDKs put it, and tells who pays."""

from ipaddress import ip_network

import pytest
from doubles.acme import HOLDER, HandClock, make_head, make_integration, make_route
from doubles.books import NOW
from msgspec import structs

from proxy.calls.head import Head
from proxy.errors import Refusal, Refused
from proxy.providers.route import Route
from proxy.steps.authenticate import authenticate
from proxy.tenants.key import KeyHolder, hash_secret

EVERYWHERE = ("bearer", "token", "bare", "header:x-api-key", "header:api-key", "query:key")
OTHER = KeyHolder(structs.replace(HOLDER.key, id="key_other"), HOLDER.tenant)


class Keys:
    """A directory of two keys: `fg-known`, and a second one."""

    def __init__(self, holder: KeyHolder = HOLDER) -> None:
        self._holders = {hash_secret("fg-known"): holder, hash_secret("fg-other"): OTHER}
        self.asked: list[str] = []
        self.uses: list[tuple[str, int]] = []

    async def holder(self, secret_hash: str) -> KeyHolder | None:
        self.asked.append(secret_hash)
        return self._holders.get(secret_hash)

    def used(self, key: str, at: int) -> None:
        self.uses.append((key, at))


def route(*places: str, query: str = "") -> Route:
    return make_route(query=query, integration=make_integration(key_in=places))


SIGNED = (
    "AWS4-HMAC-SHA256 SignedHeaders=host;x-amz-date, Credential=fg-known/20261121/us-east-1/acme/aws4_request, "
    "Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024"
)


@pytest.mark.parametrize(
    ("places", "headers", "query"),
    [
        (("bearer",), [("Authorization", "Bearer fg-known")], ""),
        (("bearer",), [("authorization", "  bearer   fg-known ")], ""),
        (("header:x-api-key",), [("Authorization", "Bearer fg-known")], ""),  # a Bearer is taken everywhere
        (("token",), [("Authorization", "Token fg-known")], ""),
        (("bare",), [("Authorization", "fg-known")], ""),
        (("header:x-api-key",), [("X-Api-Key", " fg-known ")], ""),
        (("header:xi-api-key",), [("XI-API-KEY", "fg-known")], ""),
        (("query:key",), [], "alt=sse&key=fg-known"),
        (("query:key",), [], "%6bey=fg%2Dknown"),
        (("sigv4",), [("Authorization", SIGNED)], ""),
        (("sigv4",), [("Authorization", SIGNED.replace(", ", ","))], ""),
        (("sigv4", "bearer"), [("Authorization", "Bearer fg-known")], ""),
        # The same key twice is one key.
        (EVERYWHERE, [("Authorization", "Bearer fg-known"), ("x-api-key", "fg-known")], "key=fg-known"),
        # An empty place is no key.
        (EVERYWHERE, [("Authorization", "Bearer fg-known"), ("x-api-key", "")], "key="),
    ],
)
async def test_finds_the_holder(places: tuple[str, ...], headers: list[tuple[str, str]], query: str) -> None:
    holder = await authenticate(make_head("/", *headers), route(*places, query=query), Keys(), HandClock())
    assert holder is HOLDER


@pytest.mark.parametrize(
    ("places", "headers", "query", "refusal", "said"),
    [
        (EVERYWHERE, [], "", Refusal.INVALID_KEY, "No key was sent. Give your Faregate key as the API key of acme."),
        (("bearer",), [("Authorization", "Token fg-known")], "", Refusal.INVALID_KEY, "No key was sent"),
        (("bearer",), [("Authorization", "fg-known")], "", Refusal.INVALID_KEY, "No key was sent"),
        (("bearer",), [("Authorization", "Basic fg-known")], "", Refusal.INVALID_KEY, "No key was sent"),
        (("bearer",), [("Authorization", "Bearer ")], "", Refusal.INVALID_KEY, "No key was sent"),
        (("bearer",), [("x-api-key", "fg-known")], "", Refusal.INVALID_KEY, "No key was sent"),
        (("bearer",), [], "key=fg-known", Refusal.INVALID_KEY, "No key was sent"),
        (
            ("bearer",),
            [("Authorization", "Bearer fg-nobody")],
            "",
            Refusal.INVALID_KEY,
            "not known here, or was revoked. A provider's own key does not work here: ask",
        ),
        (
            EVERYWHERE,
            [("Authorization", "Bearer fg-known"), ("x-api-key", "fg-other")],
            "",
            Refusal.MALFORMED_REQUEST,
            "two different keys",
        ),
        (
            EVERYWHERE,
            [("Authorization", "Bearer fg-known"), ("Authorization", "Bearer fg-other")],
            "",
            Refusal.MALFORMED_REQUEST,
            "two different keys",
        ),
        (EVERYWHERE, [("x-api-key", "fg-known")], "key=sk-own", Refusal.MALFORMED_REQUEST, "two different keys"),
    ],
)
async def test_refuses(
    places: tuple[str, ...], headers: list[tuple[str, str]], query: str, refusal: Refusal, said: str
) -> None:
    with pytest.raises(Refused) as caught:
        await authenticate(make_head("/", *headers), route(*places, query=query), Keys(), HandClock())
    assert caught.value.refusal is refusal
    assert said in caught.value.message
    assert "fg-" not in caught.value.message


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"revoked_at": NOW}, Refusal.INVALID_KEY),
        ({"revoked_at": NOW - 1, "expires_at": NOW - 1}, Refusal.INVALID_KEY),
        ({"expires_at": NOW}, Refusal.KEY_EXPIRED),
        ({"revoked_at": NOW + 1, "expires_at": NOW + 1}, None),
        ({"revoked_at": NOW + 1, "expires_at": NOW}, Refusal.KEY_EXPIRED),
    ],
)
async def test_a_key_ends_at_its_time(changes: dict[str, int], refusal: Refusal | None) -> None:
    ended = KeyHolder(structs.replace(HOLDER.key, **changes), HOLDER.tenant)
    head = make_head("/", ("authorization", "Bearer fg-known"))
    if refusal is None:
        assert await authenticate(head, route("bearer"), Keys(ended), HandClock()) is ended
        return
    with pytest.raises(Refused) as caught:
        await authenticate(head, route("bearer"), Keys(ended), HandClock())
    assert caught.value.refusal is refusal


async def test_unknown_and_revoked_are_told_the_same() -> None:
    said = []
    for holder, secret in (
        (HOLDER, "fg-nobody"),
        (KeyHolder(structs.replace(HOLDER.key, revoked_at=1), HOLDER.tenant), "fg-known"),
    ):
        with pytest.raises(Refused) as caught:
            await authenticate(
                make_head("/", ("authorization", f"Bearer {secret}")), route("bearer"), Keys(holder), HandClock()
            )
        said.append(caught.value.message)
    assert said[0] == said[1]


async def test_the_directory_never_sees_the_secret() -> None:
    keys = Keys()
    await authenticate(make_head("/", ("authorization", "Bearer fg-known")), route("bearer"), keys, HandClock())
    assert keys.asked == [hash_secret("fg-known")]


@pytest.mark.parametrize(
    ("address", "passes"), [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("192.0.2.1", False), ("", False)]
)
async def test_a_key_may_be_bound_to_networks(address: str, passes: bool) -> None:
    bound = KeyHolder(structs.replace(HOLDER.key, networks=("10.0.0.0/8", "2001:db8::/32")), HOLDER.tenant)
    keys = Keys(bound)
    head = Head("POST", "/", "", (("authorization", "Bearer fg-known"),), address)
    if passes:
        assert await authenticate(head, route("bearer"), keys, HandClock()) is bound
        return
    with pytest.raises(Refused, match=r"may not be used from (192\.0\.2\.1|an unknown address)") as caught:
        await authenticate(head, route("bearer"), keys, HandClock())
    assert caught.value.refusal is Refusal.KEY_SCOPE
    assert keys.uses == []


async def test_a_proxy_of_our_own_says_where_a_call_comes_from() -> None:
    bound = KeyHolder(structs.replace(HOLDER.key, networks=("192.0.2.0/24",)), HOLDER.tenant)
    headers = (("authorization", "Bearer fg-known"), ("X-Forwarded-For", "192.0.2.9"))
    head = Head("POST", "/", "", headers, "10.0.0.1")
    ours = (ip_network("10.0.0.0/8"),)
    assert await authenticate(head, route("bearer"), Keys(bound), HandClock(), ours) is bound
    with pytest.raises(Refused, match=r"may not be used from 10\.0\.0\.1"):
        await authenticate(head, route("bearer"), Keys(bound), HandClock())


async def test_a_use_is_noted_and_a_refused_one_is_not() -> None:
    keys, head = Keys(), make_head("/", ("authorization", "Bearer fg-known"))
    await authenticate(head, route("bearer"), keys, HandClock())
    assert keys.uses == [(HOLDER.key.id, NOW)]
    ended = Keys(KeyHolder(structs.replace(HOLDER.key, expires_at=NOW), HOLDER.tenant))
    with pytest.raises(Refused):
        await authenticate(head, route("bearer"), ended, HandClock())
    assert ended.uses == []


@pytest.mark.parametrize(
    ("places", "value"),
    [
        (("bearer", "bare"), SIGNED),  # a provider that takes no signatures
        (("sigv4",), "AWS4-HMAC-SHA256 Credential=fg-known, Signature=x"),
        (("sigv4",), "AWS4-HMAC-SHA256 XCredential=fg-known/2026/x"),
        (("sigv4",), "AWS4-HMAC-SHA256"),
        (("sigv4",), SIGNED.replace("fg-known", "fg-unknown")),
    ],
)
async def test_what_is_no_key_of_a_signature(places: tuple[str, ...], value: str) -> None:
    with pytest.raises(Refused) as refused:
        await authenticate(make_head("/", ("Authorization", value)), route(*places), Keys(), HandClock())
    assert refused.value.refusal is Refusal.INVALID_KEY
