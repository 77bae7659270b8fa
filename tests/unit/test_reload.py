"""What a reload reads, what it changes and what it leaves alone; tests/process/test_reload.py does it under load."""

import asyncio
import logging
from typing import Any

import pytest
from msgspec import structs

from proxy.errors import BadConfig, LedgerUnavailable
from proxy.loading.catalogue import Catalogue, load_catalogue
from proxy.loading.settings import Limits, Log, ProviderSettings, Settings, Tls
from proxy.loading.values import Address, Secret
from proxy.pricing.card import RateCard
from proxy.reload import SIGNAL, Facts, Reloader, document, still_running
from proxy.tasks import Tasks
from proxy.tenants.actor import Actor

CATALOGUE = load_catalogue()
KEYED = ProviderSettings(api_key=Secret("sk-very-secret"))
OLD = Settings(providers={"openai": KEYED})


class Bench:
    """A reloader with everything around it made of paper."""

    def __init__(self) -> None:
        self.says: Settings | Exception = OLD
        self.renewed: list[Settings] = []
        self.counted: list[str] = []
        self.noted: list[tuple[Facts, Facts, Actor]] = []
        self.deaf = False
        self.fails: Exception | None = None
        self.reloader = Reloader(OLD, CATALOGUE, self.read, self.renew, self.counted.append, self.note)

    async def note(self, before: Facts, after: Facts, by: Actor) -> None:
        if self.deaf:
            raise LedgerUnavailable("the disk is full")
        self.noted.append((before, after, by))

    def read(self) -> Settings:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def renew(self, settings: Settings, _: Catalogue) -> None:
        if self.fails is not None:
            raise self.fails
        self.renewed.append(settings)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_what_the_files_say_is_put_in_force(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    new = Settings(
        providers={"openai": ProviderSettings(), "gemini": KEYED}, listen=Address("h", 1), warnings=("look",)
    )
    bench.says = new
    with caplog.at_level(logging.INFO):
        done = await bench.reloader.reload()
    assert done.integrations == ("gemini",)
    assert done.settings_changed[-1] == "providers.openai.api_key"
    assert (done.needs_restart, done.rate_card) == (("listen",), CATALOGUE.card.version)
    assert (done.providers_changed, done.rates_changed) == ((), ())
    [running] = bench.renewed
    assert (running.providers, running.listen) == (new.providers, OLD.listen)
    assert bench.reloader.settings is running
    assert bench.counted == ["applied"]
    assert "in force only after a restart: listen" in caplog.text
    assert "look" in caplog.text
    assert "very-secret" not in caplog.text


@pytest.mark.parametrize("error", [BadConfig("a: bad; mend it", "b: bad too"), LedgerUnavailable("the disk is full")])
@pytest.mark.parametrize("where", ["read", "renew"])
async def test_whatever_is_wrong_leaves_all_as_it_was(
    bench: Bench, caplog: pytest.LogCaptureFixture, error: Exception, where: str
) -> None:
    bench.says, bench.fails = (error, None) if where == "read" else (Settings(), error)
    with pytest.raises(type(error)):
        await bench.reloader.reload()
    assert bench.renewed == []
    assert (bench.reloader.settings, bench.reloader.catalogue) == (OLD, CATALOGUE)
    assert bench.counted == ["refused"]
    for problem in getattr(error, "problems", (str(error),)):
        assert f"nothing was reloaded: {problem}" in caplog.text


async def test_an_integration_without_a_place_to_go_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    homeless: Any = structs.replace(CATALOGUE.providers["openai"], hosts=())
    monkeypatch.setattr(
        "proxy.reload.load_catalogue", lambda *_: structs.replace(CATALOGUE, providers={"openai": homeless})
    )
    with pytest.raises(BadConfig, match=r"providers\.openai\.upstream is not set"):
        await bench.reloader.reload()
    assert bench.renewed == []


async def test_asked_many_times_it_reloads_once_more(bench: Bench) -> None:
    asked, tasks = asyncio.Event(), Tasks()
    bench.says = BadConfig("bad; mend it")
    job = tasks.start(bench.reloader.keep_reloading(asked), name="reload")
    for _ in range(10):
        asked.set()
    async with asyncio.timeout(5):
        while bench.counted != ["refused"]:  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.01)
    bench.says = OLD
    asked.set()
    async with asyncio.timeout(5):
        while not bench.renewed:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert bench.counted == ["refused", "applied"], "and then it waits to be asked again"
    job.cancel()
    await asyncio.wait([job])


