"""The certificate of the edge, looked at as a caller does: a handshake in memory, judged by OpenSSL itself."""

import ssl
from collections.abc import Sequence
from typing import Any

from proxy.clock import MICROS_PER_SECOND, Clock
from proxy.doctor.finding import Finding, failed, ok, skipped, warning
from proxy.errors import BadConfig
from proxy.loading.places import load_pair
from proxy.loading.settings import Settings, Tls

DAYS_LEFT = 21
RENEW = "renew it, and run `faregate reload`"
_DAY_S = 86_400
_TURNS = 8
"""More than a handshake has (RFC 8446, section 2)."""


def validity(tls: Tls, clock: Clock) -> Finding:
    """Look at from when to when the certificate holds."""
    name = "certificate"
    if tls.cert is None or tls.key is None:
        return skipped(name, "tls is not set")
    trust = _trusting(tls)
    trust.check_hostname = False
    try:
        shown = shake_hands(tls, trust, "localhost")
    except BadConfig as bad:
        text, _, remedy = str(bad).partition("; ")
        return failed(name, text, remedy)
    except ssl.SSLCertVerificationError as error:
        return failed(name, f"{tls.cert}: {error.verify_message}", RENEW)
    ends = ssl.cert_time_to_seconds(shown["notAfter"])
    days = int((ends - clock.now() / MICROS_PER_SECOND) // _DAY_S)
    text = f"{tls.cert} holds for {days} days more, until {shown['notAfter']}"
    return ok(name, text) if days >= DAYS_LEFT else warning(name, text, RENEW)


def names(settings: Settings) -> Finding:
    """Look at whether the certificate names the hosts that integrations are reached under, also those to come."""
    name, tls, domain = "certificate names", settings.tls, settings.base_domain
    if tls.cert is None:
        return skipped(name, "tls is not set")
    on = [each for each, chosen in settings.providers.items() if chosen.enabled]
    hosts = [str(domain), *(f"{each}-proxy.{domain}" for each in on), f"any-other-proxy.{domain}"]
    trust = _trusting(tls)
    missing = []
    for host in hosts:
        try:
            shake_hands(tls, trust, host)
        except ssl.SSLCertVerificationError as error:
            if error.verify_code != _HOSTNAME_MISMATCH:
                return skipped(name, f"{tls.cert} does not hold")
            missing.append(host)
        except BadConfig:
            return skipped(name, f"{tls.cert} cannot be loaded")
    return _judge_names(name, tls, str(domain), missing, hosts)


def _judge_names(name: str, tls: Tls, domain: str, missing: Sequence[str], hosts: Sequence[str]) -> Finding:
    remedy = f"have one issued for {domain} and *.{domain}"
    if not missing:
        return ok(name, f"{tls.cert} names {domain} and *.{domain}")
    if missing == [hosts[-1]]:
        text = f"{tls.cert} names what is on, but has no wildcard for what you switch on next"
        return ok(name, text)
    text = f"{tls.cert} does not name {', '.join(host for host in missing if host != hosts[-1]) or domain}"
    return failed(name, text, remedy) if domain in missing else warning(name, text, f"{remedy}, or use the path form")


def chain(tls: Tls) -> Finding:
    """Look at whether this machine trusts the certificate, as callers will who were told nothing of it."""
    name = "certificate chain"
    if tls.cert is None:
        return skipped(name, "tls is not set")
    trust = ssl.create_default_context()
    trust.check_hostname = False
    try:
        shake_hands(tls, trust, "localhost")
    except ssl.SSLCertVerificationError as error:
        text = f"no root certificate of this machine vouches for {tls.cert} ({error.verify_message})"
        remedy = "put the intermediate certificates into tls.cert after your own, or have callers trust your authority"
        return warning(name, text, remedy)
    except BadConfig:
        return skipped(name, f"{tls.cert} cannot be loaded")
    return ok(name, f"this machine trusts {tls.cert}")


_HOSTNAME_MISMATCH = 62
"""X509_V_ERR_HOSTNAME_MISMATCH (openssl/x509_vfy.h)."""


def _trusting(tls: Tls) -> ssl.SSLContext:
    """Return a caller who trusts this very certificate, so that nothing but time and names is left to judge."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(tls.cert)
    except (OSError, ssl.SSLError):
        return context  # the files are judged when they are loaded to be shown
    return context


def shake_hands(tls: Tls, trust: ssl.SSLContext, host: str) -> dict[str, Any]:
    """Return the certificate that a caller of `host` is shown.

    Raises ssl.SSLCertVerificationError if he does not believe it, BadConfig if it cannot be shown.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if tls.cert is not None and tls.key is not None:
        load_pair(context, tls.cert, tls.key)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = trust.wrap_bio(down, up, server_hostname=host)
    server = context.wrap_bio(up, down, server_side=True)
    for turn in range(_TURNS):
        try:
            (caller, server)[turn % 2].do_handshake()
        except ssl.SSLWantReadError:
            continue
    return dict(caller.getpeercert() or {})
