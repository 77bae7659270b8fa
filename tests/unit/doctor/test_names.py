import socket

import pytest

from proxy.doctor.names import subdomains
from proxy.loading.settings import ProviderSettings, Settings
from proxy.loading.values import Domain, Origin, Secret

KEYED = ProviderSettings(api_key=Secret("k"))


def house(domain: str, *names: str) -> Settings:
    return Settings(
        base_domain=Domain(domain),
        public_url=Origin(f"http://{domain}:8080"),
        providers={"off": ProviderSettings()} | dict.fromkeys(names, KEYED),
    )


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names that the resolver knows."""
    names: set[str] = set()

    def look_up(host: str, *_: object) -> list[str]:
        if host not in names:
            raise socket.gaierror(-2, "Name or service not known")
        return ["an address"]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return names


async def test_names_that_resolve(known: set[str]) -> None:
    known |= {"openai-proxy.ai.example.com", "gemini-proxy.ai.example.com"}
    found = await subdomains(house("ai.example.com", "openai", "gemini"))
    assert (found.state, found.text) == ("ok", "openai-proxy.ai.example.com, gemini-proxy.ai.example.com resolve")


async def test_names_without_a_record(known: set[str]) -> None:
    known.add("openai-proxy.ai.example.com")
    found = await subdomains(house("ai.example.com", "openai", "b", "c", "d", "e"))
    assert found.state == "warning"
    assert (
        found.text == "b-proxy.ai.example.com, c-proxy.ai.example.com, d-proxy.ai.example.com and 1 more do not resolve"
    )
    assert found.remedy == (
        "add a DNS record for *.ai.example.com, or use the path form as base URL: http://ai.example.com:8080/openai"
    )


async def test_localhost_is_left_to_the_path_form(known: set[str]) -> None:
    found = await subdomains(house("localhost", "openai"))
    assert found.text.startswith("this machine's resolver does not know openai-proxy.localhost")
    assert found.remedy == "use the path form as base URL: http://localhost:8080/openai"
    known.add("openai-proxy.localhost")
    assert (await subdomains(house("localhost", "openai"))).state == "ok"


async def test_nothing_on_has_no_names(known: set[str]) -> None:
    assert (await subdomains(house("localhost"))).state == "skipped"
