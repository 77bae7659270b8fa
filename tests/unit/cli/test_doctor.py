import socket
from pathlib import Path

import pytest


@pytest.fixture
def config(tmp_path: Path) -> Path:
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    file = tmp_path / "faregate.yaml"
    file.write_text(
        f"listen: 127.0.0.1:{ports[0]}\noperator_listen: 127.0.0.1:{ports[1]}\n"
        "providers: {openai: {upstream: sandbox}}\n"
    )
    return file


def test_all_is_well(console, config: Path) -> None:
    document = console.done("doctor")
    assert document["ok"] is True
    assert document["counts"]["failed"] == 0
    assert sum(document["counts"].values()) == len(document["findings"])
    first = document["findings"][0]
    assert first == {"check": "configuration", "state": "ok", "text": f"{config}: openai is on", "remedy": ""}


def test_people_read_one_line_a_check_and_the_remedy_below(console, config: Path) -> None:
    lines = console.shown("doctor").splitlines()
    assert lines[0].startswith("ok       configuration")
    assert lines[-1].endswith("skipped")
    assert all(line.startswith(("ok ", "warning", "skipped", " ")) for line in lines[:-1])
    assert any(line.lstrip().startswith("-> ") for line in lines) == any(line.startswith("warning") for line in lines)


def test_what_fails_is_exit_1(console, config: Path) -> None:
    config.write_text(config.read_text() + "database: sqlite:////dev/null/books.db\n")
    ran = console.run("doctor")
    assert ran.code == 1
    assert "failed   configuration" in ran.out
    machine = console.run("doctor", "--json")
    assert (machine.code, machine.document["ok"], machine.err) == (1, False, "")


def test_a_machine_can_be_looked_at_before_it_has_a_configuration(console) -> None:
    ran = console.run("doctor")
    assert ran.code == 1
    assert "no configuration: there is no ./faregate.yaml" in ran.out
    assert "-> name a file with --config" in ran.out
    assert "open files" in ran.out


def test_progress_is_for_terminals_only(console, config: Path) -> None:
    assert console.run("doctor").err == ""
