"""The house style, checked on the syntax tree. Each message ends with what to do instead.

A rule is a function from a source file to its faults. `SINS` holds one planted fault for each of them, so that a rule
which stops finding anything is found out.
"""

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FUNCTION_LINES_MAX, FILE_LINES_MAX = 70, 600
LINE_LENGTH_MAX: int = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["line-length"]
PURE = (
    "money",
    "ids",
    "clock",
    "errors",
    "wire",
    "usage",
    "tenants",
    "calls",
    "bounds",
    "pricing",
    "ledger",
    "providers",
)
PROVIDERS = sorted({path.stem for folder in ("providers", "sandbox") for path in ROOT.glob(f"config/{folder}/*.yaml")})
WORDS = {"replicate", "together", "voyage", "writer", "fireworks"}
"""Names of providers that are words too: inside a sentence they say nothing of a provider."""

Fault = tuple[int, str]
Function = ast.FunctionDef | ast.AsyncFunctionDef
Rule = Callable[["Source"], Iterator[Fault]]


class Source:
    """One Python file: `path` is relative to the repository's root."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.tree = ast.parse(text)

    def below(self, *places: str) -> bool:
        """Tell whether this file is, or lies in, one of these places of `proxy`."""
        inner = self.path.removeprefix("proxy/")
        return any(inner == f"{place}.py" or inner.startswith(f"{place}/") for place in places)

    @cached_property
    def comments(self) -> dict[int, str]:
        """The comment of each line that has one."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}

    @cached_property
    def names(self) -> dict[str, str]:
        """What each imported name stands for, in full."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found.update(
                    {
                        (a.asname or a.name.split(".")[0]): (a.name if a.asname else a.name.split(".")[0])
                        for a in node.names
                    }
                )
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
        return found

    def dotted(self, node: ast.expr) -> str:
        """Return what a name or attribute stands for; an attribute of something computed begins with a dot."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            return f"{self.dotted(node.value)}.{node.attr}"
        return ""

    @cached_property
    def docs(self) -> set[int]:
        """The strings that only document: statements of their own, by the identity of their nodes."""
        return {id(node.value) for node in ast.walk(self.tree) if isinstance(node, ast.Expr)}


# --- Size and docstrings


def too_long(source: Source) -> Iterator[Fault]:
    lines = source.text.splitlines()
    if len(lines) > FILE_LINES_MAX:
        yield 1, f"{len(lines)} lines; split the file by its nouns (at most {FILE_LINES_MAX})"
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_LENGTH_MAX:
            yield number, f"{len(line)} characters; break the line (at most {LINE_LENGTH_MAX})"


def too_long_functions(source: Source) -> Iterator[Fault]:
    for node in ast.walk(source.tree):
        if isinstance(node, Function) and (size := node.end_lineno - node.lineno + 1) > FUNCTION_LINES_MAX:
            yield node.lineno, f"{node.name} has {size} lines; split it into steps (at most {FUNCTION_LINES_MAX})"


def undocumented(source: Source) -> Iterator[Fault]:
    if not ast.get_docstring(source.tree):
        yield 1, "no docstring; say what the module is, and what it never does"
    yield from _undocumented(source.tree.body)


def _undocumented(body: Sequence[ast.stmt]) -> Iterator[Fault]:
    for node in body:
        if isinstance(node, (*Function.__args__, ast.ClassDef)) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                yield node.lineno, f"{node.name} has no docstring; say what it returns, in which unit, what it raises"
            if isinstance(node, ast.ClassDef):
                yield from _undocumented(node.body)


# --- What may be called where


class Ban:
    """A name that may not be used: in `only` (all of `proxy` if empty), but for `but`. `say` is what to do instead."""

    def __init__(self, name: str, say: str, *, but: Sequence[str] = (), only: Sequence[str] = ()) -> None:
        self.name, self.say, self.but, self.only = name, say, but, only

    def meets(self, source: Source, dotted: str) -> bool:
        """Tell whether a name used in a file is the banned one, or stands below it."""
        if source.below(*self.but) or (self.only and not source.below(*self.only)):
            return False
        if self.name.startswith("."):
            return dotted.endswith(self.name)
        return dotted == self.name or dotted.startswith(f"{self.name}.")


