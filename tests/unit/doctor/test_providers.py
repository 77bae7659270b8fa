"""Providers on real sockets: plain, with TLS, gone, slow, and with every kind of answer to a probe."""

import ssl
import time
from email.utils import formatdate
from typing import Any

import pytest
import trustme
from msgspec import structs

from proxy.doctor.providers import Way, reach
from proxy.loading.catalogue import load_catalogue
from proxy.loading.provider_file import Probe
from proxy.loading.providers import Provider
from proxy.loading.settings import ProviderSettings
from proxy.loading.values import SANDBOX, Secret, Upstream

ANTHROPIC, GEMINI, OPENAI = (load_catalogue().providers[name] for name in ("anthropic", "gemini", "openai"))
KEY = "sk-very-secret"


class Now:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
def ahead() -> dict[str, float]:
    """By how much our clock was found to be ahead."""
    return {}


@pytest.fixture
def way(ahead: dict[str, float]) -> Way:
    return Way(ssl.create_default_context(), 2.0, Now(), ahead.__setitem__)


def at(origin: str) -> ProviderSettings:
    return ProviderSettings(api_key=Secret(KEY), upstream=Upstream(origin))


def plain(site: Any) -> ProviderSettings:
    return at(f"http://127.0.0.1:{site.port}")


async def test_a_provider_that_takes_our_key(site, way: Way) -> None:
    found = await reach(OPENAI, plain(site), way)
    assert (found.check, found.state) == ("provider openai", "ok")
    assert found.text.startswith(f"http://127.0.0.1:{site.port} answers in ")
    assert found.text.endswith(" ms and takes our key")
    [(path, headers)] = site.seen
    assert (path, headers["authorization"]) == ("/v1/models", f"Bearer {KEY}")


@pytest.mark.parametrize(
    ("provider", "path", "sent"),
    [
        (ANTHROPIC, "/v1/models", {"x-api-key": KEY, "anthropic-version": "2023-06-01"}),
        (GEMINI, "/v1beta/models", {"x-goog-api-key": KEY}),
    ],
)
async def test_each_key_goes_where_its_file_says(
    site, way: Way, provider: Provider, path: str, sent: dict[str, str]
) -> None:
    await reach(provider, plain(site), way)
    assert site.seen[0][0] == path
    assert {name: site.seen[0][1][name] for name in sent} == sent


@pytest.mark.parametrize(
    ("provider", "status", "body", "state", "said"),
    [
        (OPENAI, 401, b"", "failed", "does not take our key (status 401)"),
        (ANTHROPIC, 403, b"", "failed", "does not take our key (status 403)"),
        (GEMINI, 400, b'{"reason": "API_KEY_INVALID"}', "failed", "does not take our key (status 400)"),
        (GEMINI, 400, b"{}", "warning", "whether it takes our key is not known"),
        (OPENAI, 429, b"insufficient_quota", "failed", "the account is out of money"),
        (OPENAI, 429, b"", "warning", "that we ask too often"),
        (OPENAI, 301, b"", "failed", "with a redirect, which no call follows"),
        (OPENAI, 404, b"", "warning", "not as expected (status 404)"),
        (OPENAI, 503, b"", "warning", "that it has trouble (status 503)"),
        (OPENAI, 204, b"", "ok", "takes our key"),
    ],
)
async def test_what_an_answer_means(
    site, way: Way, provider: Provider, status: int, body: bytes, state: str, said: str
) -> None:
    site.status, site.body = status, body
    site.headers = {"Location": "/elsewhere"} if status == 301 else {}
    found = await reach(provider, plain(site), way)
    assert (found.state, said in found.text, bool(found.remedy)) == (state, True, state != "ok")
    assert len(site.seen) == 1
    assert KEY not in str(found)


async def test_without_a_probe_no_key_is_sent(site, way: Way) -> None:
    site.status = 404
    bare: Any = structs.replace(OPENAI, probe=None)
    found = await reach(bare, plain(site), way)
    assert found.state == "ok"
    assert found.text.endswith("whether it takes our key was not tried: its file names no probe")
    assert KEY not in str(site.seen)


async def test_the_sandbox_is_not_asked(way: Way) -> None:
    found = await reach(OPENAI, ProviderSettings(upstream=Upstream(SANDBOX)), way)
    assert (found.state, found.text) == ("skipped", "the built-in sandbox answers for it")


async def test_a_name_that_nobody_knows(way: Way) -> None:
    found = await reach(OPENAI, at("https://api.openai.invalid"), way)
    assert found.state == "failed"
    assert found.text.startswith("api.openai.invalid has no address (")
    assert "check providers.openai.upstream" in found.remedy


async def test_a_port_that_nobody_listens_on(way: Way) -> None:
    found = await reach(OPENAI, at("http://127.0.0.1:1"), way)
    assert (found.state, found.text) == ("failed", "http://127.0.0.1:1 takes no connection (Connection refused)")


async def test_a_certificate_that_is_not_trusted(secure_site, way: Way, authority: trustme.CA) -> None:
    chosen = at(f"https://localhost:{secure_site.port}")
    found = await reach(OPENAI, chosen, way)
    assert (found.state, secure_site.seen) == ("failed", []), "the key is not shown to a stranger"
    assert "is not to be trusted (unable to get local issuer certificate)" in found.text
    authority.configure_trust(way.trust)
    assert (await reach(OPENAI, chosen, way)).state == "ok"


async def test_an_answer_that_breaks_off(site, way: Way) -> None:
    site.headers = {"Content-Length": "100"}
    site.body = b"short"
    hang_up = {"Connection": "close"}
    site.headers |= hang_up
    found = await reach(OPENAI, plain(site), way)
    assert found.state == "failed"
    assert "does not answer (ClientPayloadError)" in found.text


@pytest.mark.parametrize("wrong_s", [0, 3600, -3600])
async def test_clocks_are_compared(site, way: Way, ahead: dict[str, float], wrong_s: float) -> None:
    site.headers = {"Date": formatdate(time.time() - wrong_s, usegmt=True)}
    await reach(OPENAI, plain(site), way)
    [(origin, found)] = ahead.items()
    assert origin == f"http://127.0.0.1:{site.port}"
    assert abs(found - wrong_s) < 3


@pytest.mark.parametrize("date", ["", "soon"])
async def test_an_answer_without_a_date_tells_nothing(site, way: Way, ahead: dict[str, float], date: str) -> None:
    site.headers = {"Date": date} if date else {}
    await reach(OPENAI, plain(site), way)
    assert ahead == {}


UNPROBED = {
    "assemblyai": "its free routes are of objects that a tenant made",
    "exa": "every route costs",
    "serper": "every route costs",
    "snowflake": "every route costs",
    "tavily": "every route costs, but for one that shows the operator's account",
    "voyage": "every route costs",
    "sagemaker": "every route costs",
    "watsonx": "its free routes need no key",
    "zai": "its free route is no GET",
}


def test_every_built_in_provider_has_a_probe_or_a_reason() -> None:
    for provider in load_catalogue().providers.values():
        probed = isinstance(provider.probe, Probe)
        assert probed or provider.name in UNPROBED, f"{provider.name}: can doctor tell whether its key is taken?"
