"""Files that settings name; certificates and keys that do not fit are in tests/bad_configuration."""

import os
import ssl
from pathlib import Path

import pytest
import trustme

from proxy.errors import BadConfig
from proxy.loading.places import check_database, check_folder, check_pair, load_pair

SUPERUSER = pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")


def test_a_folder_must_be_there(tmp_path: Path) -> None:
    check_folder("rates_dir", tmp_path)
    for path in (tmp_path / "none", Path("/dev/null")):
        with pytest.raises(BadConfig, match=f"^rates_dir is '{path}': there is no such folder; create it or correct"):
            check_folder("rates_dir", path)


def test_a_database_may_be_made_or_be_there(tmp_path: Path) -> None:
    check_database(tmp_path / "not" / "yet" / "books.db")
    check_database(Path("var/books.db"))
    (tmp_path / "books.db").touch()
    check_database(tmp_path / "books.db")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["books.db"], "nothing is made by looking"


def test_a_database_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadConfig, match=r"file/books\.db': .*/file is no folder; correct the path$"):
        check_database(tmp_path / "file" / "books.db")
    with pytest.raises(BadConfig, match=r"': this is no file; name a file in a folder of its own$"):
        check_database(tmp_path)


@SUPERUSER
@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_database_that_may_not_be_written(tmp_path: Path, what: str) -> None:
    path = tmp_path / "books.db"
    path.touch()
    (tmp_path if what == "folder" else path).chmod(0o500)
    with pytest.raises(BadConfig, match=r"cannot be written by this user; give it to the user who runs faregate$"):
        check_database(path)
    tmp_path.chmod(0o700)


@SUPERUSER
def test_what_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "rates").mkdir(mode=0o300)
    with pytest.raises(BadConfig, match="it cannot be read; let the user who runs faregate read it"):
        check_folder("rates_dir", tmp_path / "rates")
    (tmp_path / "key.pem").touch(mode=0o200)
    with pytest.raises(BadConfig, match=r"it cannot be read \(Permission denied\); let this user read it"):
        check_pair(tmp_path / "key.pem", tmp_path / "key.pem")


def write(folder: Path, name: str, authority: trustme.CA) -> tuple[Path, Path]:
    pair = authority.issue_cert(name)
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    cert.write_bytes(b"".join(each.bytes() for each in pair.cert_chain_pems))
    key.write_bytes(pair.private_key_pem.bytes())
    return cert, key


def test_a_pair_can_be_loaded_again_into_a_context_in_use(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for name in ("one.test", "two.test"):
        cert, key = write(tmp_path, name, authority)
        check_pair(cert, key)
        load_pair(context, cert, key)
        assert served(context, authority) == name


def served(context: ssl.SSLContext, authority: trustme.CA) -> str:
    """Return the name on the certificate that a server with this context shows."""
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    trust.check_hostname = False
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(up, down, server_side=True)
    client = trust.wrap_bio(down, up)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    certificate = client.getpeercert()
    assert certificate is not None
    return str(certificate["subjectAltName"][0][1])


def test_a_damaged_certificate_is_named(tmp_path: Path) -> None:
    cert, key = write(tmp_path, "one.test", trustme.CA())
    cert.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(BadConfig, match=r"OpenSSL cannot load them \(.+\); write both files anew as PEM$") as caught:
        check_pair(cert, key)
    assert str(cert) in str(caught.value)
