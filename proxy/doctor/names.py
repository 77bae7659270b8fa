"""The host names under which integrations are reached: does this machine's resolver know them?

Browsers and curl know `*.localhost` by themselves. The resolvers that SDKs use, Python's and Node's, often do not.
"""

import asyncio
import socket
from functools import partial

from proxy.doctor.examine import in_thread
from proxy.doctor.finding import Finding, ok, skipped, warning
from proxy.loading.settings import Settings

SHOWN = 3


async def subdomains(settings: Settings) -> Finding:
    """Look up `{integration}-proxy.{base_domain}` for everything that is on."""
    name, domain = "host names", settings.base_domain
    on = [each for each, chosen in settings.providers.items() if chosen.enabled]
    if not on:
        return skipped(name, "no integration is on")
    hosts = [f"{each}-proxy.{domain}" for each in on]
    known = await asyncio.gather(*(in_thread(partial(_known, host)) for host in hosts))
    lost = [host for host, there in zip(hosts, known, strict=True) if not there]
    if not lost:
        return ok(name, f"{_few(hosts)} resolve")
    paths = f"{settings.public_url}/{on[0]}"
    if domain == "localhost" or domain.endswith(".localhost"):
        text = f"this machine's resolver does not know {_few(lost)}; curl does, but most SDKs do not"
        return warning(name, text, f"use the path form as base URL: {paths}")
    remedy = f"add a DNS record for *.{domain}, or use the path form as base URL: {paths}"
    return warning(name, f"{_few(lost)} do not resolve", remedy)


def _known(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False


def _few(hosts: list[str]) -> str:
    rest = len(hosts) - SHOWN
    return ", ".join(hosts[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
