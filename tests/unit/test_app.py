"""How the house is put together: what is made at its start, where it listens, how it ends."""

import asyncio
import json
import logging
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from blockbuster import BlockBuster
from doubles.acme import delta
from doubles.books import CARD, StillClock, credit, make_request, make_tenant
from doubles.scene import STREAMED, RealBooks, Scene, streamed, whole
from msgspec import structs
from support.house import House, free_port

from proxy import app
from proxy.errors import BadConfig
from proxy.ledger.call import Outcome
from proxy.loading.providers import load_providers
from proxy.loading.settings import Limits, ProviderSettings, SandboxPace, Settings, Tls
from proxy.loading.shipped import shipped
from proxy.loading.values import Address, Database, Secret, Upstream
from proxy.reload import Reloader
from proxy.store.journal import Journal
from proxy.store.sqlite.store import SqliteStore
from proxy.syncing import Syncer
from proxy.web.ops import Readiness, Stage

LOOPBACK = "127.0.0.1"
PROVIDERS = load_providers(shipped("config") / "providers", None)
REAL = ProviderSettings(api_key=Secret("sk-real"))
QUICK = SandboxPace(first_token_ms=0, tokens_per_second=0)


# --- Time, ids, secrets


def test_time_is_the_machine_s() -> None:
    clock = app.SystemClock()
    assert 1_700_000_000_000_000 < clock.now() < 4_000_000_000_000_000
    assert clock.monotonic() <= clock.monotonic()


def test_ids_and_secrets_are_never_the_same_twice() -> None:
    ids = app.SystemIds(app.SystemClock())
    made = {ids.new("call") for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"call_[0-9A-HJKMNP-TV-Z]{26}", each) for each in made)
    secrets = {app.make_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(re.fullmatch(r"fg-[A-Za-z0-9_-]{40}", secret) for secret in secrets)


# --- The operator's token


def settings_at(folder: Path, **changes: Any) -> Settings:
    return structs.replace(Settings(database=Database(folder / "books.db")), **changes)


def test_a_token_that_is_set_is_used_and_not_written(tmp_path: Path) -> None:
    assert app.admin_token(settings_at(tmp_path, admin_token=Secret("mine"))) == "mine"
    assert list(tmp_path.iterdir()) == []


def test_a_token_is_made_once_and_is_its_owner_s_alone(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    token = app.admin_token(settings)
    path = tmp_path / "books.db.admin-token"
    assert len(token) >= 40
    assert app.admin_token(settings) == token == path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_token_file_that_a_crash_has_left_empty_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "books.db.admin-token"
    path.write_text("\n")
    path.chmod(0o644)
    token = app.admin_token(settings_at(tmp_path))
    assert token == path.read_text().strip() != ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# --- The demo's settings


def test_the_demo_runs_on_the_sandbox_wherever_no_real_key_is_set() -> None:
    off = ProviderSettings()
    chosen = {"acme": REAL, "bolt": off, "only-real": REAL, "off": off}
    settings = app.demo_settings(Settings(providers=chosen), ["acme", "bolt", "core"])
    sandboxed = {"bolt": app.SANDBOXED, "core": app.SANDBOXED}
    assert settings.providers == {"acme": REAL, "only-real": REAL, **sandboxed}
    assert str(settings.database.path) == "var/demo.db", "the demo does not touch real books"


def test_a_demo_with_a_file_keeps_its_books_where_the_file_says(tmp_path: Path) -> None:
    settings = settings_at(tmp_path, file=tmp_path / "faregate.yaml")
    assert app.demo_settings(settings, []).database == settings.database


# --- Where it listens


async def hello(_: web.BaseRequest) -> web.Response:
    return web.Response(text="hello")


def runner() -> web.ServerRunner:
    return web.ServerRunner(web.Server(hello, access_log=None))


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield int(server.getsockname()[1])


async def get(url: str, **how: Any) -> str:
    async with aiohttp.ClientSession() as client, client.get(url, **how) as found:
        return await found.text()


async def test_it_listens_where_it_is_told(stack: AsyncExitStack) -> None:
    port = free_port()
    url = await app.listen(stack, runner(), Address(LOOPBACK, port), "FAREGATE_LISTEN", next_free=False)
    assert url == f"http://127.0.0.1:{port}"
    assert await get(url) == "hello"


async def test_the_system_may_choose_the_port(stack: AsyncExitStack) -> None:
    url = await app.listen(stack, runner(), Address(LOOPBACK, 0), "FAREGATE_LISTEN", next_free=True)
    assert await get(url) == "hello"


async def test_a_taken_port_is_named_and_what_to_set_instead(stack: AsyncExitStack, taken: int) -> None:
    with pytest.raises(BadConfig) as error:
        await app.listen(stack, runner(), Address(LOOPBACK, taken), "FAREGATE_LISTEN", next_free=False)
    assert str(error.value) == (
        f"port {taken} of 127.0.0.1 is taken; stop what uses it, or set FAREGATE_LISTEN=HOST:PORT"
    )


async def test_the_demo_takes_the_next_port_and_says_so(
    stack: AsyncExitStack, taken: int, caplog: pytest.LogCaptureFixture
) -> None:
    url = await app.listen(stack, runner(), Address(LOOPBACK, taken), "FAREGATE_LISTEN", next_free=True)
    port = int(url.rpartition(":")[2])
    assert taken < port < taken + app.PORTS_TRIED
    assert await get(url) == "hello"
    assert f"port {taken} is taken, so {port} is used" in caplog.text


async def test_there_is_no_port_beyond_the_last(stack: AsyncExitStack) -> None:
    last = Address(LOOPBACK, 65_535)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOOPBACK, 65_535))
        probe.listen()
        with pytest.raises(BadConfig, match=r"port 65535 of 127\.0\.0\.1 is taken"):
            await app.listen(stack, runner(), last, "FAREGATE_LISTEN", next_free=True)


