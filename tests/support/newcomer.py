"""Someone who has just come: runs what a page or the demo prints, in an environment where nothing is set."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support.house import READY_WITHIN_S
from support.sdk import interpreter

SDK = "latest"
LAST_LINE = "faregate ledger list demo"


def environment(**more: str) -> dict[str, str]:
    """Return a newcomer's environment: `faregate` is found, and nothing of ours or of a provider's is set."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **more}


@dataclass
class Server:
    """A process of ours in a folder of its own, and what it has written."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def said(self) -> str:
        """What it printed."""
        return (self.folder / "out.txt").read_text()

    @property
    def log(self) -> str:
        """What it logged."""
        return (self.folder / "log.txt").read_text()

    def until(self, truth: Callable[[], bool]) -> None:
        """Wait for something that it prints or logs."""
        deadline = time.monotonic() + READY_WITHIN_S
        while not truth():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.03)

    def stop(self) -> int:
        """SIGINT, as a newcomer presses Ctrl-C, and wait."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)


def start(folder: Path, *words: str, **more: str) -> Server:
    """Start a command of ours that goes on."""
    with (folder / "out.txt").open("wb") as out, (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, env=environment(**more), stdout=out, stderr=log)
    return Server(process, folder)


def shell(folder: Path, script: str, **more: str) -> str:
    """Run lines as they stand, in a shell that stops at the first that fails. Returns what they printed."""
    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


def python(script: str, environment_of: str = SDK) -> str:
    """Run Python as it stands where the SDKs are. Skips, or fails where it must not, if they are nowhere."""
    done = subprocess.run(
        [str(interpreter(environment_of)), "-c", script],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stderr}"
    return done.stdout


def printed(text: str, title: str) -> str:
    """Return the lines that stand below a title, up to the next one."""
    below = text.split(f"  {title}\n", 1)[1]
    return re.split(r"^  (?:\w+: with|what it cost)", below, maxsplit=1, flags=re.MULTILINE)[0].strip() + "\n"
