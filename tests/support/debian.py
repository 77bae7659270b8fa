"""Fetches servers that the tests put beside the house from Debian's packages, without root, into `.debian/NAME`.

`python tests/support/debian.py` does it, and `make test` runs that. apt's lists and cache lie there too while it runs,
so nothing of the machine's is touched. One that is there and starts is left as it is. Where one cannot be had (no apt,
no network) the tests that need it are skipped, loudly; with DEBIAN_TESTS=required this fails, and so do they.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec import Struct

FOLDER = Path(__file__).parents[2] / ".debian"
APT_S = 300


class Program(Struct, frozen=True):
    """A program of a package: where it lies in it, and the argument with which it says its version and ends."""

    package: str
    path: str
    version: str


PROGRAMS: Mapping[str, Program] = {
    "nginx": Program("nginx", "usr/sbin/nginx", "-v"),
    "caddy": Program("caddy", "usr/bin/caddy", "version"),
    "prometheus": Program("prometheus", "usr/bin/prometheus", "--version"),
    "promtool": Program("prometheus", "usr/bin/promtool", "--version"),
}


def required() -> bool:
    """Tell whether a missing program is a failure, not a reason to skip."""
    return os.environ.get("DEBIAN_TESTS") == "required"


def starts(path: Path, version: str) -> bool:
    """Tell whether a program is there, and whole: one that lacks a library does not say its version."""
    return path.exists() and subprocess.run([path, version], capture_output=True, check=False).returncode == 0


def find(name: str, folder: Path = FOLDER) -> Path | None:
    """Return where a program is: fetched, else installed on the machine, else nowhere."""
    wanted = PROGRAMS[name]
    fetched = folder / wanted.package / wanted.path
    if starts(fetched, wanted.version):
        return fetched
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    return Path(found) if found and starts(Path(found), wanted.version) else None


def program(name: str) -> Path:
    """Return where a program is. Skips the test if it is nowhere, or fails it where it has to be there."""
    if found := find(name):
        return found
    lacks = f"{name} is missing: run `python tests/support/debian.py`, or install it"
    if required():
        pytest.fail(lacks)
    pytest.skip(lacks)


def apt(folder: Path, *words: str) -> int:
    """Run apt-get on lists and a cache in a folder of our own. Returns its exit status."""
    lists, cache, work = folder / "apt" / "lists", folder / "apt" / "cache", folder / "apt" / "work"
    for needed in (lists / "partial", cache / "archives" / "partial", work):
        needed.mkdir(parents=True, exist_ok=True)
    options = (f"Dir::State::Lists={lists}", f"Dir::Cache={cache}", "Debug::NoLocking=true", "APT::Sandbox::User=")
    command = ["apt-get", "--quiet=2", *(part for option in options for part in ("-o", option)), *words]
    return subprocess.run(command, cwd=work, timeout=APT_S, check=False).returncode


def fetch(package: str, folder: Path = FOLDER) -> bool:
    """Fetch one package and unpack it; tell whether that worked. What an earlier try left behind is thrown away."""
    shutil.rmtree(folder / package, ignore_errors=True)
    if shutil.which("apt-get") is None or apt(folder, "download", package):
        return False
    archive = max((folder / "apt" / "work").glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime)
    return subprocess.run(["dpkg", "-x", archive, folder / package], check=False).returncode == 0


def main(folder: Path = FOLDER) -> int:
    """Fetch what is missing. Returns the exit status."""
    missing = {PROGRAMS[name].package for name in PROGRAMS if find(name, folder) is None}
    if missing and shutil.which("apt-get"):
        apt(folder, "update")
    status = 0
    for package in sorted(missing):
        if not fetch(package, folder):
            sys.stderr.write(f"Debian's package {package} cannot be had here: its tests will not run\n")
            status = 1 if required() else status
    shutil.rmtree(folder / "apt", ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