async def test_an_address_that_is_not_ours(stack: AsyncExitStack) -> None:
    at = Address("192.0.2.1", free_port())
    with pytest.raises(BadConfig, match=r"^cannot listen on 192\.0\.2\.1:\d+ \(.+\); set FAREGATE_LISTEN$"):
        await app.listen(stack, runner(), at, "FAREGATE_LISTEN", next_free=True)


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A certificate for localhost that nobody has signed but itself."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    asked = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(
        [*asked, *names, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True, timeout=60
    )
    return Tls(cert=cert, key=key)


def test_without_a_certificate_there_is_no_tls() -> None:
    assert app.edge_certificate(Tls()) is None


def test_files_that_are_no_certificate(tmp_path: Path, certificate: Tls) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("not a certificate")
    missing = tmp_path / "missing.pem"
    for cert, key in ((wrong, certificate.key), (certificate.cert, wrong), (missing, missing)):
        with pytest.raises(BadConfig, match=r"^tls\.(cert|key) is '.*; ") as error:
            app.edge_certificate(Tls(cert=cert, key=key))
        assert str(wrong if wrong in (cert, key) else missing) in str(error.value)
        assert "\n" not in str(error.value)


async def test_the_edge_speaks_tls(stack: AsyncExitStack, certificate: Tls) -> None:
    ready = await asyncio.to_thread(app.edge_certificate, certificate)
    assert ready is not None
    tls = ready.context
    url = await app.listen(stack, runner(), Address(LOOPBACK, 0), "FAREGATE_LISTEN", next_free=False, tls=tls)
    assert url.startswith("https://127.0.0.1:")
    assert certificate.cert is not None
    trusted = ssl.create_default_context(cafile=str(certificate.cert))
    assert await get(url, ssl=trusted) == "hello"


# --- Where calls go


async def origin_of(chosen: ProviderSettings, stack: AsyncExitStack) -> str:
    """Return where the calls of an integration go that is set up so."""
    settings = Settings(providers={"openai": chosen, "gemini": ProviderSettings()})
    on = await app.switch_on(settings, PROVIDERS, app.Sandboxes(stack, QUICK))
    assert list(on) == ["openai"]
    return on["openai"].origin


