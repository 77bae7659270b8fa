"""Signatures that AWS's own example values give, over the path as it is sent; keys of the machine when none are set."""

import asyncio
import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest
from botocore.compat import get_current_datetime
from botocore.exceptions import CredentialRetrievalError
from doubles.acme import HandClock

from proxy.errors import BadConfig, Refused
from proxy.providers.signing import Credentials, Signing
from proxy.upstream.door import Outbound
from proxy.upstream.signers.sigv4 import SigV4Signer

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEYS = Credentials("AKIDEXAMPLE", SECRET)
ORIGIN = "https://service.eu-north-1.example.com"


def signer(credentials: Credentials = KEYS) -> SigV4Signer:
    return SigV4Signer(Signing("acme", "sigv4", "eu-north-1", credentials), HandClock())


def request(target: str = "/model/a%3Ab%2Fc/run?x=1", body: bytes = b"{}", *headers: tuple[str, str]) -> Outbound:
    return Outbound("acme", "POST", target, headers, body)


def by_hand(path: str, query: str, headers: dict[str, str], body: bytes, service: str) -> str:
    """Return the signature as AWS describes it, written down without botocore."""
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    asked = "\n".join(["POST", path, query, lines, names, hashlib.sha256(body).hexdigest()])
    stamp = headers["x-amz-date"]
    scope = f"{stamp[:8]}/eu-north-1/{service}/aws4_request"
    told = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(asked.encode()).hexdigest()])
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, told.encode(), hashlib.sha256).hexdigest()
    return f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders={names}, Signature={signature}"


async def test_the_signature_is_what_aws_describes() -> None:
    headers = [("Content-Type", "application/json"), ("X-Amz-Extra", "1"), ("user-agent", "boto")]
    made = dict(await signer().sign(request("/model/a%3Ab%2Fc/run?x=1", b'{"a":1}', *headers), ORIGIN, "acme"))
    signed = {
        "host": "service.eu-north-1.example.com",
        "content-type": "application/json",
        "x-amz-date": made["X-Amz-Date"],
        "x-amz-extra": "1",
    }
    # A path's own escapes are escaped once more.
    expected = by_hand("/model/a%253Ab%252Fc/run", "x=1", signed, b'{"a":1}', "acme")
    assert made == {"X-Amz-Date": signed["x-amz-date"], "Authorization": expected}
    assert made["X-Amz-Date"][:8] == get_current_datetime().strftime("%Y%m%d")


async def test_another_body_path_or_name_has_another_signature() -> None:
    made = {
        dict(await signer().sign(each, ORIGIN, service))["Authorization"]
        for each in (request(), request(body=b"{} "), request("/model/other/run"))
        for service in ("acme", "other")
    }
    assert len(made) == 6


async def test_what_a_caller_signed_with_does_not_get_into_ours() -> None:
    theirs = [("X-Amz-Date", "20000101T000000Z"), ("X-Amz-Security-Token", "theirs"), ("Authorization", "AWS4 x")]
    made = await signer(Credentials("AKIDEXAMPLE", SECRET, "ours")).sign(request("/", b"", *theirs), ORIGIN, "acme")
    assert sorted(name for name, _ in made) == ["Authorization", "X-Amz-Date", "X-Amz-Security-Token"]
    assert dict(made)["X-Amz-Security-Token"] == "ours"
    assert "theirs" not in str(made)
    assert "20000101" not in str(made)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine without any credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return monkeypatch


MACHINE = Credentials(source="default")


def test_a_machine_without_credentials_is_told_at_the_start(machine: Any) -> None:
    with pytest.raises(BadConfig, match="this machine has no AWS credentials; set AWS_PROFILE, give it a role"):
        signer(MACHINE)


def test_a_profile_that_is_not_there_is_told_at_the_start(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(BadConfig, match="nobody"):
        signer(MACHINE)


async def test_the_machines_credentials_sign(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("AWS_ACCESS_KEY_ID", "AKIDMACHINE")
    machine.setenv("AWS_SECRET_ACCESS_KEY", "s")
    machine.setenv("AWS_SESSION_TOKEN", "t")
    own = await asyncio.to_thread(signer, MACHINE)
    own.begin()
    made = dict(await own.sign(request(), ORIGIN, "acme"))
    assert "Credential=AKIDMACHINE/" in made["Authorization"]
    assert made["X-Amz-Security-Token"] == "t"
    await own.close()


class Revoked:
    """Credentials of a machine whose role was taken away."""

    def get_frozen_credentials(self) -> None:
        raise CredentialRetrievalError(provider="role", error_msg="it is gone")


async def test_a_machine_that_fails_later_refuses_calls(caplog: pytest.LogCaptureFixture) -> None:
    own = signer()
    own._own, own._machine = None, Revoked()
    with pytest.raises(Refused, match="no credentials for acme"):
        await own.sign(request(), ORIGIN, "acme")
    (told,) = caplog.messages
    assert told.startswith("no credentials for acme: CredentialRetrievalError: ")
    assert told.endswith("it is gone")
    await own.close()
