"""What the kernel says of processes and cores, read from /proc. Linux only."""

import os
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def cores() -> tuple[int, int]:
    """Return the core of the contestants, and the core of everything else; the same one if there is but one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[min(1, len(allowed) - 1)]


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process, all its threads and all its descendants."""
    return sum(map(_cpu_of_one, _tree(pid)))


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process and its descendants, in MB."""
    pages = (int((_PROC / str(one) / "statm").read_text().split()[1]) for one in _tree(pid))
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def busy_seconds(core: int) -> float:
    """Return how long a core was not idle since the machine was started."""
    for line in (_PROC / "stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = map(int, ticks)
            return (user + nice + system + irq + softirq + steal) * _TICK_S
    raise LookupError(f"/proc/stat has no core {core}")


def _cpu_of_one(pid: int) -> float:
    # The name in parentheses may hold blanks; utime and stime are the 14th and 15th field, the 3rd follows the name.
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def _tree(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        for thread in (_PROC / str(one) / "task").iterdir():
            found.extend(map(int, (thread / "children").read_text().split()))
    return found
