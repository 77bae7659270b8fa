"""Runs a Dockerfile without an engine: a stage is a folder, absolute paths are moved into it, this Python is the base.

What it knows is what our Dockerfile uses, and it fails on anything else. Nothing is isolated: `useradd` is replaced by
a script that only makes the home, and a step may say that it expects another Python than the one here.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

STEP_S = 300
TOP = ("opt", "src", "wheels", "var", "etc")
"""The top folders of an image that our steps name."""

USERADD = """#!/bin/sh
while [ $# -gt 1 ]; do case "$1" in --home-dir) mkdir -p "$2";; esac; shift; done
"""


@dataclass(frozen=True)
class Step:
    """One instruction: its name in capitals, and the rest of it on one line."""

    name: str
    rest: str

    @property
    def words(self) -> list[str]:
        """The rest as words, whether it is written as JSON or as a command line."""
        return list(json.loads(self.rest)) if self.rest.startswith("[") else shlex.split(self.rest)


def parse(text: str) -> list[Step]:
    """Return the steps of a Dockerfile; comments are left out, also between the lines of one step."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [Step(*re.split(r"\s+", line.strip(), maxsplit=1)) for line in joined.splitlines()]


def context(root: Path, into: Path) -> Path:
    """Copy what an engine would be sent: all that `.dockerignore` does not keep out. Returns `into`."""
    rules = [line for line in (root / ".dockerignore").read_text().split("\n") if line and not line.startswith("#")]
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not name.startswith((".git/", ".venv", ".debian")) and not _ignored(name, rules):
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, into / name)
    return into


def _ignored(name: str, rules: list[str]) -> bool:
    """Tell whether a file is kept out: the last rule that fits it, or a folder above it, decides."""
    parts = name.split("/")
    places = ["/".join(parts[: length + 1]) for length in range(len(parts))]
    ignored = False
    for rule in rules:
        pattern = rule.removeprefix("!")
        if any(fnmatch.fnmatch(place, pattern) or fnmatch.fnmatch(f"/{place}", pattern[2:]) for place in places):
            ignored = not rule.startswith("!")
    return ignored


@dataclass
class Stage:
    """A stage as a folder, and what an image made of it would say of itself."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = ""
    said: dict[str, Step] = field(default_factory=dict)

    def at(self, path: str) -> Path:
        """Return where a path of the image is."""
        return self.root / (path if path.startswith("/") else f"{self.folder}/{path}").lstrip("/")

    def moved(self, text: str) -> str:
        """Return a text in which the image's absolute paths are those of the folder."""
        return re.sub(rf"(?<![\w./-])/({'|'.join(TOP)})(?=[/\s:\"']|$)", rf"{self.root}/\1", text)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a process in this stage."""
        kept = {name: os.environ[name] for name in ("LANG", "HOME") if name in os.environ}
        return {**kept, **{name: self.moved(value) for name, value in self.environment.items()}}


@dataclass
class Build:
    """Runs the steps. `may_fail` is asked of a step that failed whether it may, on the Python that is here."""

    context: Path
    place: Path
    may_fail: Callable[[str], bool] = lambda _: False
    arguments: dict[str, str] = field(default_factory=dict)
    stages: dict[str, Stage] = field(default_factory=dict)

    def run(self, steps: list[Step]) -> Stage:
        """Run all steps and return the last stage."""
        stage = Stage(self.place)
        for step in steps:
            if step.name == "ARG":
                name, _, value = step.rest.partition("=")
                self.arguments[name] = value
            elif step.name == "FROM":
                stage = self._begin(step)
            else:
                getattr(self, f"_{step.name.lower()}")(stage, step)
        return stage

    def _begin(self, step: Step) -> Stage:
        base, _, name = step.rest.partition(" AS ")
        assert base == "${BASE}", base
        root = self.place / (name or "final")
        venv.create(root / "base", with_pip=bool(name))
        useradd = root / "base" / "bin" / "useradd"
        useradd.write_text(USERADD)
        useradd.chmod(0o755)
        stage = Stage(root, {"PATH": f"{root / 'base' / 'bin'}{os.pathsep}{os.environ['PATH']}"})
        self.stages[name or "final"] = stage
        return stage

    def _run(self, stage: Stage, step: Step) -> None:
        cwd = stage.at(stage.folder)
        cwd.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["sh", "-eu", "-c", stage.moved(step.rest)],
            cwd=cwd,
            env=stage.variables,
            capture_output=True,
            text=True,
            timeout=STEP_S,
            check=False,
        )
        assert done.returncode == 0 or self.may_fail(step.rest), f"{step.rest}\n{done.stdout}{done.stderr}"

    def _copy(self, stage: Stage, step: Step) -> None:
        words = step.words
        origin = self.context
        if words[0].startswith("--from="):
            source = self.stages[words.pop(0).removeprefix("--from=")]
            origin = source.root
        *names, into = words
        for name in names:
            found, target = origin / name.lstrip("/"), stage.at(into)
            assert found.exists(), f"COPY {name}: it is not in the context; see .dockerignore"
            if found.is_dir():
                shutil.copytree(found, target, symlinks=True, dirs_exist_ok=True)
            else:
                target = target / found.name if into.endswith(("/", ".")) else target
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, target)
        if origin != self.context:
            _retell(stage.at(into), str(origin), str(stage.root))

    def _env(self, stage: Stage, step: Step) -> None:
        for word in step.words:
            name, _, value = word.partition("=")
            stage.environment[name] = re.sub(
                r"\$(\w+)", lambda found: stage.environment.get(found[1], ""), stage.moved(value)
            )

    def _workdir(self, stage: Stage, step: Step) -> None:
        stage.folder = step.rest
        stage.at(step.rest).mkdir(parents=True, exist_ok=True)

    def _user(self, stage: Stage, step: Step) -> None:
        stage.user = step.rest

    def _say(self, stage: Stage, step: Step) -> None:
        stage.said[step.name] = step

    _volume = _expose = _healthcheck = _stopsignal = _entrypoint = _cmd = _say


def _retell(folder: Path, old: str, new: str) -> None:
    """In an engine both stages have the same paths; here a program's first line must be told the new one."""
    for path in _texts(folder):
        text = path.read_text()
        if old in text:
            path.write_text(text.replace(old, new))


def _texts(folder: Path) -> Iterator[Path]:
    for path in [*folder.glob("bin/*"), *folder.glob("pyvenv.cfg")]:
        if path.is_file() and not path.is_symlink() and b"\0" not in path.read_bytes():
            yield path


def optimised(python: str = sys.executable) -> bool:
    """Tell whether a Python was built with its own profile-guided and link-time optimisation."""
    ask = "import sysconfig; print(sysconfig.get_config_var('CONFIG_ARGS'))"
    told = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout
    return "--enable-optimizations" in told and "--with-lto" in told
