from pathlib import Path

import pytest

from proxy.loading.values import Address, Collector, Database, Domain, Names, Networks, Origin, Secret, Upstream, decode


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:8080", "127.0.0.1", 8080), ("localhost:0", "localhost", 0), ("[::1]:65535", "::1", 65535)],
)
def test_address_reads_what_it_writes(text: str, host: str, port: int) -> None:
    address = Address.parse(text)
    assert address == Address(host, port)
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    ["", ":80", "host", "host:", "host:-1", "host:65536", "host:8o", "::1:80", "[::1]", "a b:1", "http://h:1", "h:²"],
)
def test_address_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|port must be"):
        Address.parse(text)


def test_an_any_address_is_reached_on_loopback() -> None:
    assert Address.parse("0.0.0.0:1").reachable == Address("127.0.0.1", 1)
    assert Address.parse("[::]:1").reachable == Address("::1", 1)
    assert Address.parse("10.0.0.1:1").reachable == Address("10.0.0.1", 1)


@pytest.mark.parametrize(
    ("text", "path"),
    [("sqlite:///var/a.db", "var/a.db"), ("sqlite:////srv/a.db", "/srv/a.db"), ("sqlite:///a.db", "a.db")],
)
def test_database(text: str, path: str) -> None:
    database = Database.parse(text)
    assert database.path == Path(path)
    assert str(database) == text
    assert database.token_file == Path(f"{path}.admin-token")


@pytest.mark.parametrize(
    "text",
    ["", "var/a.db", "sqlite://", "sqlite:///", "sqlite:///var/", "sqlite:///:memory:", "mysql:///a", "postgres://h/d"],
)
def test_database_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected sqlite|SQLite only"):
        Database.parse(text)


@pytest.mark.parametrize(
    "text", ["", "http://", "ftp://h", "https://u@h", "https://h/p", "https://h?q", "https://h:x", "h"]
)
def test_origin_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Origin.parse(text)


def test_origin_has_no_slash_at_its_end() -> None:
    assert Origin.parse("https://h:1/") == "https://h:1"
    assert Upstream.parse("sandbox") == "sandbox"
    assert Upstream.parse("http://[::1]:11434") == "http://[::1]:11434"


@pytest.mark.parametrize("text", ["", "a..b", "-a", "a b", "a:80", "ä.de", "a_b", "x" * 64])
def test_domain_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="host name"):
        Domain.parse(text)


def test_secrets_fit_into_a_header() -> None:
    assert Secret.parse("sk-~!") == "sk-~!"
    for text in ("a b", "a\n", "ä", "\x00"):
        with pytest.raises(ValueError, match="printable ASCII"):
            Secret.parse(text)


def test_decode() -> None:
    assert decode(Path, "a/b") == Path("a/b")
    assert decode(Address, "h:1") == Address("h", 1)
    with pytest.raises(ValueError, match="expected text in quotes"):
        decode(Path, 5)


def test_names() -> None:
    names = Names.parse("mine=gpt-5-mini, other = a/b:c ")
    assert names == Names.of({"mine": "gpt-5-mini", "other": "a/b:c"}) == decode(Names, dict(names.stands_for))
    assert Names.parse(str(names)) == names
    assert str(Names()) == ""


@pytest.mark.parametrize("given", ["mine", "mine=", "=gpt-5", "a=b,", {"mine": 5}, {"mine": None}, {"mine": ["x"]}])
def test_names_refuses(given: object) -> None:
    with pytest.raises(ValueError, match="write NAME: MODEL"):
        decode(Names, given)


def test_networks() -> None:
    networks = Networks.parse("10.0.0.0/8,  127.0.0.1, ::1")
    assert str(networks) == "10.0.0.0/8, 127.0.0.1/32, ::1/128"
    assert Networks.parse(str(networks)) == networks
    assert str(Networks()) == ""


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "proxy", "10.0.0.0/8;::1", "10.0.0.0/8,"])
def test_networks_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear|host bits|permitted"):
        Networks.parse(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("https://collector/", "https://collector/v1/traces"),
        ("https://collector/in/traces", "https://collector/in/traces"),
    ],
)
def test_a_collector(text: str, url: str) -> None:
    assert Collector.parse(text) == url


@pytest.mark.parametrize(
    "text", ["collector:4318", "grpc://collector", "http://", "http://me:pw@collector", "http://c?x=1"]
)
def test_no_collector(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Collector.parse(text)
