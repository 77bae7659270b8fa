"""Real certificates, judged as OpenSSL judges them."""

import ssl
import time
from pathlib import Path

import pytest
import trustme

from proxy.doctor import certificate
from proxy.loading.settings import ProviderSettings, Settings, Tls
from proxy.loading.values import Domain, Secret

DOMAIN = "ai.example.com"


class Now:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


def house(tls: Tls) -> Settings:
    providers = {"openai": ProviderSettings(api_key=Secret("k")), "off": ProviderSettings()}
    return Settings(base_domain=Domain(DOMAIN), tls=tls, providers=providers)


def test_without_tls_there_is_nothing_to_look_at() -> None:
    assert certificate.validity(Tls(), Now()).state == "skipped"
    assert certificate.names(house(Tls())).state == "skipped"
    assert certificate.chain(Tls()).state == "skipped"


@pytest.mark.parametrize(("days", "state"), [(90.5, "ok"), (21.5, "ok"), (20.5, "warning"), (0.5, "warning")])
def test_the_days_that_are_left(issue, days: float, state: str) -> None:
    found = certificate.validity(issue(DOMAIN, days=days), Now())
    assert found.state == state
    assert f"holds for {int(days)} days more" in found.text
    assert found.remedy == ("" if state == "ok" else "renew it, and run `faregate reload`")


@pytest.mark.parametrize(("days", "said"), [(-1, "certificate has expired"), (400, "certificate is not yet valid")])
def test_a_certificate_out_of_its_time(issue, days: float, said: str) -> None:
    tls = issue(DOMAIN, days=days)
    found = certificate.validity(tls, Now())
    assert (found.state, found.text) == ("failed", f"{tls.cert}: {said}")
    assert certificate.names(house(tls)).state == "skipped", "it is told once"


def test_files_that_do_not_fit(issue, tmp_path: Path) -> None:
    tls = issue(DOMAIN)
    (tmp_path / "other").mkdir()
    other = issue(DOMAIN, folder=tmp_path / "other")
    mixed = Tls(cert=tls.cert, key=other.key)
    found = certificate.validity(mixed, Now())
    assert found.state == "failed"
    assert "it is not the key of the first certificate" in found.text
    assert found.remedy.startswith("name the two that were issued together")
    assert {certificate.names(house(mixed)).state, certificate.chain(mixed).state} == {"skipped"}
    gone = Tls(cert=tmp_path / "none", key=tls.key)
    assert certificate.validity(gone, Now()).text.endswith("there is no such file")


@pytest.mark.parametrize(
    ("named", "state", "text"),
    [
        ((DOMAIN, f"*.{DOMAIN}"), "ok", f"names {DOMAIN} and *.{DOMAIN}"),
        ((DOMAIN, f"openai-proxy.{DOMAIN}"), "ok", "names what is on, but has no wildcard for what you switch on next"),
        ((DOMAIN,), "warning", f"does not name openai-proxy.{DOMAIN}"),
        ((f"*.{DOMAIN}",), "failed", f"does not name {DOMAIN}"),
        (("localhost",), "failed", f"does not name {DOMAIN}, openai-proxy.{DOMAIN}"),
        ((f"*.openai-proxy.{DOMAIN}", DOMAIN), "warning", f"does not name openai-proxy.{DOMAIN}"),
    ],
)
def test_the_names_on_it(issue, named: tuple[str, ...], state: str, text: str) -> None:
    found = certificate.names(house(issue(*named)))
    assert (found.state, found.text.partition("cert.pem ")[2]) == (state, text)
    assert found.remedy.startswith("" if state == "ok" else f"have one issued for {DOMAIN} and *.{DOMAIN}")


def test_who_vouches_for_it(issue, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = issue(DOMAIN)
    found = certificate.chain(tls)
    assert found.state == "warning"
    assert "unable to get local issuer certificate" in found.text
    roots = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(str(roots))
    monkeypatch.setenv("SSL_CERT_FILE", str(roots))
    assert certificate.chain(tls).state == "ok"


def test_a_chain_without_its_middle_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = trustme.CA()
    pair = root.create_child_ca().issue_cert(DOMAIN)
    tls = Tls(cert=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    (tmp_path / "key.pem").write_bytes(pair.private_key_pem.bytes())
    root.cert_pem.write_to_path(str(tmp_path / "roots.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    (tmp_path / "cert.pem").write_bytes(pair.cert_chain_pems[0].bytes())
    assert certificate.chain(tls).state == "warning"
    assert certificate.validity(tls, Now()).state == "ok"
    (tmp_path / "cert.pem").write_bytes(b"".join(each.bytes() for each in pair.cert_chain_pems))
    assert certificate.chain(tls).state == "ok"


def test_a_handshake_shows_the_certificate(issue, authority: trustme.CA) -> None:
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    shown = certificate.shake_hands(issue("a.test", "b.test"), trust, "b.test")
    assert shown["subjectAltName"] == (("DNS", "a.test"), ("DNS", "b.test"))