async def test_a_provider_with_one_host_needs_nothing(stack: AsyncExitStack) -> None:
    assert await origin_of(REAL, stack) == "https://api.openai.com"


async def test_an_upstream_of_the_operator_s_replaces_it(stack: AsyncExitStack) -> None:
    chosen = ProviderSettings(api_key=Secret("k"), upstream=Upstream("https://eu.example.com"))
    assert await origin_of(chosen, stack) == "https://eu.example.com"


async def test_the_sandbox_answers_for_it_until_the_end() -> None:
    async with AsyncExitStack() as stack:
        sandboxes = app.Sandboxes(stack, QUICK)
        origin = await sandboxes.origin("openai")
        assert await sandboxes.origin("openai") == origin, "there is one for each integration"
        told = await get(f"{origin}/v1/models", headers={"Authorization": "Bearer any"})
        assert json.loads(told)["object"] == "list"
    with pytest.raises(aiohttp.ClientConnectionError):
        await get(f"{origin}/v1/models")


def test_the_edge_s_limits_are_the_settings() -> None:
    limits = {"body_bytes_max": 1, "body_timeout_s": 2, "caller_stall_s": 3, "header_bytes_max": 4, "head_timeout_s": 5}
    limits["body_total_bytes_max"] = 6
    edge = app.edge_limits(Settings(limits=Limits(**limits)))
    assert structs.asdict(edge) == limits


# --- The house from inside


async def test_a_house_opens_and_closes_and_the_operator_sees_what_there_is(
    tmp_path: Path, blockbuster: BlockBuster
) -> None:
    blockbuster.deactivate()  # files are read at the start, before anything is served
    settings = settings_at(tmp_path, providers={"openai": app.SANDBOXED, "gemini": ProviderSettings()}, sandbox=QUICK)
    async with app.open_house(settings, lambda _: None) as house:
        assert list(house.doors.house.integrations) == ["openai"], "what is not enabled is off"
        assert house.doors.house.integrations["openai"].origin.startswith("http://127.0.0.1:")
        desk = app.operator_doors(
            house, cast("Reloader", SimpleNamespace(reload=None)), cast("Syncer", SimpleNamespace(sync=None))
        )
        assert {"openai", "anthropic", "gemini"} <= desk.integrations, "margins may be set for what is off"
        assert {"input_tokens", "output_tokens"} <= desk.units
        assert desk.admin_token == app.admin_token(settings)
        assert house.readiness.stage is Stage.STARTING
    assert await asyncio.to_thread(names_in, tmp_path) == {"books.db", "books.db.admin-token", "books.db.lock"}


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_what_an_earlier_start_left_is_ended_and_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tenant = make_tenant()
    for start in (1, 2):
        store = SqliteStore(tmp_path / "books.db", StillClock())
        await store.open(CARD)
        if start == 1:
            await store.create_tenant(tenant)
            await store.deposit(credit(tenant.id, 10**9))
            await store.hold(make_request(tenant.id, 1))
        else:
            house = opened(Scene(RealBooks(tmp_path / "none.db", StillClock())), store, tmp_path)
            await app.recover_all(house)
            assert (await store.wallet(tenant.id)).held == 0
            assert "0 from the journal, 0 by checkpoint, 1 of which nothing was seen" in caplog.text
            caplog.clear()
            await app.recover_all(house)
            assert caplog.text == ""
        await store.close()


def opened(scene: Scene, store: Any, folder: Path) -> app.Opened:
    """Return a house around a scene's doors."""
    clock = app.SystemClock()
    doors = structs.replace(scene.doors, ledger=store, directory=store)
    now = app.InForce(doors, cast("Any", None), cast("Any", None))
    sandboxes = app.Sandboxes(AsyncExitStack(), QUICK)
    return app.Opened(
        now, store, store, Journal(folder / "journal"), sandboxes, clock, app.SystemIds(clock), Readiness(), "token"
    )


# --- How it ends


def test_who_asks_it_to_stop_ends_it_in_good_order() -> None:
    stop = app.Stop()
    assert (stop.asked.is_set(), stop.broken) == (False, False)
    stop.ask()
    assert (stop.asked.is_set(), stop.broken) == (True, False)


