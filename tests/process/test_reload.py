"""Files read anew by a server under load: no call fails, each has the price and the provider of its beginning."""

import json
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import trustme
from support.caller import Answer, connect, read_answer
from support.desk import Account, Desk
from support.house import House
from support.shapes import CHAT
from support.upstream import STREAM_END, STREAM_HEAD, Seen, Upstream, chunk, upstream

pytestmark = pytest.mark.process

OLD_KEY, NEW_KEY = "sk-canary-old", "sk-canary-new"
PATIENCE_S = 15.0
RESOLD = ["azure-openai", "litellm-proxy", "openai", "portkey", "pydantic-gateway"]
"""Whose prices change with OpenAI's."""
OWN_RATES = """
integration: openai
source: made up, 2026-11-21
checked: 2026-11-21
per: 1000000
models:
  - match: [{model}]
    rates: [{{usd: {{input_tokens: "{usd}", output_tokens: "{usd}"}}}}]
"""
ACME = """
integration: acme
source: made up, 2026-11-21
hosts: ["https://api.acme.test"]
key: {in: [bearer], out: {header: authorization, value: "Bearer {key}"}}
envelope: openai
endpoints:
  - {name: chat, method: POST, path: /v1/chat, model: {body: model}, reader: openai/chat, bound: openai/chat}
"""


def charge_at(usd: int) -> int:
    """Return what CHAT's answer costs in nano-USD at so many USD for a million tokens of either kind."""
    return 1500 * usd * 1000 * 12 // 10


