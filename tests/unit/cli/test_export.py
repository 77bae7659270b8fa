import csv
import io
import json
from pathlib import Path

import pytest

from proxy.cli import export


@pytest.fixture(autouse=True)
def tenant(faregate) -> str:
    made = faregate.done("tenant", "create", "acme")["id"]
    faregate.done("credit", "acme", "10")
    return str(made)


class Buffered(io.StringIO):
    """A standard output with bytes below it, as a real one has."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = io.BytesIO()


@pytest.fixture
def raw(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """What an export writes to standard output."""
    out = Buffered()
    monkeypatch.setattr(export, "output_stream", lambda: out.buffer)
    return out.buffer


def test_csv_to_standard_output(faregate, live, tenant: str, raw: io.BytesIO) -> None:
    live.wait(live.desk.call(tenant, 1000))
    assert faregate.run("ledger", "export", "acme").code == 0
    rows = list(csv.DictReader(io.StringIO(raw.getvalue().decode())))
    assert [row["amount_usd"] for row in rows] == ["10", "-0.012012"]


def test_one_json_document(faregate, live, tenant: str, raw: io.BytesIO) -> None:
    live.wait(live.desk.call(tenant, 1000))
    assert faregate.run("ledger", "export", "--all", "--json").code == 0
    document = json.loads(raw.getvalue())
    assert [entry["kind"] for entry in document["data"]] == ["credit", "call"]
    assert document["has_more"] is False
    raw.seek(0)
    raw.truncate()
    assert faregate.run("ledger", "export", "acme", "--kind", "refund", "--json").code == 0
    assert json.loads(raw.getvalue()) == {"data": [], "has_more": False}


def test_to_a_file(faregate, tmp_path: Path, tenant: str) -> None:
    told = faregate.done("ledger", "export", "acme", "--format", "ndjson", "--output", "out.ndjson")
    written = (tmp_path / "out.ndjson").read_bytes()
    assert told == {"file": "out.ndjson", "format": "ndjson", "lines": 1, "bytes": len(written)}
    assert json.loads(written)["tenant"] == tenant
    assert "lines   2" in faregate.shown("ledger", "export", "acme", "--output", "out.csv")


def test_a_file_that_breaks_off_never_appears(faregate, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "out.csv").write_text("the old one")
    from proxy.cli.client import Operator
    from proxy.cli.command import Failure

    def broken(*_: object, **__: object):
        yield b"id\n"
        raise Failure("the answer broke off")

    monkeypatch.setattr(Operator, "stream", broken)
    assert faregate.failed("ledger", "export", "acme", "--output", "out.csv") == "the answer broke off"
    assert (tmp_path / "out.csv").read_text() == "the old one"
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_where_it_cannot_be_written(faregate, tmp_path: Path) -> None:
    message = faregate.failed("ledger", "export", "acme", "--output", "none/out.csv")
    assert message == "none/out.csv: cannot be written (No such file or directory); choose another file with --output"


def test_used_wrongly(faregate) -> None:
    assert "Name one TENANT, or give --all." in faregate.failed("ledger", "export", code=2)
    assert "Name one TENANT" in faregate.failed("ledger", "export", "acme", "--all", code=2)
    ran = faregate.run("ledger", "export", "acme", "--format", "csv", "--json")
    assert ran.code == 2
    assert "needs --output FILE" in ran.err
    assert faregate.failed("ledger", "export", "nobody", "--output", "x.csv") == "there is no tenant nobody"
