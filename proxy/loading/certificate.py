"""The edge's certificate: read at the start, and read again when its files change, for connections that come then."""

import logging
from pathlib import Path
from ssl import Purpose, SSLContext, SSLObject, SSLSocket, create_default_context

from proxy.errors import BadConfig
from proxy.loading.places import load_pair

Stamp = tuple[tuple[int, int, int], ...]

_log = logging.getLogger("faregate.tls")


class Certificate:
    """A certificate and its key as files, and the TLS context that serves what they held when they were last good.

    Everything here reads the disk, so it belongs in a thread; connections are served meanwhile.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        """Read the files. Raises BadConfig for files that are no certificate and its key."""
        self.load(cert, key)
        # A context keeps a certificate of each kind of key it was ever given, so one that changes from RSA to ECDSA
        # would go on serving the old one to some. Each connection is moved to the newest context instead.
        self.context = _context(cert, key)
        self.context.sni_callback = self._choose

    def load(self, cert: Path, key: Path) -> None:
        """Serve what these files hold. Raises BadConfig, and then what was served still is."""
        stamp = _stamp(cert, key)
        self._serving = _context(cert, key)
        self._cert, self._key, self._tried = cert, key, stamp

    def changed(self) -> bool:
        """Tell whether the files are others than those that were last tried."""
        return _stamp(self._cert, self._key) != self._tried

    def renew(self) -> bool:
        """Read the files again, and tell whether they are good; if they are not, what was served stays."""
        self._tried = _stamp(self._cert, self._key)
        try:
            self.load(self._cert, self._key)
        except BadConfig as error:
            _log.error("%s; the earlier certificate stays in use", error)
            return False
        _log.info("serving the certificate that %s holds now", self._cert)
        return True

    def _choose(self, connection: SSLObject | SSLSocket, name: str | None, context: SSLContext) -> None:
        """OpenSSL asks for every connection, also for one whose client names no host."""
        del name, context
        connection.context = self._serving


def _context(cert: Path, key: Path) -> SSLContext:
    context = create_default_context(Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    load_pair(context, cert, key)
    return context


def _stamp(*paths: Path) -> Stamp:
    try:
        seen = [path.stat() for path in paths]
    except OSError:  # a file is being replaced just now, or was taken away
        return ()
    return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in seen)
