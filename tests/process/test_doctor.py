"""The doctor beside the real process: what it says of a server that runs, that was killed, and that cannot start."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.house import House
from support.upstream import Seen, Upstream, json_answer, upstream

pytestmark = pytest.mark.process

KEY = "sk-canary-upstream"


@pytest.fixture
def provider() -> Iterator[Upstream]:
    """A provider that knows one key."""

    def answer(connection: socket.socket, seen: Seen) -> None:
        good = seen.headers.get("authorization") == f"Bearer {KEY}"
        connection.sendall(json_answer(b"{}", "200 OK" if good else "401 Unauthorized"))

    with upstream(answer) as made:
        yield made


@pytest.fixture
def house(tmp_path: Path, provider: Upstream) -> Iterator[House]:
    made = House(tmp_path, {"openai": {"api_key": KEY, "upstream": provider.origin}})
    yield made
    made.stop()


def look(house: House) -> dict[str, Any]:
    """Run the doctor; return its findings by check."""
    done = house.run_cli("doctor")
    assert KEY not in done.stdout
    assert (done.stderr, "Traceback" in done.stdout) == ("", False)
    document = json.loads(done.stdout)
    assert done.returncode == (0 if document["ok"] else 1)
    return {finding["check"]: finding for finding in document["findings"]}


def test_a_server_that_runs_is_asked_and_not_disturbed(house: House, provider: Upstream) -> None:
    house.start()
    assert house.process is not None
    found = look(house)
    pid = f"pid {house.process.pid}"
    assert [check for check, each in found.items() if each["state"] == "failed"] == []
    assert found["running server"]["text"] == f"{pid} is ready and takes our admin token"
    assert found["database"]["state"] == "skipped"
    assert pid in found["open files"]["text"]
    assert found["listen"]["text"].endswith("is the running server's")
    assert found["operator_listen"]["text"].endswith("is the running server's")
    assert found["admin token"]["state"] == "ok"
    assert found["provider openai"]["text"].endswith("and takes our key")
    assert [seen.line for seen in provider.seen] == ["GET /v1/models HTTP/1.1"]
    assert house.cli("ledger", "verify")["ok"]


def test_books_after_a_kill_and_after_a_stop(house: House) -> None:
    house.start()
    house.tenant("acme")
    house.kill()
    before = {path.name: path.read_bytes() for path in house.folder.glob("books.db*")}
    found = look(house)
    assert "was not closed in good order" in found["database"]["text"]
    assert found["running server"]["state"] == "skipped"
    assert {path.name: path.read_bytes() for path in house.folder.glob("books.db*")} == before
    house.start()
    assert house.stop() == 0
    found = look(house)
    assert found["database"]["state"] == "ok"
    assert found["listen"]["text"].endswith("is free")


def test_what_keeps_a_server_from_working_is_found(house: House, provider: Upstream) -> None:
    house.start()
    house.stop()
    (house.folder / "books.db").write_text("no database at all " * 1000)
    (house.folder / "books.db.admin-token").chmod(0o644)
    with socket.create_server(("127.0.0.1", house.port)):
        config = house.folder / "faregate.yaml"
        config.write_text(config.read_text().replace(KEY, "sk-canary-revoked"))
        found = look(house)
    failed = {check for check, each in found.items() if each["state"] == "failed"}
    assert failed == {"database", "admin token", "listen", "provider openai"}
    assert all(found[check]["remedy"] for check in failed)
    assert "takes our key" not in found["provider openai"]["text"]
