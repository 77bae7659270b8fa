"""Makes an environment for each set of SDKs in `environments.toml`, in `.venv-sdk/NAME`. `make test` runs it.

One that was made from the same requirements by the same Python is left as it is. Where an environment cannot be made
(no network) the tests that need it are skipped, loudly; with SDK_TESTS=required this fails, and so do they.
"""

import os
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".venv-sdk"
ENVIRONMENTS: Mapping[str, Sequence[str]] = {
    name: table["requirements"]
    for name, table in tomllib.loads((Path(__file__).parent / "environments.toml").read_text()).items()
}
STAMP = "made-from.txt"


def required() -> bool:
    """Tell whether a missing environment is a failure, not a reason to skip."""
    return os.environ.get("SDK_TESTS") == "required"


def python_of(name: str, folder: Path = FOLDER) -> Path:
    """Return the interpreter of an environment, there or not."""
    return folder / name / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def stamp(requirements: Sequence[str]) -> str:
    """Return what an environment is made from."""
    return "\n".join([f"Python {sys.version_info.major}.{sys.version_info.minor}", *requirements, ""])


def is_made(name: str, requirements: Sequence[str], folder: Path = FOLDER) -> bool:
    """Tell whether an environment is there, whole, and made from these requirements."""
    made_from = folder / name / STAMP
    return made_from.is_file() and made_from.read_text() == stamp(requirements) and python_of(name, folder).exists()


def make(name: str, requirements: Sequence[str], folder: Path = FOLDER) -> bool:
    """Make one environment from nothing; tell whether that worked. The stamp comes last, so a half is never used."""
    if not _with_uv(folder / name, requirements) and not _with_pip(folder / name, requirements):
        return False
    (folder / name / STAMP).write_text(stamp(requirements))
    return True


def _with_uv(place: Path, requirements: Sequence[str]) -> bool:
    """Make it with uv: seconds, where pip takes a minute for the larger ones."""
    shutil.rmtree(place, ignore_errors=True)
    uv = [sys.executable, "-m", "uv"]
    made = subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(place)], check=False)
    if made.returncode:
        return False
    python = str(python_of(place.name, place.parent))
    return not subprocess.run(
        [*uv, "pip", "install", "--quiet", "--python", python, *requirements], check=False
    ).returncode


def _with_pip(place: Path, requirements: Sequence[str]) -> bool:
    """Make it with what Python has, for indexes that only pip is configured for."""
    shutil.rmtree(place, ignore_errors=True)
    venv.create(place, with_pip=True)
    pip = [str(python_of(place.name, place.parent)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return not subprocess.run([*pip, *requirements], check=False).returncode


def main() -> int:
    """Make what is missing. Returns the exit status."""
    status = 0
    for name, requirements in ENVIRONMENTS.items():
        if is_made(name, requirements):
            continue
        sys.stdout.write(f"making .venv-sdk/{name}: {', '.join(requirements)}\n")
        sys.stdout.flush()
        if not make(name, requirements):
            sys.stderr.write(f".venv-sdk/{name} could not be made: its tests will not run\n")
            status = 1 if required() else status
    return status


if __name__ == "__main__":
    sys.exit(main())
