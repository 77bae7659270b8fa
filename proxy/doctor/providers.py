"""The way to the providers, walked as a call would: name, connection, certificate, and whether our key is taken.

What is asked is the `probe` of the provider's file, a free request. Where a file has none, no key is sent.
"""

import os
import socket
import ssl
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct

from proxy.clock import MICROS_PER_SECOND, Clock
from proxy.doctor.examine import in_thread
from proxy.doctor.finding import Finding, failed, ok, skipped, warning
from proxy.errors import Refusal
from proxy.loading.providers import Provider
from proxy.loading.settings import ProviderSettings

BODY_BYTES_MAX = 65_536
"""As much of an answer as is looked at to tell why a key was refused."""

Skew = Callable[[str, float], None]


class Way(Struct, frozen=True):
    """What all ways have in common: trust, patience in seconds, the clock, and who is told of clocks that differ."""

    trust: ssl.SSLContext
    connect_s: float
    clock: Clock
    skew: Skew


async def reach(provider: Provider, chosen: ProviderSettings, way: Way) -> Finding:
    """Look at one integration that is on."""
    name = f"provider {provider.name}"
    if chosen.sandboxed:
        return skipped(name, "the built-in sandbox answers for it")
    origin = str(chosen.upstream) or provider.hosts[0]
    parts = urlsplit(origin)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        await in_thread(lambda: socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM))
    except OSError as error:
        text = f"{parts.hostname} has no address ({error.strerror})"
        return failed(name, text, f"check providers.{provider.name}.upstream, and this machine's name servers")
    try:
        return await _ask(name, provider, chosen, origin, way)
    except aiohttp.ClientConnectorCertificateError as error:
        text = f"the certificate of {origin} is not to be trusted ({_reason(error.certificate_error)})"
        return failed(name, text, "check the clock, this machine's root certificates, and what is in between")
    except aiohttp.ClientConnectorError as error:
        text = f"{origin} takes no connection ({os.strerror(error.os_error.errno or 0)})"
        return failed(name, text, "check firewall and upstream")
    except (aiohttp.ClientError, TimeoutError) as error:
        text = f"{origin} does not answer ({type(error).__name__})"
        return failed(name, text, "check firewall and upstream, and the provider's status page")


def _reason(error: Exception) -> str:
    return getattr(error, "verify_message", "") or str(error)


async def _ask(name: str, provider: Provider, chosen: ProviderSettings, origin: str, way: Way) -> Finding:
    probe, headers = provider.probe, {}
    if probe is not None:
        headers = {**probe.headers, provider.key_out.header: provider.key_out.value.replace("{key}", chosen.api_key)}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=way.connect_s)
    connector = aiohttp.TCPConnector(ssl=way.trust)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
        began = way.clock.monotonic()
        path = probe.path if probe is not None else "/"
        async with session.get(origin + path, headers=headers, allow_redirects=False) as answer:
            took_s = way.clock.monotonic() - began
            _compare(answer.headers.get("Date", ""), took_s, origin, way)
            body = b""
            async for piece in answer.content.iter_any():
                body += piece
                if len(body) > BODY_BYTES_MAX:
                    break
            said = f"{origin} answers in {took_s * 1000:.0f} ms"
            if probe is None:
                return ok(name, f"{said}; whether it takes our key was not tried: its file names no probe")
            return judge(name, provider, said, answer.status, body)


def judge(name: str, provider: Provider, said: str, status: int, body: bytes) -> Finding:
    """Tell what an answer to the probe means for calls."""
    setting = f"providers.{provider.name}"
    for error in provider.upstream_errors:
        if status == error.status and error.contains.encode() in body:
            if error.refusal == Refusal.UPSTREAM_FUNDS.code:
                return failed(name, f"{said}: the account is out of money (status {status})", "pay the provider")
            remedy = f"set {setting}.api_key to a key that the provider takes, and run `faregate reload`"
            return failed(name, f"{said} and does not take our key (status {status})", remedy)
    if status < 300:
        return ok(name, f"{said} and takes our key")
    if status < 400:
        return failed(name, f"{said} with a redirect, which no call follows", f"correct {setting}.upstream")
    if status >= 500:
        return warning(name, f"{said} that it has trouble (status {status})", "see the provider's status page")
    if status == 429:
        return warning(name, f"{said} that we ask too often (status 429)", "see the limits of the account")
    text = f"{said}, but not as expected (status {status}): whether it takes our key is not known"
    return warning(name, text, f"check {setting}.upstream, and its probe")


def _compare(date: str, took_s: float, origin: str, way: Way) -> None:
    """Tell how far our clock is ahead of the one that an answer was dated by; that one has whole seconds."""
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return
    way.skew(origin, way.clock.now() / MICROS_PER_SECOND - took_s / 2 - theirs - 0.5)