def test_what_cannot_change_while_running_stays() -> None:
    new = Settings(
        providers={"gemini": KEYED}, limits=Limits(call_age_s_max=5), log=Log(level="debug", format="json"), tls=Tls()
    )
    running = still_running(OLD, new)
    assert (running.providers, running.limits, running.log) == (new.providers, OLD.limits, Log(level="debug"))
    told = document(OLD, new, CATALOGUE, CATALOGUE)
    assert told.needs_restart == ("limits.call_age_s_max", "log.format")
    assert "log.level" in told.settings_changed


def test_a_listener_does_not_begin_or_cease_to_speak_tls(tmp_path: Any) -> None:
    pair, other = (Tls(cert=tmp_path / name, key=tmp_path / name) for name in ("one", "two"))
    plain, secure, renewed = OLD, structs.replace(OLD, tls=pair), structs.replace(OLD, tls=other)
    assert document(plain, secure, CATALOGUE, CATALOGUE).needs_restart == ("tls.cert", "tls.key")
    assert still_running(plain, secure).tls == Tls()
    assert document(secure, plain, CATALOGUE, CATALOGUE).needs_restart == ("tls.cert", "tls.key")
    assert still_running(secure, plain).tls == pair
    assert document(secure, renewed, CATALOGUE, CATALOGUE).settings_changed == ("tls.cert", "tls.key")
    assert still_running(secure, renewed).tls == other


def test_what_differs_between_two_catalogues_is_named() -> None:
    others = {name: rates for name, rates in CATALOGUE.card.integrations.items() if name != "gemini"}
    card = RateCard("v2", {**others, "acme": ()}, CATALOGUE.card.fallbacks)
    changed: Any = structs.replace(CATALOGUE.providers["openai"], hosts=("https://x.test",))
    after = structs.replace(CATALOGUE, card=card, providers={**CATALOGUE.providers, "openai": changed})
    told = document(OLD, OLD, CATALOGUE, after)
    assert (told.previous_rate_card, told.rate_card) == (CATALOGUE.card.version, "v2")
    assert told.rates_changed == ("acme", "gemini")
    assert told.providers_changed == ("openai",)


def test_the_same_files_read_twice_do_not_differ() -> None:
    told = document(OLD, OLD, CATALOGUE, load_catalogue())
    assert (told.providers_changed, told.rates_changed) == ((), ())


async def test_what_is_new_is_on_record_with_who_asked_and_no_secret(bench: Bench) -> None:
    bench.says = Settings(providers={"openai": ProviderSettings(api_key=Secret("sk-newer"))})
    ann = Actor("ann", "cli", "::1")
    await bench.reloader.reload(ann)
    await bench.reloader.reload(ann)  # nothing is new any more
    version = {"rate_card": CATALOGUE.card.version}
    assert bench.noted == [(version, version | {"settings": ("providers.openai.api_key",)}, ann)]
    bench.says = OLD
    await bench.reloader.reload()
    assert bench.noted[-1][2] == SIGNAL


async def test_what_cannot_be_noted_is_in_force_and_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.says, bench.deaf = Settings(), True
    await bench.reloader.reload(Actor("ann", "cli"))
    assert bench.reloader.settings == Settings()
    assert "the audit log could not be told of this reload by ann: the disk is full" in caplog.text