TASKS = "use proxy.tasks.Tasks.start: a task that nobody refers to may vanish, and its failure with it"
CLOCK = "take a proxy.clock.Clock: time is handed in, so that a simulation can hold it"
ENVIRONMENT = "take the value as an argument: the environment is read in proxy/loading only"
BANS = (
    Ban(".create_task", TASKS, but=("tasks", "web/connection")),
    Ban(".ensure_future", TASKS, but=("tasks",)),
    Ban("time.sleep", "await what you wait for: a signal, never a time"),
    Ban("time.time", CLOCK, but=("app", "cli", "sandbox/pace")),
    Ban("time.time_ns", CLOCK, but=("app", "sandbox/pace")),
    Ban("print", "log it; only the command line prints", but=("cli", "app", "__main__")),
    Ban("datetime.datetime.now", CLOCK),
    Ban("datetime.datetime.utcnow", CLOCK),
    Ban("datetime.datetime.today", CLOCK),
    Ban("datetime.date.today", CLOCK),
    Ban("random", "use secrets in app.py, or take a seeded source: what touches money must replay"),
    Ban("uuid", "use proxy.ids: every id is a prefixed ULID"),
    Ban("os.environ", ENVIRONMENT, but=("loading", "cli", "__main__")),
    Ban("os.getenv", ENVIRONMENT, but=("loading", "cli", "__main__")),
    Ban(
        "float",
        "use int nanos, Decimal or a ratio: no float holds money",
        only=("money", "pricing", "ledger", "bounds"),
    ),
    Ban(
        "proxy.providers.permit.FreeRoute",
        "only steps/authorize.py makes the leave to send without a hold; take it from there",
        but=("steps/authorize",),
    ),
)
CALLS_ONLY = {"print", "float", "proxy.providers.permit.FreeRoute"}
"""Names that a type may mention; only calling them is meant."""


def banned(source: Source) -> Iterator[Fault]:
    called = {id(node.func) for node in ast.walk(source.tree) if isinstance(node, ast.Call)}
    inner = {id(node.value) for node in ast.walk(source.tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(source.tree):
        if not isinstance(node, (ast.Name, ast.Attribute)) or id(node) in inner:
            continue
        dotted = source.dotted(node)
        for ban in BANS:
            if (ban.name not in CALLS_ONLY or id(node) in called) and ban.meets(source, dotted):
                yield node.lineno, f"{ban.name.lstrip('.')} is banned; {ban.say}"
                break


def asserts(source: Source) -> Iterator[Fault]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assert):
            yield node.lineno, "assert vanishes under python -O; use proxy.errors.invariant"


def impure(source: Source) -> Iterator[Fault]:
    """Floors 1 to 3 are bytes in, values out; a protocol's bodiless methods wait for nothing."""
    if not source.below(*PURE):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)) or (
            isinstance(node, ast.AsyncFunctionDef) and runs(node)
        ):
            yield node.lineno, "a pure floor never waits; return a value, and let a step wait"
    for name, full in source.names.items():
        if full.split(".")[0] in {
            "asyncio",
            "time",
            "random",
            "secrets",
            "os",
            "socket",
            "threading",
            "aiohttp",
            "sqlite3",
        }:
            yield 1, f"a pure floor imports {name} ({full}); take what it gives as an argument"


# --- Failures and exceptions to rules


