"""Install, back up, restore and upgrade, as their pages say it, on a live server under load."""

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.caller import call
from support.desk import Account, Desk
from support.house import House
from support.shapes import CHAT
from support.upstream import json_answer, upstream

from proxy.loading.settings import Limits, load_settings

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "operating"
UNIT = ROOT / "deploy" / "systemd" / "faregate.service"
CALLERS, CALLS_MIN = 4, 100


def blocks(page: str, kind: str = "sh") -> list[str]:
    """Return a page's fenced blocks, those within lists too, without their indentation."""
    found = re.findall(rf"^( *)```{kind}\n(.*?)^\1```", (PAGES / page).read_text(), re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def shell(house: House, script: str, status: int = 0) -> str:
    """Run lines in the house's folder, with its environment, from a shell that stops at the first that fails."""
    environment = {
        **house.environment,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHON": sys.executable,
    }
    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=house.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    answer = json_answer(CHAT.plain)
    (tmp_path / "house").mkdir()
    with upstream(lambda connection, _: connection.sendall(answer)) as provider:
        made = House(tmp_path / "house", {"openai": {"api_key": "sk-1", "upstream": provider.origin}}).start()
        try:
            yield made
        finally:
            made.stop()


@dataclass
class Load:
    """Callers that go on until they are told to stop; `answered` counts, and nothing else may happen."""

    house: House
    account: Account
    answered: int = 0
    other: int = 0

    def __post_init__(self) -> None:
        self.stop, self.enough, self._lock = threading.Event(), threading.Event(), threading.Lock()

    def run(self) -> None:
        """Call, one call after the other."""
        while not self.stop.is_set():
            status = call(self.house.edge, CHAT.request(self.account.key)).status
            with self._lock:
                self.answered += status == 200
                self.other += status != 200
                if self.answered >= CALLS_MIN:
                    self.enough.set()


@contextlib.contextmanager
def load(house: House, account: Account) -> Iterator[Load]:
    made = Load(house, account)
    threads = [threading.Thread(target=made.run) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    try:
        assert made.enough.wait(30)
        yield made
    finally:
        made.stop.set()
        for thread in threads:
            thread.join(20)
    assert made.other == 0


def back_up(house: House, folder: Path) -> Path:
    """Run the page's command; return the folder that it made."""
    [script] = [block for block in blocks("backup.md") if "backup.sh" in block]
    script = script.replace("/var/lib/faregate/faregate.db", str(house.folder / "books.db"))
    script = script.replace("/var/backups/faregate", str(folder)).replace("deploy/", f"{ROOT}/deploy/")
    return Path(shell(house, script).splitlines()[-1])


def entries(database: Path, tenant: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        asked = "SELECT seq, amount_nanos, balance_after_nanos, hash FROM entry WHERE tenant = ? ORDER BY seq"
        return connection.execute(asked, (tenant,)).fetchall()


def test_a_backup_under_load_is_whole_and_is_restored(house: House, tmp_path: Path) -> None:
    """The copy is a moment of the running ledger; restored, it is served, and calls go on from there."""
    desk = Desk(house)
    account = desk.account("100")
    with load(house, account) as running:
        before = running.answered
        copy = back_up(house, tmp_path / "backups")
        assert running.enough.is_set()
    assert sorted(path.name for path in copy.iterdir()) == ["books.db", "books.db.admin-token"]
    assert {oct(path.stat().st_mode & 0o777) for path in (copy, *copy.iterdir())} <= {"0o700", "0o600"}
    desk.settled(account, running.answered)
    kept, live = entries(copy / "books.db", account.id), entries(house.folder / "books.db", account.id)
    assert before < len(kept) <= len(live)
    assert live[: len(kept)] == kept
    restore(house, copy, tmp_path / "old")
    assert entries(house.folder / "books.db", account.id)[: len(kept)] == kept
    desk.verify()
    balance = desk.balance(account)
    assert call(house.edge, CHAT.request(account.key)).status == 200
    [*_, newest] = desk.settled(account)
    assert newest["balance_after_nanos"] == nanos(balance["balance_usd"]) - CHAT.charge_nanos
    desk.verify()


def nanos(usd: str) -> int:
    whole, _, fraction = usd.partition(".")
    return int(whole) * 10**9 + int(f"{fraction:0<9}")


def restore(house: House, copy: Path, old: Path) -> None:
    """Follow the page, after a death that left everything beside the database."""
    verify, aside, place, again = blocks("restore.md")
    names = {"COPY": str(copy), "DATABASE": str(house.folder / "books.db"), "OLD": str(old)}

    def filled(script: str) -> str:
        script = script.replace("COPY/faregate.db", "COPY/books.db")
        return re.sub(r"\b(COPY|DATABASE|OLD)\b", lambda found: names[found[1]], script)

    assert "ok" in shell(house, filled(verify))
    house.kill()
    shell(house, filled(aside))
    assert (old / "books.db").exists()
    assert not list(house.folder.glob("books.db-*"))
    shell(house, filled(place))
    house.start()
    shell(house, again)


def test_a_copy_that_was_tampered_with_is_no_backup(house: House, tmp_path: Path) -> None:
    account = Desk(house).account()
    assert call(house.edge, CHAT.request(account.key)).status == 200
    Desk(house).settled(account)
    copy = back_up(house, tmp_path / "backups") / "books.db"
    [*_, check] = blocks("backup.md")
    assert json.loads(shell(house, check.replace("COPY", str(copy))))["ok"] is True
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        for name in [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]:
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE entry SET amount_nanos = amount_nanos + 1 WHERE seq = 2")
        connection.commit()
    assert json.loads(shell(house, check.replace("COPY", str(copy)), status=1))["ok"] is False


def test_a_backup_of_nothing_fails_aloud(house: House, tmp_path: Path) -> None:
    script = f"{ROOT}/deploy/backup.sh {tmp_path / 'none.db'} {tmp_path / 'backups'}"
    assert "unable to open database file" in shell(house, script, status=1)


def test_the_first_tenant_and_an_upgrade(house: House) -> None:
    """The lines of both pages, on a server; between them it is started anew, as by an upgrade."""
    [first] = blocks("install.md")
    assert re.search(r"fg-[\w-]{40}", shell(house, first))
    check, look = blocks("upgrade.md")
    shell(house, check)
    assert house.stop() == 0
    house.start()
    assert "faregate, version" in shell(house, look)


def test_an_older_version_refuses_a_newer_database_as_the_page_says(house: House) -> None:
    assert house.stop() == 0
    database = house.folder / "books.db"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        [version] = connection.execute("SELECT schema_version FROM meta").fetchone()
        connection.execute("UPDATE meta SET schema_version = schema_version + 1")
        connection.commit()
    with pytest.raises(AssertionError, match="ended with 1"):
        house.start()
    house.process = None
    [said] = [block for block in blocks("upgrade.md", "text") if block.startswith("database: ")]
    said = said.strip().replace("/var/lib/faregate/faregate.db", str(database))
    said = said.replace("version 2, ", f"version {version + 1}, ").replace("knows 1;", f"knows {version};")
    assert said in house.log


# --- What is installed with it


def test_the_page_s_configuration_is_one(tmp_path: Path) -> None:
    [text] = blocks("install.md", "yaml")
    file = tmp_path / "faregate.yaml"
    file.write_text(text.replace("/var/lib/faregate", str(tmp_path)))
    settings = load_settings(file, {})
    assert (settings.base_domain, str(settings.trusted_proxies)) == ("example.com", "127.0.0.1/32")
    fronts = [
        path.read_text() for path in (ROOT / "deploy" / "nginx" / "faregate.conf", ROOT / "deploy/caddy/Caddyfile")
    ]
    for line in text.splitlines():
        if not line.startswith("database"):
            assert all(line in front for front in fronts), line
    secrets = [block for block in blocks("install.md", "text") if block.startswith("FAREGATE_")]
    environment = dict(line.split("=", 1) for line in "".join(secrets).split())
    on = load_settings(file, environment).providers
    assert {name for name, chosen in on.items() if chosen.enabled} == {"openai", "anthropic"}


def test_the_service_of_systemd(tmp_path: Path) -> None:
    text = UNIT.read_text()
    assert "ExecStart=/opt/faregate/bin/faregate serve --config /etc/faregate/faregate.yaml\n" in text
    assert "ExecReload=/bin/kill -HUP $MAINPID\n" in text
    [stop] = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert int(stop) > Limits().shutdown_grace_s + 15
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze here")
    here = tmp_path / UNIT.name
    here.write_text(text.replace("/opt/faregate/bin/faregate", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if UNIT.name in line]) == (0, [])


@pytest.mark.parametrize("page", ["install", "backup", "restore", "upgrade", "capacity"])
def test_settings_and_files_that_a_page_names_exist(page: str) -> None:
    text = (PAGES / f"{page}.md").read_text()
    for name, field in re.findall(r"`(limits)\.(\w+)", text):
        assert hasattr(Limits(), field), f"{name}.{field}"
    for path in re.findall(r"(?<![\w.])((?:deploy|config|benchmarks)/[\w./-]+\w)", text):
        assert (ROOT / path).exists() or path.startswith("deploy/prometheus"), path
    for mapping in re.findall(r"`(\w+: \{.*?\})`", text):
        assert yaml.safe_load(mapping)
