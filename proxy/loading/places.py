"""Files and folders that settings name: are they there, and may this user read or write them?

Each check returns nothing, or raises BadConfig with the rest of a line: `SETTING is VALUE: FAULT; REMEDY`.
"""

import os
import ssl
from pathlib import Path

from proxy.errors import BadConfig


def check_folder(setting: str, path: Path) -> None:
    """Refuse a folder of data files that is not there or cannot be read."""
    if not path.is_dir():
        raise BadConfig(f"{setting} is {str(path)!r}: there is no such folder; create it or correct the path")
    if not os.access(path, os.R_OK | os.X_OK):
        raise BadConfig(f"{setting} is {str(path)!r}: it cannot be read; let the user who runs faregate read it")


def check_database(path: Path) -> None:
    """Refuse a database file that could neither be opened nor created where it is said to be. Changes nothing."""
    where = f"database is 'sqlite:///{path}'"
    if path.exists() and not path.is_file():
        raise BadConfig(f"{where}: this is no file; name a file in a folder of its own")
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise BadConfig(f"{where}: {folder} is no folder; correct the path")
    for place in (folder, path):
        if place.exists() and not os.access(place, os.W_OK):
            raise BadConfig(f"{where}: {place} cannot be written by this user; give it to the user who runs faregate")


def check_pair(cert: Path, key: Path) -> None:
    """Refuse files that are not a certificate and its private key."""
    load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), cert, key)


def load_pair(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    """Load a certificate and its key into a context, which serves them from its next handshake on.

    Raises BadConfig, saying which of the two files is wrong and how.
    """
    _check_pem("tls.cert", cert, b"-----BEGIN CERTIFICATE-----", "certificate")
    _check_pem("tls.key", key, b"PRIVATE KEY-----", "private key")

    def no_password() -> str:
        raise BadConfig(f"tls.key is {str(key)!r}: it is encrypted; decrypt it with `openssl pkey`, mode 600")

    try:
        context.load_cert_chain(cert, key, no_password)
    except ssl.SSLError as error:
        if error.reason in ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):  # of one kind of key, or of two
            raise BadConfig(
                f"tls.key is {str(key)!r}: it is not the key of the first certificate in {cert}; "
                "name the two that were issued together, and put the server's own certificate first"
            ) from None
        raise BadConfig(
            f"tls.cert is {str(cert)!r}, tls.key {str(key)!r}: OpenSSL cannot load them ({error.reason}); "
            "write both files anew as PEM"
        ) from None


def _check_pem(setting: str, path: Path, mark: bytes, what: str) -> None:
    where = f"{setting} is {str(path)!r}"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadConfig(f"{where}: there is no such file; correct the path") from None
    except OSError as error:
        raise BadConfig(f"{where}: it cannot be read ({error.strerror}); let this user read it") from None
    if mark not in content:
        raise BadConfig(f"{where}: it holds no {what} in PEM form; name the PEM file that does")
