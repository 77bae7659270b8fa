"""What `pip install` brings: the code with its rates and configuration, and a demo and a server that work anywhere."""

import email
import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from sdk.build import required
from support.house import free_port
from support.newcomer import LAST_LINE, Server, printed, python, shell, start

pytestmark = [pytest.mark.process, pytest.mark.sdk]

ROOT = Path(__file__).parents[2]
INTEGRATIONS = sorted(path.stem for path in (ROOT / "config" / "sandbox").glob("*.yaml"))
"""Those that the demo plays itself."""


def run(*words: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder)
    [wheel], [source] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


@pytest.fixture(scope="module")
def metadata(made: tuple[Path, Path]) -> Message:
    with zipfile.ZipFile(made[0]) as wheel:
        [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(wheel.read(name))


@pytest.fixture(scope="module")
def installed(made: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing in it but the wheel and what that asks for; the folder of its programs."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(place, with_pip=True)
    pip = [str(place / "bin" / "pip"), "--disable-pip-version-check", "--quiet", "install"]
    done = subprocess.run([*pip, str(made[0])], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode and "No matching distribution" in done.stderr and not required():
        pytest.skip(f"the wheel's dependencies cannot be had here: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return place / "bin"


@pytest.fixture(scope="module")
def demo(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start(tmp_path_factory.mktemp("anywhere"), "faregate", "demo", PATH=path_with(installed))
    try:
        server.until(lambda: LAST_LINE in server.said)
        yield server
        assert server.stop() == 0, server.log
    finally:
        server.stop()


def path_with(programs: Path) -> str:
    return f"{programs}{os.pathsep}{os.environ['PATH']}"


def test_the_wheel_has_what_the_checkout_has(made: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(made[0]) as wheel:
        names = set(wheel.namelist())
        for folder in ("rates", "config"):
            for file in (ROOT / folder).rglob("*.yaml"):
                shipped = f"proxy/_shipped/{file.relative_to(ROOT)}"
                assert wheel.read(shipped) == file.read_bytes()
    tracked = run("git", "ls-files", "proxy").split() if (ROOT / ".git").exists() else []
    assert {name for name in tracked if not name.endswith(".gitkeep")} <= names
    assert not [name for name in names if name.startswith("tests") or "__pycache__" in name or name.endswith(".db")]


def test_the_source_distribution_makes_the_same_wheel(made: tuple[Path, Path], tmp_path: Path) -> None:
    wheel, source = made
    run("tar", "-xf", source, "-C", tmp_path)
    [folder] = tmp_path.iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "again", cwd=folder)
    [again] = (tmp_path / "again").glob("*.whl")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert {each.filename: each.CRC for each in one.infolist()} == {
            each.filename: each.CRC for each in other.infolist()
        }


def test_what_a_package_index_shows(metadata: Message) -> None:
    assert (metadata["Name"], metadata["License-Expression"]) == ("faregate-proxy", "Apache-2.0")
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Summary"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    classifiers = metadata.get_all("Classifier") or []
    assert "Typing :: Typed" in classifiers
    assert "Programming Language :: Python :: 3.11" in classifiers
    requirements = metadata.get_all("Requires-Dist") or []
    assert all(re.search(r">=.*<|<.*>=", requirement) for requirement in requirements), requirements


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_the_demo_from_the_wheel(demo: Server, installed: Path, name: str) -> None:
    """Every line that it prints works as it stands, in a folder that knows nothing of the checkout."""
    assert python(printed(demo.said, f"{name}: with its own SDK")).strip()
    lines = printed(demo.said, "what it cost, from another shell:")
    assert f"{name} " in shell(demo.folder, lines, PATH=path_with(installed))
    shipped = run(installed / "python", "-c", "import proxy; print(proxy.__file__)", cwd=demo.folder)
    assert shipped.startswith(str(installed.parent))


def test_serving_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    at = {"FAREGATE_LISTEN": f"127.0.0.1:{free_port()}", "FAREGATE_OPERATOR_LISTEN": f"127.0.0.1:{free_port()}"}
    (tmp_path / "faregate.yaml").write_text("providers: {openai: {upstream: sandbox}}\n")
    server = start(tmp_path, "faregate", "serve", PATH=path_with(installed), **at)
    try:
        server.until(lambda: "serving openai on" in server.log)
        assert "acme" in shell(tmp_path, "faregate tenant create acme", PATH=path_with(installed), **at)
        assert (tmp_path / "var" / "faregate.db").exists()
    finally:
        assert server.stop() == 0, server.log
