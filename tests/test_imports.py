"""Every module imports alone, with warnings as errors: no module leans on another having been imported before it.

A fresh interpreter for each of some two hundred modules would take a minute. Instead one process imports the outer
packages once and forks for each module, so that every fork begins with nothing of `proxy` loaded.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "proxy").rglob("*.py")
)

FORKING = """
import importlib, os, sys, traceback
import aiohttp.web, aiosqlite, brotli, click, msgspec, prometheus_client, rich.console, uvloop, yaml, zstandard
import argparse, sqlite3
assert not [name for name in sys.modules if name.split(".")[0] == "proxy"]
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        try:
            importlib.import_module(name)
        except BaseException as error:
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_each_module_imports_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKING, *MODULES], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


def test_the_list_is_not_empty() -> None:
    """A path that has moved would make the test above pass without a word."""
    assert {"proxy", "proxy.call", "proxy.money", "proxy.wire.splice", "proxy.__main__"} <= set(MODULES)


@pytest.mark.parametrize("name", ["proxy.call", "proxy.steps.invoke", "proxy.ledger.transitions", "proxy.usage.reader"])
def test_the_life_of_a_call_needs_no_client_and_no_database(name: str) -> None:
    """What a simulation runs must not drag the real doors in with it."""
    code = (
        f"import sys, {name}; print(sorted({{'aiohttp', 'aiosqlite', 'sqlite3', 'yaml', 'click'}} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