class Files:
    """The files of a house, which a test rewrites while it runs."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.rates, self.providers = house.folder / "rates", house.folder / "providers"
        for folder in (self.rates, self.providers):
            folder.mkdir()
        house.settings = {"rates_dir": str(self.rates), "providers_dir": str(self.providers)}

    def price(self, usd: int | str) -> None:
        """Let the model cost so many USD for a million tokens of either kind."""
        (self.rates / "own.yaml").write_text(OWN_RATES.format(model=CHAT.model, usd=usd))

    def change(self, **settings: Any) -> None:
        """Rewrite settings in the configuration file."""
        path = self.house.folder / "faregate.yaml"
        path.write_text(json.dumps(json.loads(path.read_text()) | settings))


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """A house that is not started yet; at its end it must have failed on nothing and said no secret."""
    made = Files(House(tmp_path, {}))
    yield made
    assert made.house.stop() == 0, made.house.log
    assert "Traceback" not in made.house.log
    assert "sk-canary" not in made.house.log


def slowly(connection: socket.socket, _: Seen) -> None:
    """Answer as a stream that takes a while."""
    connection.sendall(STREAM_HEAD)
    for event in CHAT.events:
        time.sleep(0.02)
        connection.sendall(chunk(event))
    connection.sendall(STREAM_END)


@pytest.fixture
def old() -> Iterator[Upstream]:
    with upstream(slowly) as provider:
        yield provider


@pytest.fixture
def new() -> Iterator[Upstream]:
    with upstream(slowly) as provider:
        yield provider


def openai(provider: Upstream, key: str) -> dict[str, dict[str, str]]:
    return {"openai": {"api_key": key, "upstream": provider.origin}}


def start(files: Files, provider: Upstream, usd: int = 1) -> tuple[House, Desk]:
    files.house.providers = openai(provider, OLD_KEY)
    files.price(usd)
    house = files.house.start()
    return house, Desk(house)


def ask(house: House, account: Account) -> Answer:
    """Make one streamed call and read its answer."""
    with connect(house.edge) as connection:
        connection.sendall(CHAT.request(account.key, stream=True))
        return read_answer(connection)


def until(truth: Callable[[], bool], house: House) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not truth():
        assert time.monotonic() < deadline, house.log
        time.sleep(0.02)


class Load:
    """Callers that never stop: each makes one streamed call after another and keeps what it was answered."""

    def __init__(self, house: House, account: Account, callers: int) -> None:
        self.answers: list[Answer] = []
        self._house, self._account = house, account
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(callers)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _call(self) -> None:
        while not self._stop.is_set():
            self.answers.append(ask(self._house, self._account))

    def more(self, count: int) -> None:
        """Wait until so many more calls have ended."""
        wanted = len(self.answers) + count
        until(lambda: len(self.answers) >= wanted, self._house)


def reloads(desk: Desk, outcome: str) -> float:
    return desk.metric("faregate_reloads_total", outcome=outcome)


def hang_up(house: House, desk: Desk, outcome: str = "applied") -> None:
    """Send SIGHUP and wait until the reload has ended so."""
    before = reloads(desk, outcome)
    assert house.process is not None
    house.process.send_signal(signal.SIGHUP)
    until(lambda: reloads(desk, outcome) > before, house)


def test_under_load_no_call_fails_and_new_prices_are_for_new_calls(files: Files, old: Upstream, new: Upstream) -> None:
    house, desk = start(files, old)
    account, alone = desk.account("1000"), {}
    with Load(house, account, 6) as load:
        load.more(6)
        for usd in range(2, 8):
            files.price(usd)
            files.change(providers=openai((old, new)[usd % 2], f"{NEW_KEY}-{usd}"))
            if usd % 2:
                assert desk.ask("POST", "/reload")["rates_changed"] == RESOLD
            else:
                hang_up(house, desk)
            after = ask(house, account)
            alone[after.headers["faregate-call-id"]] = charge_at(usd)
            load.more(6)
    answers = load.answers
    assert [answer for answer in answers if answer.status != 200 or not answer.whole] == []
    charges = {each["call"]["id"]: -each["amount_nanos"] for each in desk.settled(account, len(answers) + len(alone))}
    assert set(charges) == {answer.headers["faregate-call-id"] for answer in answers} | set(alone)
    assert {call: charges[call] for call in alone} == alone, "a call that begins after a reload has its prices"
    assert set(charges.values()) == {charge_at(usd) for usd in range(1, 8)}, "and no call has a price in between"
    assert len(old.seen) + len(new.seen) == len(charges)
    keys = [{seen.headers["authorization"][-2:] for seen in provider.seen} for provider in (old, new)]
    assert keys == [{"ld", "-2", "-4", "-6"}, {"-3", "-5", "-7"}], "each key went where it belongs"
    assert reloads(desk, "refused") == 0
    desk.verify()


def test_a_call_keeps_what_it_began_with(files: Files, old: Upstream, new: Upstream) -> None:
    sent, go_on = threading.Event(), threading.Event()

    def waits(connection: socket.socket, _: Seen) -> None:
        connection.sendall(STREAM_HEAD + chunk(CHAT.events[0]))
        sent.set()
        assert go_on.wait(PATIENCE_S)
        connection.sendall(b"".join(map(chunk, CHAT.events[1:])) + STREAM_END)

    house, desk = start(files, old, usd=3)
    account = desk.account()
    old.answer = waits
    with connect(house.edge) as connection:
        connection.sendall(CHAT.request(account.key, stream=True))
        assert sent.wait(PATIENCE_S)
        files.price(5)
        files.change(providers={})
        done = desk.ask("POST", "/reload")
        assert (done["integrations"], done["rates_changed"]) == ([], RESOLD)
        assert ask(house, account).headers["faregate-refusal"] == "unknown_integration"
        desk.ask("PUT", "/margins", {"pct": "900"})
        go_on.set()
        assert read_answer(connection).whole
    [charge] = desk.settled(account)
    assert -charge["amount_nanos"] == charge_at(3), "neither the new rate nor the new margin"
    files.change(providers=openai(new, NEW_KEY))
    assert desk.ask("POST", "/reload")["integrations"] == ["openai"]
    assert ask(house, account).whole
    assert -desk.settled(account, 2)[-1]["amount_nanos"] == charge_at(5) * 10 * 10 // 12
    desk.verify()


@pytest.mark.parametrize("by", ["signal", "command"])
def test_bad_files_change_nothing(files: Files, old: Upstream, by: str) -> None:
    house, desk = start(files, old, usd=2)
    account = desk.account()
    files.price("-1")
    (files.providers / "acme.yaml").write_text(ACME.replace("bearer", "baerer"))
    files.change(providers=openai(old, NEW_KEY), listne="x")
    rates, provider = files.rates / "own.yaml", files.providers / "acme.yaml"
    problems = [
        f"{house.folder}/faregate.yaml: listne is not a setting; did you mean listen?",
        f"{rates}: at models[0].rates[0].usd: '-1' is negative; a price is at least \"0\"",
        f"{provider}: at key.in: 'baerer' is no place for a key; ",
    ]
    if by == "signal":
        hang_up(house, desk, "refused")
        assert f"nothing was reloaded: {problems[0]}" in house.log
    else:
        done = house.run_cli("reload")
        assert (done.returncode, done.stdout) == (1, "")
        error = json.loads(done.stderr)["error"]
        assert error == {"code": "bad_config", "message": f"nothing was reloaded: {problems[0]}"}
    assert ask(house, account).whole
    assert -desk.settled(account)[0]["amount_nanos"] == charge_at(2)
    assert old.seen[-1].headers["authorization"] == f"Bearer {OLD_KEY}"
    mend(house)
    hang_up(house, desk, "refused")
    assert f"nothing was reloaded: {problems[1]}" in house.log
    assert f"nothing was reloaded: {problems[2]}" in house.log
    assert house.run_cli("config", "check").returncode == 1


def mend(house: House) -> None:
    """Take out the setting that there is none of."""
    path = house.folder / "faregate.yaml"
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "listne"}))


def test_a_provider_may_come_and_go(files: Files, old: Upstream) -> None:
    house, desk = start(files, old)
    account = desk.account()
    (files.providers / "acme.yaml").write_text(ACME)
    (files.rates / "acme.yaml").write_text(OWN_RATES.replace("openai", "acme").format(model=CHAT.model, usd=4))
    files.change(providers={"acme": {"api_key": NEW_KEY, "upstream": old.origin}, **openai(old, OLD_KEY)})
    done = house.cli("reload")
    assert done["integrations"] == ["acme", "openai"]
    assert done["providers_changed"] == done["rates_changed"] == ["acme"]
    assert "providers.acme.api_key" in done["settings_changed"]
    with connect(house.edge) as connection:
        connection.sendall(CHAT.request(account.key, stream=True, path="/acme/v1/chat"))
        assert read_answer(connection).whole
    assert -desk.settled(account)[0]["amount_nanos"] == charge_at(4)
    desk.ask("PUT", "/margins", {"pct": "10", "integration": "acme"})
    (files.rates / "acme.yaml").unlink()
    (files.providers / "acme.yaml").unlink()
    files.change(providers=openai(old, OLD_KEY))
    assert house.cli("reload")["integrations"] == ["openai"]
    desk.verify()


def test_what_needs_a_restart_is_named_each_time(files: Files, old: Upstream) -> None:
    house, desk = start(files, old)
    files.change(listen="127.0.0.1:1", limits={"call_age_s_max": 60}, log={"level": "debug", "format": "human"})
    for changed in (["log.level"], []):
        done = desk.ask("POST", "/reload")
        assert done["needs_restart"] == ["limits.call_age_s_max", "listen", "public_url"]
        assert done["settings_changed"] == changed
    assert "changed, but in force only after a restart: limits.call_age_s_max, listen, public_url" in house.log
    assert ask(house, desk.account()).whole


def test_a_signal_before_it_is_ready_is_not_its_end(files: Files, old: Upstream) -> None:
    house, desk = start(files, old)
    assert house.process is not None
    for _ in range(50):
        house.process.send_signal(signal.SIGHUP)
    until(lambda: reloads(desk, "applied") >= 1, house)
    assert ask(house, desk.account()).whole
    assert reloads(desk, "applied") < 10, "signals that come together are one reload"


def test_a_renewed_certificate_is_shown(files: Files, old: Upstream) -> None:
    authority = trustme.CA()
    cert, key = files.house.folder / "cert.pem", files.house.folder / "key.pem"

    def write(*names: str) -> None:
        pair = authority.issue_cert(*names)
        cert.write_bytes(b"".join(each.bytes() for each in pair.cert_chain_pems))
        key.write_bytes(pair.private_key_pem.bytes())

    def shown() -> str:
        trust = ssl.create_default_context()
        authority.configure_trust(trust)
        trust.check_hostname = False
        with (
            socket.create_connection(("127.0.0.1", house.port)) as plain,
            trust.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            certificate = secure.getpeercert()
        assert certificate is not None
        return str(certificate["subjectAltName"][0][1])

    write("one.test")
    files.house.settings = {**files.house.settings, "tls": {"cert": str(cert), "key": str(key)}}
    house, desk = start(files, old)
    assert shown() == "one.test"
    write("two.test")
    hang_up(house, desk)
    assert shown() == "two.test"
    key.write_text("broken")
    hang_up(house, desk, "refused")
    assert shown() == "two.test"