def test_a_disk_that_has_failed_ends_it_too_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    stop = app.Stop()
    stop.broke("disk I/O error")
    assert (stop.asked.is_set(), stop.broken) == (True, True)
    assert "the ledger's disk has failed, so this process ends: disk I/O error" in caplog.text


@pytest.mark.parametrize(("grace_s", "outcome"), [(5.0, Outcome.ANSWERED), (0.01, Outcome.STOPPED)])
async def test_running_calls_may_end_and_those_that_do_not_are_stopped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, grace_s: float, outcome: Outcome
) -> None:
    scene = await Scene(RealBooks(tmp_path / "books.db", StillClock())).open()
    house = opened(scene, scene.books, tmp_path)
    gate = scene.trail.stops("write")
    scene.play(streamed(), body=STREAMED)
    first = scene.sink
    await gate.until_reached()
    with caplog.at_level(logging.INFO):
        draining = scene.tasks.start(app.drain(house, grace_s), name="drain")
        while house.readiness.stage is not Stage.DRAINING:  # noqa: ASYNC110  # it has no event, and needs none
            await asyncio.sleep(0)
    assert "stopping: 1 calls are running" in caplog.text
    scene.trail.at.clear()
    await scene.play(whole())
    assert scene.sink.status == 503, "no new call is taken"
    if outcome is Outcome.ANSWERED:
        gate.opened.set()
    async with asyncio.timeout(5):
        while len(scene.running):  # noqa: ASYNC110  # the drain itself waits for this
            await asyncio.sleep(0.005)
    assert first.ended == ("whole" if outcome is Outcome.ANSWERED else "cut")
    assert delta("hello") in first.sent
    record = await scene.record()
    assert record.outcome is outcome
    assert (await scene.money())[1] == 0
    draining.cancel()  # it waits for all tasks of the scene, itself among them
    await asyncio.wait([draining])
    await scene.books.close()


# --- The real process


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, {"openai": {"upstream": "sandbox"}})
    yield made
    made.stop()


@pytest.mark.process
@pytest.mark.parametrize(("listener", "variable"), [("listen", "LISTEN"), ("operator_listen", "OPERATOR_LISTEN")])
def test_a_taken_port_is_exit_1_and_one_line(house: House, taken: int, listener: str, variable: str) -> None:
    config = {"listen": f"{LOOPBACK}:0", "operator_listen": f"{LOOPBACK}:0", listener: f"{LOOPBACK}:{taken}"}
    (house.folder / "faregate.yaml").write_text(json.dumps({**config, "database": "sqlite:///books.db"}))
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "serve"],
        cwd=house.folder,
        env=house.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert line == f"error: port {taken} of 127.0.0.1 is taken; stop what uses it, or set FAREGATE_{variable}=HOST:PORT"


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(house: House, number: signal.Signals) -> None:
    house.start()
    assert house.process is not None
    house.process.send_signal(number)
    assert house.process.wait(timeout=20) == 0
    assert "stopping: 0 calls are running" in house.log
    assert "Traceback" not in house.log
    assert not [name for name in names_in(house.folder) if name.endswith(("-wal", "-shm"))], (
        "the books are one file again"
    )


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can set another process's limits")
def test_a_disk_that_fails_is_exit_1_and_the_next_start_recovers(house: House) -> None:
    import resource

    house.start()
    house.tenant("acme", "5")
    assert house.process is not None
    enough_for_the_log = 8192  # a commit writes more; to SQLite a file that may not grow is an I/O error
    resource.prlimit(house.process.pid, resource.RLIMIT_FSIZE, (enough_for_the_log, resource.RLIM_INFINITY))
    assert house.run_cli("credit", "acme", "1").returncode == 1
    assert house.process.wait(timeout=20) == 1
    assert "the ledger's disk has failed, so this process ends" in house.log
    house.start()
    assert house.cli("balance", "acme")["credits_remaining_micros"] == 5_000_000
    assert house.cli("ledger", "verify")["ok"] is True
