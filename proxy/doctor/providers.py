"""The way to the providers, walked as a call would: name, connection, certificate, and whether our key is taken.

What is asked is the `probe` of the provider's file, a free request. Where a file has none, no key is sent.
"""

import os
import socket
import ssl
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct

from proxy.clock import MICROS_PER_SECOND, Clock
from proxy.doctor.examine import in_thread
from proxy.doctor.finding import Finding, failed, ok, skipped, warning
from proxy.errors import BadConfig, Refusal, Refused
from proxy.loading.credentials import own_of
from proxy.loading.providers import Provider
from proxy.loading.settings import ProviderSettings
from proxy.providers.integration import Integration, Policy
from proxy.upstream.door import Outbound
from proxy.upstream.signers.door import make_signer

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
    integration = provider.switch_on(chosen.api_key, str(chosen.upstream), Policy(), own_of(chosen))
    origin = probed(provider, integration)[0]
    parts = urlsplit(origin)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        await in_thread(lambda: socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM))
    except OSError as error:
        text = f"{parts.hostname} has no address ({error.strerror})"
        return failed(name, text, f"check providers.{provider.name}.upstream, and this machine's name servers")
    try:
        return await _ask(name, provider, integration, way)
    except BadConfig as error:
        text, _, remedy = str(error).partition("; ")
        return failed(name, text, remedy)
    except Refused:
        text = "requests cannot be signed: no credentials could be fetched"
        return failed(name, text, f"see the line about it above, and check providers.{provider.name}.credentials")
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


def probed(provider: Provider, integration: Integration) -> tuple[str, str, str]:
    """Return the origin that the probe goes to, its path, and what the provider calls itself there in signatures."""
    path = provider.probe.path if provider.probe is not None else "/"
    found = integration.find("GET", path)
    place = integration.places.get(integration.place(*found)) if isinstance(found, tuple) else None
    if place is None:
        return integration.origin, path, integration.sign_as
    return place.origin, path, place.sign_as or integration.sign_as


async def _proof(provider: Provider, integration: Integration, way: Way) -> Mapping[str, str]:
    """Return the headers of the probe, with what proves that it is ours. Raises BadConfig or Refused."""
    if provider.probe is None:
        return {}
    if integration.signing is None:
        name, value = integration.key_out.of(integration.api_key)
        return {**provider.probe.headers, name: value}
    origin, path, sign_as = probed(provider, integration)
    asked = Outbound(integration.name, "GET", path, list(provider.probe.headers.items()), b"")
    signing = integration.signing
    signer = await in_thread(lambda: make_signer(signing, way.clock))
    try:
        return {**provider.probe.headers, **dict(await signer.sign(asked, origin, sign_as))}
    finally:
        await signer.close()


async def _ask(name: str, provider: Provider, integration: Integration, way: Way) -> Finding:
    probe = provider.probe
    origin, path, _ = probed(provider, integration)
    headers = await _proof(provider, integration, way)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=way.connect_s)
    connector = aiohttp.TCPConnector(ssl=way.trust)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
        began = way.clock.monotonic()
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
            what = f"{setting}.api_key" if provider.signer is None else f"{setting}.api_key, or its credentials,"
            remedy = f"set {what} to a key that the provider takes, and run `faregate reload`"
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
