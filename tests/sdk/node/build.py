"""Installs the JavaScript SDKs of `package.json` into `.venv-sdk/node`, where Node is. `make test` runs it.

What is there and was made from the same file is left as it is. Where Node or the network is missing the tests that need
it are skipped, loudly; with SDK_TESTS=required this fails, and so do they.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent / "package.json"
FOLDER = Path(__file__).parents[3] / ".venv-sdk" / "node"
STAMP = "made-from.json"


def required() -> bool:
    """Tell whether missing packages are a failure, not a reason to skip."""
    return os.environ.get("SDK_TESTS") == "required"


def is_made(folder: Path = FOLDER) -> bool:
    """Tell whether the packages are there, whole, and made from what the file says now."""
    stamp = folder / STAMP
    return shutil.which("node") is not None and stamp.is_file() and stamp.read_text() == PACKAGE.read_text()


def node_folder() -> Path:
    """Return the folder in which a script finds the packages. Skips the test, or fails it where they have to be."""
    if not is_made():
        lacks = "Node's packages are missing: install Node 20 or later and run `python tests/sdk/node/build.py`"
        if required():
            pytest.fail(lacks)
        pytest.skip(lacks)
    return FOLDER


def make(folder: Path = FOLDER) -> bool:
    """Install everything from nothing; tell whether that worked. The stamp comes last, so a half is never used."""
    npm = shutil.which("npm")
    if npm is None:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(PACKAGE, folder / "package.json")
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    if subprocess.run(command, cwd=folder, check=False).returncode:
        return False
    (folder / STAMP).write_text(PACKAGE.read_text())
    return True


def main(folder: Path = FOLDER) -> int:
    """Install what is missing. Returns the exit status."""
    if is_made(folder):
        return 0
    sys.stdout.write("making .venv-sdk/node\n")
    sys.stdout.flush()
    if make(folder):
        return 0
    sys.stderr.write(".venv-sdk/node could not be made: its tests will not run\n")
    return 1 if required() else 0


if __name__ == "__main__":
    sys.exit(main())
