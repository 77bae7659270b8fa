"""Our side of a WebSocket's opening handshake with a provider (RFC 6455, section 4.1)."""

import asyncio
import base64
import secrets
from collections.abc import Sequence

from aiohttp.http import RawResponseMessage, ws_ext_gen
from aiohttp.http_websocket import WSHandshakeError

from proxy.upstream.connection import Lost
from proxy.upstream.door import Headers
from proxy.websocket import WebSocketLine, accept_value, agreed

KEY_BYTES = 16


class Handshake:
    """What we ask for, and what came of it: `line` once the provider has switched, `chosen` the subprotocol's number.

    A subprotocol may hold our key, so its text is never handed on.
    """

    def __init__(self, protocols: Sequence[str]) -> None:
        self.line: WebSocketLine | None = None
        self.chosen: int | None = None
        self._protocols = protocols
        self._key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()

    @property
    def headers(self) -> Headers:
        """What goes into the request's head."""
        headers = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", self._key),
            ("sec-websocket-extensions", ws_ext_gen()),
        ]
        return [*headers, ("sec-websocket-protocol", ", ".join(self._protocols))] if self._protocols else headers

    def take_over(
        self, stall_s: float, message: RawResponseMessage, transport: asyncio.Transport, lost: Lost
    ) -> WebSocketLine:
        """Take the transport over. Raises ValueError for an answer that does not fit what we have asked."""
        headers = message.headers
        if headers.get("Sec-WebSocket-Accept") != accept_value(self._key):
            raise ValueError("the handshake's answer is to another question")
        protocol = headers.get("Sec-WebSocket-Protocol")
        try:
            deflate = agreed(headers.get("Sec-WebSocket-Extensions", ""))
            chosen = None if protocol is None else self._protocols.index(protocol)
        except WSHandshakeError as error:
            raise ValueError(str(error)) from None
        self.chosen = chosen
        loop = asyncio.get_running_loop()
        self.line = WebSocketLine(loop, transport, deflate, lost, masks=True, stall_s=stall_s)
        return self.line
