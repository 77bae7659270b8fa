import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles.desk import TOKEN

from proxy.cli.client import Operator, segment
from proxy.cli.command import Failure


@pytest.fixture
def config(live, tmp_path: Path) -> Path:
    """A configuration that describes the running server, without a token."""
    path = tmp_path / "faregate.yaml"
    path.write_text(
        f"operator_listen: {live.url.removeprefix('http://')}\ndatabase: sqlite:///var/books.db\n"
        "providers: {openai: {api_key: '${ONLY_THE_SERVER_KNOWS}'}}\n"
    )
    return path


def test_the_environment_names_the_server(faregate) -> None:
    assert faregate.done("tenant", "list") == {"data": [], "has_more": False}


def test_the_file_names_the_server_and_the_made_token(console, config: Path) -> None:
    token = config.parent / "var" / "books.db.admin-token"
    token.write_text(f"{TOKEN}\n")
    assert console.done("tenant", "list")["data"] == []
    assert console.done("tenant", "list", "--config", str(config))["data"] == []


def test_the_file_may_hold_the_token(console, config: Path) -> None:
    config.write_text(f"{config.read_text()}admin_token: {TOKEN}\n")
    assert console.done("tenant", "list")["data"] == []


def test_one_from_the_environment_the_other_from_the_file(console, config: Path, monkeypatch) -> None:
    monkeypatch.setenv("FAREGATE_ADMIN_TOKEN", TOKEN)
    assert console.done("tenant", "list")["data"] == []


def test_no_token_anywhere(console, config: Path) -> None:
    message = console.failed("tenant", "list")
    assert message.startswith("there is no admin token in var/books.db.admin-token; start the server once")
    assert "FAREGATE_ADMIN_TOKEN" in message


def test_a_wrong_token(faregate, monkeypatch) -> None:
    monkeypatch.setenv("FAREGATE_ADMIN_TOKEN", "wrong")
    message = faregate.failed("tenant", "list")
    assert message.startswith("the admin token is missing or wrong; set FAREGATE_ADMIN_TOKEN")


def test_a_bad_file_is_exit_1(console, tmp_path: Path) -> None:
    (tmp_path / "faregate.yaml").write_text("operator_listen: 5\n")
    assert "operator_listen is 5" in console.failed("tenant", "list")


def test_no_server(console, monkeypatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        monkeypatch.setenv("FAREGATE_OPERATOR_URL", url)
        monkeypatch.setenv("FAREGATE_ADMIN_TOKEN", "x")
        message = console.failed("balance", "acme")
    assert message == (
        f"no operator API answers at {url} (Connection refused); "
        "start it with `faregate serve`, or set FAREGATE_OPERATOR_URL"
    )


@pytest.mark.parametrize("url", ["ftp://h", "127.0.0.1:8081", "http://", "http://h:port"])
def test_a_url_that_is_none(console, monkeypatch, url: str) -> None:
    monkeypatch.setenv("FAREGATE_OPERATOR_URL", url)
    monkeypatch.setenv("FAREGATE_ADMIN_TOKEN", "x")
    assert "write FAREGATE_OPERATOR_URL as http://HOST:PORT" in console.failed("tenant", "list", code=2)


@pytest.fixture
def stranger() -> Iterator[str]:
    """Some other server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_answers_is_something_else(console, monkeypatch, stranger: str) -> None:
    monkeypatch.setenv("FAREGATE_OPERATOR_URL", stranger)
    monkeypatch.setenv("FAREGATE_ADMIN_TOKEN", "x")
    assert "is no operator API of Faregate (status 200)" in console.failed("tenant", "list")


def test_a_prefix_of_the_url_is_kept(live) -> None:
    with pytest.raises(Exception, match="there is no /below/admin/v1/tenants"):
        Operator(f"{live.url}/below/", TOKEN).get("/tenants")


def test_fractions_are_read_exactly(live) -> None:
    async def charge() -> str:
        doors = live.desk
        from proxy.tenants.tenant import Tenant

        tenant = await doors.store.create_tenant(Tenant(doors.ids.new("tnt"), "acme"))
        return str(tenant.id)

    tenant = live.wait(charge())
    answer = Operator(live.url, TOKEN).post("/credits", {"tenant": tenant, "amount_usd": "1", "reference": None})
    assert answer.document["amount_nanos"] == 10**9
    assert answer.text.startswith("{")


def test_segment() -> None:
    assert segment("a/b c?") == "a%2Fb%20c%3F"


def test_an_answer_that_breaks_off_is_told_from_a_server_that_is_not_there() -> None:
    """One chunk, and then the connection ends without the last one."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    lines = Operator(f"http://127.0.0.1:{listener.getsockname()[1]}", "token").stream("/ledger/export", all=True)
    assert next(lines) == b"a\n"
    with pytest.raises(Failure, match="broke off") as failed:
        list(lines)
    assert failed.value.code == "broken_off"
    thread.join()
    listener.close()
