from pathlib import Path

import pytest

from proxy.doctor.server import health, token_of
from proxy.loading.settings import Settings
from proxy.loading.values import Address, Database, Secret

READY = (200, b'{"status": "ready"}')


@pytest.fixture
def settings(site, tmp_path: Path) -> Settings:
    return Settings(
        operator_listen=Address("127.0.0.1", site.port),
        admin_token=Secret("the-token"),
        database=Database(tmp_path / "books.db"),
    )


def test_a_server_that_is_well(site, settings: Settings) -> None:
    site.by_path["/readyz"] = READY
    found = health(settings, "pid 5")
    assert (found.state, found.text) == ("ok", "pid 5 is ready and takes our admin token")
    assert site.seen[-1][0] == "/admin/v1/margins"
    assert site.seen[-1][1]["authorization"] == "Bearer the-token"


def test_a_server_that_takes_no_traffic(site, settings: Settings) -> None:
    site.by_path["/readyz"] = (503, b'{"status": "draining", "reason": "the process is stopping"}')
    found = health(settings, "pid 5")
    assert (found.state, found.text) == ("warning", "pid 5 is draining: the process is stopping")
    site.by_path["/readyz"] = (404, b"?")
    assert health(settings, "pid 5").text == "pid 5 is not ready: status 404"


def test_a_server_with_another_token(site, settings: Settings) -> None:
    site.by_path |= {"/readyz": READY, "/admin/v1/margins": (401, b"{}")}
    found = health(settings, "pid 5")
    assert found.state == "failed"
    assert "does not take our admin token (status 401)" in found.text
    assert found.remedy.startswith("set FAREGATE_ADMIN_TOKEN")


def test_a_server_that_does_not_answer() -> None:
    found = health(Settings(operator_listen=Address("127.0.0.1", 1)), "pid 5")
    assert found.text == ("pid 5 has the database, but no operator API answers at 127.0.0.1:1 (Connection refused)")
    assert found.state == "failed"


def test_no_server() -> None:
    assert health(Settings(), "").state == "skipped"


def test_the_token_is_the_one_that_is_set_else_the_one_beside_the_books(settings: Settings) -> None:
    from msgspec import structs

    assert token_of(settings) == "the-token"
    made = structs.replace(settings, admin_token=Secret())
    assert token_of(made) == ""
    made.database.token_file.write_text("made\n")
    assert token_of(made) == "made"