def broad(source: Source) -> Iterator[Fault]:
    """Catching everything needs a reason on its line, unless it only cleans up and raises again."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            last = node.body[-1]
            again = isinstance(last, ast.Raise) and last.exc is None
            if any(kind is None or source.dotted(kind) in ("Exception", "BaseException") for kind in kinds) and not (
                again or reason(source.comments.get(node.lineno, ""))
            ):
                yield node.lineno, "a broad except; name what you expect, or say in a comment on its line why not"


def waved(source: Source) -> Iterator[Fault]:
    for number, comment in source.comments.items():
        for mark in re.findall(r"#\s*(?:type:\s*ignore|noqa)\S*", comment):
            coded = re.fullmatch(r"#\s*(?:type:\s*ignore\[[a-z0-9-]+\]|noqa:.*)", mark)
            if not coded or not reason(comment):
                yield (
                    number,
                    "a checker is silenced; name its code, and say why in a second comment: `# noqa: X1  # why`",
                )


def reason(comment: str) -> bool:
    """Tell whether a comment says something beside codes for checkers."""
    return bool(
        re.sub(
            r"#\s*(?:type:\s*ignore(?:\[[^\]]*\])?|noqa(?::\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*)?)", "", comment
        ).strip("# ")
    )


def provider_names(source: Source) -> Iterator[Fault]:
    """A literal with a provider's name is a difference between providers that should be data."""
    names = re.compile(rf"\b({'|'.join(map(re.escape, PROVIDERS))})\b", re.IGNORECASE)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in source.docs:
            for found in names.finditer(node.value):
                if found[0].casefold() in WORDS and found[0] != node.value:
                    continue
                yield node.lineno, f"the literal names {found[0]}; put what differs into config/providers/*.yaml"


# --- Twins


def runs(function: Function) -> bool:
    """Tell whether a function has a body: more than a docstring and `...`."""
    return not all(isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in function.body)


def needs_twin(source: Source) -> bool:
    """A module in which nothing runs (protocols, values, aliases) has nothing to test."""
    return not source.path.endswith("__init__.py") and any(
        isinstance(node, Function) and runs(node) for node in ast.walk(source.tree)
    )


def twin(source: Source) -> PurePosixPath:
    path = PurePosixPath(source.path)
    return PurePosixPath("tests/unit", *path.parts[1:-1], f"test_{path.stem.strip('_')}.py")


def alone(source: Source) -> Iterator[Fault]:
    if needs_twin(source) and not (ROOT / twin(source)).exists():
        yield 1, f"has no twin; write {twin(source)}"


RULES: tuple[Rule, ...] = (
    too_long,
    too_long_functions,
    undocumented,
    banned,
    asserts,
    impure,
    broad,
    waved,
    provider_names,
    alone,
)
EVERYWHERE = (too_long, waved)
"""Rules that tests and benchmarks keep too."""


def read(path: Path) -> Source:
    return Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


def faults(source: Source, rule: Rule) -> list[str]:
    return [f"{source.path}:{line}: {message}" for line, message in rule(source)]


