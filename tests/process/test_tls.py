"""Faregate's own TLS, as callers use it: the official SDKs at their integration's https name, curl, a renewal."""

import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.front import DOMAIN, Front, certify, front, renew
from support.house import House
from support.sdk import interpreter

pytestmark = pytest.mark.process

RENEWED_WITHIN_S = 15.0
RESOLVE = f"""
import socket
looked_up = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: looked_up(
    "127.0.0.1" if str(host).endswith(".{DOMAIN}") else host, *rest, **more
)
"""
CALLS = {
    "openai": """
from openai import OpenAI
with OpenAI(base_url="https://openai-proxy.{host}/v1", api_key="{key}") as client:
    asked = client.chat.completions.create(model="gpt-5-mini", messages=[{{"role": "user", "content": "Why?"}}])
    print(asked.choices[0].message.content)
""",
    "anthropic": """
from anthropic import Anthropic
with Anthropic(base_url="https://anthropic.{host}", api_key="{key}") as client:
    ask = [{{"role": "user", "content": "Why?"}}]
    with client.messages.stream(model="claude-haiku-4-5", max_tokens=100, messages=ask) as stream:
        print("".join(stream.text_stream))
""",
    "gemini": """
from google import genai
with genai.Client(api_key="{key}", http_options={{"base_url": "https://gemini-proxy.{host}"}}) as client:
    print(client.models.generate_content(model="gemini-2.5-flash", contents="Why?").text)
""",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Front, str]]:
    """A house with a wildcard certificate of its own, what callers meet, and a tenant's key."""
    folder = tmp_path_factory.mktemp("tls")
    authority = certify(folder)
    tls = {"cert": str(folder / "fullchain.pem"), "key": str(folder / "privkey.pem")}
    house = House(folder, {name: {"upstream": "sandbox"} for name in CALLS}, {"base_domain": DOMAIN, "tls": tls})
    house.start()
    try:
        with front("tls", folder, house, authority) as made:
            yield house, made, house.tenant("acme")
        assert house.stop() == 0
        assert "Traceback" not in house.log, house.log
    finally:
        house.stop()


@pytest.mark.parametrize("name", CALLS)
def test_an_official_sdk_at_its_https_name(served: tuple[House, Front, str], name: str) -> None:
    house, edge, key = served
    script = RESOLVE + CALLS[name].format(host=f"{DOMAIN}:{edge.port}", key=key)
    done = subprocess.run(
        [interpreter("latest"), "-W", "ignore", "-c", script],
        env=house.environment | {"SSL_CERT_FILE": str(edge.folder / "authority.pem"), "PYTHONWARNINGS": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert house.settled("acme")["credits_held_micros"] == 0
    assert house.calls("acme")[0]["call"]["integration"] == name


def test_curl(served: tuple[House, Front, str]) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    _, edge, key = served
    host = f"openai-proxy.{DOMAIN}:{edge.port}"
    ask = json.dumps({"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Why?"}]})
    trusting = ["curl", "-sS", "--cacert", edge.folder / "authority.pem", "--resolve", f"{host}:127.0.0.1"]
    done = subprocess.run(
        [*trusting, f"https://{host}/v1/chat/completions", "-H", f"Authorization: Bearer {key}", "-d", ask],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout)["usage"]["completion_tokens"] > 0


def test_plain_http_is_no_call_and_no_fault(served: tuple[House, Front, str]) -> None:
    house, edge, key = served
    with socket.create_connection(("127.0.0.1", edge.port), timeout=10) as connection:
        connection.sendall(f"GET /openai/v1/models HTTP/1.1\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        assert connection.recv(1000) == b""
    assert key not in house.log


def test_a_certificate_that_was_renewed_is_served_without_a_restart(served: tuple[House, Front, str]) -> None:
    house, edge, _ = served

    def number() -> str:
        with edge.connect(f"openai.{DOMAIN}") as connection:
            found = connection.getpeercert()
        assert found is not None
        return str(found["serialNumber"])

    with edge.connect() as kept:
        before = number()
        renew(edge.authority, edge.folder)
        deadline = time.monotonic() + RENEWED_WITHIN_S
        while number() == before:
            assert time.monotonic() < deadline, house.log
            time.sleep(0.2)
        kept.sendall(b"GET /openai/v1/models HTTP/1.1\r\nHost: x\r\n\r\n")  # a connection from before goes on
        assert kept.recv(12) == b"HTTP/1.1 401"
    assert "serving the certificate that" in house.log


def test_a_certificate_that_does_not_fit_ends_the_start_with_what_to_do(tmp_path: Path) -> None:
    certify(tmp_path)
    cert = tmp_path / "fullchain.pem"
    shutil.copy(cert, tmp_path / "first.pem")
    certify(tmp_path)
    house = House(tmp_path, {}, {"tls": {"cert": str(tmp_path / "first.pem"), "key": str(tmp_path / "privkey.pem")}})
    with pytest.raises(AssertionError, match="ended with 1"):
        house.start()
    house.process = None
    assert f"tls.key is '{tmp_path / 'privkey.pem'}': it is not the key of the first certificate in" in house.log
    assert "name the two that were issued together" in house.log


def test_old_versions_of_tls_are_refused(served: tuple[House, Front, str]) -> None:
    _, edge, _ = served
    old = ssl.create_default_context()
    edge.authority.configure_trust(old)
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", edge.port)) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        old.wrap_socket(plain, server_hostname=DOMAIN)
