"""One request to a server on this machine, as short as can be."""

import json
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any

from msgspec import Struct

from proxy.loading.values import Address

TIMEOUT_S = 5.0


class Reply(Struct, frozen=True):
    """What was answered: the status, the name of the software, the JSON document or None, the text."""

    status: int
    software: str
    document: Any
    text: str = ""


def ask(at: Address, path: str, token: str = "", *, tls: bool = False) -> Reply:
    """Make one GET request. Raises OSError if nothing answers there, or nothing that speaks HTTP."""
    place = at.reachable
    connection: HTTPConnection
    if tls:
        anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it is asked who it is, and told nothing
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection(place.host, place.port, timeout=TIMEOUT_S, context=anyone)
    else:
        connection = HTTPConnection(place.host, place.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        body = answer.read()
        return Reply(answer.status, answer.getheader("Server", ""), _document(body), body.decode("utf-8", "replace"))
    except HTTPException as error:
        raise OSError(f"it does not speak HTTP ({type(error).__name__})") from error
    finally:
        connection.close()


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
