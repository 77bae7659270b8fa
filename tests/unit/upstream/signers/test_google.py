"""A token of a service account is fetched once, renewed ahead of its end, and its failures name no secret."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from doubles.acme import HandClock
from google.auth import jwt

from proxy.clock import MICROS_PER_SECOND
from proxy.errors import BadConfig, Refused
from proxy.providers.signing import Credentials, Signing
from proxy.upstream.signers.google import GoogleSigner


class Tokens:
    """An endpoint that gives out tokens."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.status, self.life_s, self.url = 200, 3600, ""


@pytest.fixture
def tokens() -> Iterator[Tokens]:
    found = Tokens()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            found.asked.append(jwt.decode(form["assertion"][0], verify=False))
            answer = {"access_token": f"ya29.{len(found.asked)}", "expires_in": found.life_s, "token_type": "Bearer"}
            if found.status != 200:
                answer = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            body = json.dumps(answer).encode()
            self.send_response(found.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}/token"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kinds = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*kinds).decode()


@pytest.fixture
def account(tokens: Tokens, private_key: str, tmp_path: Path) -> Path:
    content = {
        "type": "service_account",
        "client_email": "faregate@acme.iam.gserviceaccount.com",
        "private_key_id": "k1",
        "private_key": private_key,
        "token_uri": tokens.url,
    }
    path = tmp_path / "account.json"
    path.write_text(json.dumps(content))
    return path


class WallClock(HandClock):
    """A clock that begins at the machine's time, by which google-auth reckons."""

    def __init__(self) -> None:
        super().__init__()
        self.micros = int(time.time() * MICROS_PER_SECOND)


def signer(source: object, clock: HandClock | None = None) -> GoogleSigner:
    return GoogleSigner(Signing("acme", "google", "", Credentials(source=str(source))), clock or WallClock())


async def test_one_token_serves_all_calls(tokens: Tokens, account: Path) -> None:
    own = await asyncio.to_thread(signer, account)
    own.begin()
    for _ in range(3):
        assert await own.sign() == [("authorization", "Bearer ya29.1")]
    (asked,) = tokens.asked
    assert asked["iss"] == "faregate@acme.iam.gserviceaccount.com"
    assert asked["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    await own.close()


async def test_it_is_renewed_ten_minutes_before_its_end(tokens: Tokens, account: Path) -> None:
    clock = WallClock()
    own = await asyncio.to_thread(signer, account, clock)
    await own.sign()
    clock.seconds = 3600 - 600 - 30
    await own.sign()
    assert len(tokens.asked) == 1
    clock.seconds = 3600 - 600 + 1
    assert await own.sign() == [("authorization", "Bearer ya29.1")]  # nobody waits for the new one
    clock.seconds = 3600
    assert await own.sign() == [("authorization", "Bearer ya29.2")]
    await own.close()


async def test_a_short_lived_token_is_renewed_half_way(tokens: Tokens, account: Path) -> None:
    tokens.life_s = 120
    clock = WallClock()
    own = await asyncio.to_thread(signer, account, clock)
    await own.sign()
    clock.seconds = 40
    await own.sign()
    assert len(tokens.asked) == 1
    clock.seconds = 89
    assert len(await own.sign()) == 1
    await own.close()
    clock.seconds = 91
    assert await own.sign() != [("authorization", "Bearer ya29.1")]
    await own.close()


async def test_a_refusal_is_told_without_the_key(
    tokens: Tokens, account: Path, private_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    tokens.status = 400
    own = await asyncio.to_thread(signer, account)
    with pytest.raises(Refused, match="no credentials for acme"):
        await own.sign()
    (told,) = [record.getMessage() for record in caplog.records if record.name == "faregate.signers"]
    assert "RefreshError" in told
    assert "invalid_grant" in told
    assert private_key.splitlines()[1] not in told
    await own.close()


async def test_an_endpoint_that_is_not_there_refuses_calls(account: Path) -> None:
    own = await asyncio.to_thread(signer, account)
    own._credentials._token_uri = "http://127.0.0.1:1/token"
    with pytest.raises(Refused):
        await own.sign()
    await own.close()


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"type": "service_account"}'])
def test_a_file_that_holds_no_credentials_is_told_at_the_start(text: str, tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    path.write_text(text)
    with pytest.raises(BadConfig, match=r"providers\.acme\.credentials is '.*': the file holds no service account"):
        signer(path)


def test_a_machine_without_credentials_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(BadConfig, match="is 'default': this machine has none"):
        signer("default")


def test_a_machines_own_credentials_are_found(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    assert signer("default")._credentials.service_account_email == "faregate@acme.iam.gserviceaccount.com"
