"""What is done to the server while it works. Each fault is over when its function returns; the deadly ones end it."""

import asyncio
import contextlib
import fcntl
import os
import random
import resource
import signal
from collections.abc import AsyncIterator, Iterator
from enum import StrEnum
from pathlib import Path

from rig.disk import Disk

WAL_WRITE_LOCK = 120
"""The byte of `-shm` that SQLite locks to write in WAL mode. To lock it is all that another writer would do."""

PAGE_BYTES = 4096


class Trouble(StrEnum):
    """What goes wrong while the server runs on."""

    NONE = "none"
    LOCKED = "database locked"
    FULL = "disk full"
    HALTED = "halted (SIGSTOP)"


class Death(StrEnum):
    """How the server ends."""

    KILLED = "killed (SIGKILL)"
    STOPPED = "stopped (SIGTERM)"
    BROKEN = "disk broken (I/O error)"


def roll(dice: random.Random, disk: Disk | None) -> tuple[Trouble, Death]:
    """Choose what happens next."""
    trouble = dice.choices(list(Trouble), weights=(55, 15, 15 if disk is not None else 0, 15))[0]
    death = dice.choices(list(Death), weights=(88, 8, 4))[0]
    return trouble, death


@contextlib.asynccontextmanager
async def troubled(trouble: Trouble, database: Path, pid: int, disk: Disk | None) -> AsyncIterator[None]:
    """Make trouble until the block is left."""
    if trouble is Trouble.LOCKED:
        with locked(database):
            yield
    elif trouble is Trouble.FULL and disk is not None:
        await asyncio.to_thread(disk.fill, 0)
        try:
            yield
        finally:
            await asyncio.to_thread(disk.free)
    elif trouble is Trouble.HALTED:
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    else:
        yield


@contextlib.contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold the write lock of a database."""
    with database.with_name(f"{database.name}-shm").open("r+b") as shared:
        fcntl.lockf(shared, fcntl.LOCK_EX, 1, WAL_WRITE_LOCK)
        yield


def break_disk(pid: int) -> None:
    """Let the process write into no file beyond its first page: that fails as a broken disk does, not as a full one."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (PAGE_BYTES, PAGE_BYTES))