OURS = [read(path) for path in sorted((ROOT / "proxy").rglob("*.py"))]
OTHERS = [read(path) for folder in ("tests", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_is_tidy(rule: Rule) -> None:
    sources = [*OURS, *OTHERS] if rule in EVERYWHERE else OURS
    found = [fault for source in sources for fault in faults(source, rule)]
    assert not found, "\n" + "\n".join(found)


# --- Files that are not Python

MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:" + "wor" + "k|roo" + "t|tmp/" + r"w)(?![\w-])")
TEXT = {".py", ".yaml", ".yml", ".toml", ".md", ".sql", ".html", ".css", ".ini", ".txt", ".sh", ".json", ""}
FOLDERS = ("proxy", "config", "rates", "tests", "benchmarks", "docs", ".ci")


def text_files() -> Iterator[Path]:
    """Yield every text file of the repository, whatever tool keeps its versions."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXT)
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            inner = path.relative_to(ROOT / folder).parts
            hidden = any(part.startswith(".") or part == "__pycache__" for part in inner)
            if path.is_file() and path.suffix in TEXT and not hidden:
                yield path


def machine_paths(text: str) -> list[int]:
    return [number for number, line in enumerate(text.splitlines(), 1) if MACHINE_PATH.search(line)]


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in text_files()
        for line in machine_paths(path.read_text(encoding="utf-8"))
    ]
    assert found == [], "machine paths; use a path relative to the repository, or a setting"


DATA = sorted([*ROOT.glob("config/providers/*.yaml"), *ROOT.glob("rates/*.yaml")])


@pytest.mark.parametrize(
    "path", [path for path in DATA if path.name != "units.yaml"], ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_every_fact_about_a_provider_has_a_source(path: Path) -> None:
    """`units.yaml` is ours alone and repeats nobody's facts."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    source = str(content.get("source", ""))
    assert re.search(r"https://\S+|\d+\.\d+", source), f"{path.name}: name the page, or the package and its version"


# --- The tidy test, tested

CALL, WIRE, MONEY, WEB, STEP = (
    "proxy/call.py",
    "proxy/wire/sse.py",
    "proxy/money.py",
    "proxy/web/edge.py",
    "proxy/steps/x.py",
)
TRY = "try:\n    f()\nexcept {}\n    pass\n"
IGNORE, NOQA = "x = 1  # type: " + "ignore", "x = 1  # no" + "qa"
NAMED = [name for name in PROVIDERS if name not in WORDS]
FIRST, LAST = NAMED[0], NAMED[-1].upper()
Sins = Sequence[tuple[str, str, str]]

SINS: dict[Rule, Sins] = {
    too_long: (
        (MONEY, "x = 1\n" * 601, "601 lines; split the file"),
        (MONEY, f"x = '{'a' * LINE_LENGTH_MAX}'", f"{LINE_LENGTH_MAX + 6} characters; break the line"),
    ),
    too_long_functions: ((MONEY, "def f():\n" + "    x = 1\n" * 75, "f has 76 lines; split it"),),
    undocumented: (
        (MONEY, "x = 1", "no docstring; say what the module is"),
        (MONEY, '"""Doc."""\ndef f():\n    return 1', "f has no docstring; say what it returns"),
        (MONEY, '"""Doc."""\nclass C:\n    """Doc."""\n    async def m(self): ...', "m has no docstring"),
    ),
    banned: (
        (CALL, "import asyncio; asyncio.create_task(f())", "create_task is banned; use proxy.tasks"),
        (CALL, "from asyncio import create_task as go; go(f())", "create_task is banned"),
        (CALL, "import asyncio; asyncio.get_running_loop().create_task(f())", "create_task is banned"),
        (CALL, "from asyncio import ensure_future; ensure_future(f())", "ensure_future is banned; use proxy.tasks"),
        (WEB, "import time as t; t.sleep(1)", "time.sleep is banned; await"),
        (WEB, "from time import sleep; sleep(1)", "time.sleep is banned"),
        (STEP, "import time; now = time.time()", "time.time is banned; take a proxy.clock.Clock"),
        (WEB, "print(1)", "print is banned; log it"),
        (CALL, "from datetime import datetime, UTC; datetime.now(UTC)", "datetime.datetime.now is banned; take"),
        (CALL, "import datetime; datetime.datetime.utcnow()", "datetime.datetime.utcnow is banned"),
        (CALL, "from random import choice; choice([1])", "random is banned; use secrets"),
        (CALL, "import uuid; uuid.uuid4()", "uuid is banned; use proxy.ids"),
        (WEB, "import os; os.environ['A']", "os.environ is banned; take the value as an argument"),
        (WEB, "from os import environ; environ.get('A')", "os.environ is banned"),
        (WEB, "import os; os.getenv('A')", "os.getenv is banned"),
        ("proxy/pricing/card.py", "usd = float('1.5')", "float is banned; use int nanos"),
        (
            CALL,
            "from proxy.providers.permit import FreeRoute; FreeRoute('x')",
            "proxy.providers.permit.FreeRoute is banned; only",
        ),
    ),
    asserts: ((CALL, "assert True", "assert vanishes under python -O; use proxy.errors.invariant"),),
    impure: (
        (WIRE, "async def f(): return 1", "a pure floor never waits; return a value"),
        (WIRE, "import asyncio", "a pure floor imports asyncio (asyncio); take what it gives"),
        (MONEY, "from time import monotonic", "a pure floor imports monotonic (time.monotonic)"),
        ("proxy/bounds/size.py", "from os import environ", "a pure floor imports environ"),
    ),
    broad: (
        (CALL, TRY.format("Exception:"), "a broad except; name what you expect"),
        (CALL, TRY.format("(OSError, BaseException):  # no" + "qa: BLE001"), "a broad except"),
        (CALL, TRY.format(":").replace(" :", ":"), "a broad except"),
    ),
    waved: (
        (CALL, IGNORE, "a checker is silenced; name its code, and say why"),
        (CALL, f"{IGNORE}[misc]", "a checker is silenced"),
        (CALL, f"{NOQA}  # because", "a checker is silenced"),
        (CALL, f"{NOQA}: S101", "a checker is silenced"),
    ),
    provider_names: (
        (STEP, f"if name == '{FIRST}': pass", f"the literal names {FIRST}; put what differs into config"),
        (STEP, f"url = f'https://api.{LAST}.com/{{x}}'", f"the literal names {LAST}"),
    ),
    alone: ((STEP, "def f(): return 1", "has no twin; write tests/unit/steps/test_x.py"),),
}
VIRTUES: dict[Rule, Sequence[tuple[str, str]]] = {
    undocumented: (
        (MONEY, '"""Doc."""\ndef _f(): return 1'),
        (MONEY, '"""Doc."""\ndef f():\n    """Doc."""\n    def g(): return 1'),
    ),
    banned: (
        ("proxy/tasks.py", "import asyncio; asyncio.get_running_loop().create_task(f())"),
        ("proxy/cli/show.py", "import os; print(os.environ)"),
        ("proxy/pricing/card.py", "def f(share: float) -> None: ..."),
        (CALL, "from proxy.providers.permit import FreeRoute\nleave: FreeRoute | None = None"),
    ),
    impure: (
        ("proxy/calls/sink.py", 'class Sink:\n    async def f(self):\n        """Doc."""\n        ...'),
        (CALL, "import asyncio\nasync def f(): return 1"),
    ),
    broad: (
        (CALL, TRY.format("Exception:  # no" + "qa: BLE001  # the money must find its end")),
        (CALL, "try:\n    f()\nexcept BaseException:\n    undo()\n    raise"),
    ),
    waved: ((CALL, f"{NOQA}: S101, E501  # a test of tests"), (CALL, f"{IGNORE}[misc]  # it has no stubs")),
    provider_names: ((STEP, f'"""As {FIRST} does."""\nx = 1\n"""Doc of x for {FIRST}."""\n# {FIRST}'),),
    alone: (
        (STEP, 'class P(Protocol):\n    def f(self) -> int:\n        """Doc."""\n        ...'),
        ("proxy/steps/__init__.py", "def f(): return 1"),
    ),
}


def named(rule: Rule, *rest: str) -> Any:
    return pytest.param(rule, *rest, id=rule.__name__)


def test_every_rule_has_its_sin() -> None:
    assert set(SINS) == set(RULES)


@pytest.mark.parametrize(("rule", "path", "text", "fault"), [named(rule, *sin) for rule in SINS for sin in SINS[rule]])
def test_each_rule_finds_its_sin(rule: Rule, path: str, text: str, fault: str) -> None:
    found = faults(Source(path, text), rule)
    assert len(found) == 1, found
    assert f": {fault}" in found[0]
    assert "; " in found[0], "a message says what to do instead"


@pytest.mark.parametrize(("rule", "path", "text"), [named(rule, *good) for rule in VIRTUES for good in VIRTUES[rule]])
def test_each_rule_lets_the_right_thing_pass(rule: Rule, path: str, text: str) -> None:
    assert faults(Source(path, text), rule) == []


def test_machine_paths_are_told_from_routes() -> None:
    mine = "/" + "work/main"
    assert machine_paths(f"see {mine}\nand '/{'roo' + 't'}/.cache'\n(/tmp/{'w'}/dev)") == [1, 2, 3]
    assert machine_paths("/works\n/v1/work\nhttps://host/root\n./root\n/rooted") == []
