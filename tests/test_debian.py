"""A program counts as there only when it starts, and one that is missing is said aloud."""

from pathlib import Path

import pytest
from support import debian

NGINX = debian.PROGRAMS["nginx"]


def install(folder: Path, status: int) -> Path:
    path = folder / NGINX.package / NGINX.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {status}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)


def test_a_program_that_does_not_start_is_not_there(tmp_path: Path) -> None:
    assert debian.find("nginx", tmp_path) is None
    path = install(tmp_path, 0)
    assert debian.find("nginx", tmp_path) == path
    install(tmp_path, 127)
    assert debian.find("nginx", tmp_path) is None


@pytest.mark.parametrize(("setting", "raised"), [("", pytest.skip.Exception), ("required", pytest.fail.Exception)])
def test_a_missing_program_is_said_aloud(
    setting: str, raised: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEBIAN_TESTS", setting)
    monkeypatch.setattr(debian, "find", lambda name: None)
    with pytest.raises(raised, match=r"nginx is missing: run `python tests/support/debian\.py`"):
        debian.program("nginx")


@pytest.mark.parametrize(("setting", "status"), [("", 0), ("required", 1)])
def test_without_apt_the_builder_says_what_will_not_run(
    setting: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DEBIAN_TESTS", setting)
    assert debian.main(tmp_path) == status
    assert "Debian's package nginx cannot be had here" in capsys.readouterr().err
