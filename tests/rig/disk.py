"""A volume for the database that can be full: a tmpfs in a mount namespace of its own.

Its size is moved, not its content: full is what it holds now and a few pages more. Nobody else sees the volume; it goes
with the process that holds the namespace. A user namespace makes that possible without privileges; where a machine
allows neither, there is no such volume (`small_disk` yields None), and the faults that need one are left out.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

WIDE_BYTES = 2**34
READY = "ready"


@dataclass
class Disk:
    """The volume: `folder` is where whoever is inside the namespace sees it."""

    holder: subprocess.Popen[str]
    folder: Path
    privileged: bool

    @property
    def inside(self) -> Sequence[str]:
        """The beginning of a command that is to see the volume."""
        user = () if self.privileged else ("--user", "--preserve-credentials")
        return ("nsenter", f"--target={self.holder.pid}", "--mount", *user, "--")

    @property
    def outside(self) -> Path:
        """Where everybody else sees it."""
        return Path("/proc", str(self.holder.pid), "root", *self.folder.parts[1:])

    def fill(self, left_bytes: int) -> None:
        """Leave so many bytes."""
        volume = os.statvfs(self.outside)
        self._resize((volume.f_blocks - volume.f_bfree) * volume.f_frsize + left_bytes)

    def free(self) -> None:
        """Leave more than anybody needs."""
        self._resize(WIDE_BYTES)

    def _resize(self, size: int) -> None:
        # What is written while this runs may make the size too small: then the volume is as full as it was to be.
        subprocess.run(
            [*self.inside, "mount", "-o", f"remount,size={size}", str(self.folder)], check=False, capture_output=True
        )


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Disk | None]:
    """Mount a volume on a folder, for those inside. Yields None where the machine does not let us."""
    folder.mkdir(exist_ok=True)
    for privileged in (True, False):
        user = () if privileged else ("--user", "--map-root-user")
        mounting = f'mount -t tmpfs -o size={WIDE_BYTES} rig "$1" && echo {READY} && exec cat'
        command = ["unshare", *user, "--mount", "sh", "-c", mounting, "sh", str(folder)]
        with contextlib.ExitStack() as stack:
            try:
                holder = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
                )
            except OSError:
                continue
            stack.enter_context(holder)
            if holder.stdout is None or holder.stdin is None or holder.stdout.readline().strip() != READY:
                continue
            yield Disk(holder, folder, privileged)
            holder.stdin.close()
            return
    yield None
