"""The edge's certificate: which files are good, and which one a connection is shown when they have changed."""

import asyncio
import os
import shutil
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from proxy.errors import BadConfig
from proxy.loading.certificate import Certificate

HOST = "openai-proxy.example.com"
AUTHORITY = trustme.CA()
RSA, ECDSA = (
    AUTHORITY.issue_cert("*.example.com", key_type=kind) for kind in (trustme.KeyType.RSA, trustme.KeyType.ECDSA)
)


def write(folder: Path, leaf: trustme.LeafCert, version: int = 1) -> tuple[Path, Path]:
    """Put a certificate where it is served from, at a time of its own."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    for path in (cert, key):
        os.utime(path, (version, version))
    return cert, key


async def shown(server: asyncio.Server, host: str | None, versions: str = "") -> str:
    """Connect, naming a host or none, and return the kind of key that the server's certificate has."""
    trusted = ssl.create_default_context()
    AUTHORITY.configure_trust(trusted)
    trusted.check_hostname = host is not None
    trusted.set_alpn_protocols(["h2", "http/1.1"])
    if versions:  # TLS 1.2 can be told to take certificates of one kind only
        trusted.maximum_version = ssl.TLSVersion.TLSv1_2
        trusted.set_ciphers(versions)
    port = server.sockets[0].getsockname()[1]
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusted, server_hostname=host or "")
    connection = writer.get_extra_info("ssl_object")
    der = connection.getpeercert(binary_form=True)
    assert connection.selected_alpn_protocol() == "http/1.1"
    writer.close()
    await writer.wait_closed()
    return "EC" if "EC" in type(x509.load_der_x509_certificate(der).public_key()).__name__ else "RSA"


async def serve(certificate: Certificate) -> asyncio.Server:
    return await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=certificate.context)


async def read(folder: Path) -> Certificate:
    return await asyncio.to_thread(Certificate, *write(folder, RSA))


async def test_a_wildcard_serves_every_integration_s_name(tmp_path: Path) -> None:
    async with await serve(await read(tmp_path)) as server:
        for host in (HOST, "anthropic.example.com"):
            assert await shown(server, host) == "RSA"
        for stranger in ("example.com", "a.openai.example.com", "openai.example.org"):
            with pytest.raises(ssl.SSLCertVerificationError):
                await shown(server, stranger)


async def test_a_renewed_certificate_is_shown_to_who_comes_then(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where the kind of its key changes: the old one must not go on being shown to those that would take it."""
    certificate = await read(tmp_path)
    async with await serve(certificate) as server:
        assert [await shown(server, host) for host in (HOST, None)] == ["RSA"] * 2
        assert not await asyncio.to_thread(certificate.changed)
        write(tmp_path, ECDSA, 2)
        assert await asyncio.to_thread(certificate.changed)
        assert await shown(server, HOST) == "RSA"
        with caplog.at_level("INFO"):
            assert await asyncio.to_thread(certificate.renew)
        assert not await asyncio.to_thread(certificate.changed)
        assert [await shown(server, host) for host in (HOST, None)] == ["EC"] * 2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await shown(server, HOST, "ECDHE+aRSA")
    assert f"serving the certificate that {tmp_path / 'cert.pem'} holds now" in caplog.text


async def test_files_that_are_no_pair_change_nothing_and_are_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate = await read(tmp_path)
    cert, key = write(tmp_path, ECDSA, 2)
    key.write_bytes(RSA.private_key_pem.bytes())  # half of a renewal
    async with await serve(certificate) as server:
        assert await asyncio.to_thread(certificate.changed)
        assert not await asyncio.to_thread(certificate.renew)
        assert f"it is not the key of the first certificate in {cert}" in caplog.text
        assert "the earlier certificate stays in use" in caplog.text
        assert not await asyncio.to_thread(certificate.changed)
        assert await shown(server, HOST) == "RSA"
        cert.unlink()
        assert await asyncio.to_thread(certificate.changed)
        assert not await asyncio.to_thread(certificate.renew)
        assert not await asyncio.to_thread(certificate.changed)
        write(tmp_path, ECDSA, 3)
        assert await asyncio.to_thread(certificate.changed)
        assert await asyncio.to_thread(certificate.renew)
        assert await shown(server, HOST) == "EC"


def test_a_key_of_another_kind_is_named(tmp_path: Path) -> None:
    """The other faults of files are in test_places.py and tests/bad_configuration."""
    cert, key = write(tmp_path, RSA)
    key.write_bytes(ECDSA.private_key_pem.bytes())
    with pytest.raises(BadConfig, match="it is not the key of the first certificate in") as error:
        Certificate(cert, key)
    assert str(error.value).startswith(f"tls.key is '{key}'")


def test_other_files_are_served_once_they_are_good(tmp_path: Path) -> None:
    certificate = Certificate(*write(tmp_path, RSA))
    (tmp_path / "other").mkdir()
    with pytest.raises(BadConfig, match="there is no such file"):
        certificate.load(tmp_path / "other" / "cert.pem", tmp_path / "other" / "key.pem")
    assert not certificate.changed()
    other = write(tmp_path / "other", ECDSA)
    certificate.load(*other)
    write(tmp_path, RSA, 5)
    assert not certificate.changed()
    write(tmp_path / "other", ECDSA, 5)
    assert certificate.changed()


def test_one_file_may_hold_both(tmp_path: Path) -> None:
    cert, key = write(tmp_path, RSA)
    both = tmp_path / "both.pem"
    with both.open("wb") as file:
        for part in (key, cert):
            with part.open("rb") as source:
                shutil.copyfileobj(source, file)
    assert not Certificate(both, both).changed()
