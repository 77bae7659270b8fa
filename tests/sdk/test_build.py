"""An environment counts as made only when it is whole and made from what `environments.toml` says now."""

import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from sdk.build import ENVIRONMENTS, STAMP, is_made, main, make, python_of, stamp
from support.sdk import interpreter


def test_the_majors_that_share_an_import_name_are_apart() -> None:
    for requirements in ENVIRONMENTS.values():
        names = [requirement.split(">")[0].split("<")[0] for requirement in requirements]
        assert len(names) == len(set(names))
    assert set(ENVIRONMENTS) >= {"latest", "openai-2", "openai-1", "anthropic-1", "anthropic-0"}


def test_an_environment_is_made_anew_when_its_requirements_change(tmp_path: Path) -> None:
    assert not is_made("one", ["a<2"], tmp_path)
    python_of("one", tmp_path).parent.mkdir(parents=True)
    python_of("one", tmp_path).symlink_to(sys.executable)
    (tmp_path / "one" / STAMP).write_text(stamp(["a<2"]))
    assert is_made("one", ["a<2"], tmp_path)
    assert not is_made("one", ["a<3"], tmp_path)
    (tmp_path / "one" / STAMP).unlink()
    assert not is_made("one", ["a<2"], tmp_path)


@pytest.mark.parametrize(("status", "made"), [(0, True), (1, False)])
def test_it_counts_only_when_pip_succeeded(
    status: int, made: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(folder: Path, *, with_pip: bool) -> None:
        python_of(folder.name, tmp_path).parent.mkdir(parents=True)
        python_of(folder.name, tmp_path).write_text(f"#!/bin/sh\nexit {status}\n")
        python_of(folder.name, tmp_path).chmod(0o755)

    monkeypatch.setattr("venv.create", create)
    monkeypatch.setattr("sdk.build._with_uv", lambda place, requirements: False)
    assert make("one", ["a<2"], tmp_path) is made
    assert is_made("one", ["a<2"], tmp_path) is made


def test_where_uv_can_make_it_pip_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("venv.create", None)
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with ZipFile(wheel, "w") as file:
        file.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        file.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("tiny-1.0.dist-info/RECORD", "")
    assert make("one", [str(wheel)], tmp_path)
    assert is_made("one", [str(wheel)], tmp_path)


@pytest.mark.parametrize(("setting", "raised"), [("", pytest.skip.Exception), ("required", pytest.fail.Exception)])
def test_a_missing_environment_is_said_aloud(
    setting: str, raised: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDK_TESTS", setting)
    monkeypatch.setattr("support.sdk.is_made", lambda name, requirements: False)
    with pytest.raises(raised, match=r"'latest' is missing: run `python tests/sdk/build\.py`"):
        interpreter("latest")


def test_only_what_is_missing_is_made(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []
    monkeypatch.setattr("sdk.build.is_made", lambda name, requirements: name != "openai-1")
    monkeypatch.setattr("sdk.build.make", lambda name, requirements: bool(asked.append(name)))
    monkeypatch.setenv("SDK_TESTS", "")
    assert main() == 0
    monkeypatch.setenv("SDK_TESTS", "required")
    assert main() == 1
    assert asked == ["openai-1", "openai-1"]
    assert "openai-1 could not be made" in capsys.readouterr().err
