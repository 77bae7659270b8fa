"""The machine: open files, the clock's own opinion of itself, the version of SQLite."""

import ctypes
import resource
import sqlite3
import ssl
from pathlib import Path

from proxy.doctor.finding import Finding, failed, ok, skipped, warning

OPEN_FILES_MIN = 4096
"""A call takes two connections, and a thousand calls may wait at once."""

FILES_OF_OUR_OWN = 64
FILES_PER_CALL = 2

SQLITE_MIN = (3, 37, 0)
"""STRICT tables (https://sqlite.org/stricttables.html)."""

_TIMEX_BYTES = 512
"""More than `struct timex` has on any system (208 on 64-bit Linux, adjtimex(2)); zeros only ask."""

_TIME_ERROR = 5
"""What adjtimex(2) returns where the clock is not synchronised."""


def open_files(server: int | None = None) -> Finding:
    """Look at how many files and connections may be open: the server's own limit if one runs, else this shell's."""
    name = "open files"
    limit = _limit_of(server) if server is not None else None
    whose = f"the running server (pid {server})" if limit is not None else "this shell, so a server started here,"
    if limit is None:
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return ok(name, f"{whose} may open any number")
    calls = max(0, limit - FILES_OF_OUR_OWN) // FILES_PER_CALL
    text = f"{whose} may open {limit}: enough for about {calls} calls at once"
    if limit < OPEN_FILES_MIN:
        return warning(name, text, "raise it: `ulimit -n 65536`, or LimitNOFILE=65536 in the service's unit")
    return ok(name, text)


def _limit_of(process: int) -> int | None:
    """Return another process's limit, where the system tells."""
    try:
        lines = Path(f"/proc/{process}/limits").read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    for line in lines:
        if line.startswith("Max open files"):
            soft = line.split()[3]
            return int(soft) if soft.isdigit() else None
    return None


def clock_service() -> Finding:
    """Ask the kernel whether something keeps the clock right."""
    name = "clock service"
    try:
        ask = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return skipped(name, "this system does not tell")
    state = ask(ctypes.create_string_buffer(_TIMEX_BYTES))
    if state < 0:
        return skipped(name, "this system does not tell")
    if state == _TIME_ERROR:
        remedy = "start an NTP service, such as chrony or systemd-timesyncd; keys expire and days end by this clock"
        return warning(name, "nothing keeps the clock right", remedy)
    return ok(name, "the clock is synchronised")


def libraries() -> Finding:
    """Look at the versions of what Python brings along."""
    name = "libraries"
    text = f"SQLite {sqlite3.sqlite_version}, {ssl.OPENSSL_VERSION}"
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        wanted = ".".join(map(str, SQLITE_MIN))
        return failed(name, text, f"run a Python whose SQLite is {wanted} or newer")
    return ok(name, text)
