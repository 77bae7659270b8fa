"""What an operator reads at 3 a.m. is true: every metric is explained, and every command works as it stands."""

import inspect
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from support.house import House

from proxy.logs import JsonLines, Words
from proxy.metrics import Metrics
from proxy.watching import lines

PAGES = Path(__file__).resolve().parents[2] / "docs" / "operating"
METRICS = (PAGES / "metrics.md").read_text()


def names() -> set[str]:
    """Return our metrics as Prometheus shows them."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in Metrics().registry.collect()
        if family.name.startswith("faregate_")
    }


def test_every_metric_is_explained() -> None:
    rows = "".join(re.findall(r"^\| (`.*?) \|", METRICS, re.MULTILINE))
    assert set(re.findall(r"`(faregate_\w+)`", rows)) == names()


def test_no_page_names_a_metric_that_is_not_there() -> None:
    own = {f"{family.name}{end}" for family in Metrics().registry.collect() for end in ("", "_total")}
    for page in PAGES.glob("*.md"):
        found = set(re.findall(r"`((?:faregate|process)_[a-z_]+)`", page.read_text()))
        assert found <= own, page.name


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("operated")
    (folder / "var").mkdir()
    database = {"database": "sqlite:///var/faregate.db"}
    house = House(folder, {"openai": {"upstream": "sandbox"}}, database).start()
    yield house
    assert house.stop() == 0, house.log


def commands() -> list[str]:
    """Return every shell block of the pages about watching, each once; the others have tests of their own."""
    blocks = []
    for page in (PAGES / f"{name}.md" for name in ("alerts", "logs", "metrics", "tracing")):
        for indent, block in re.findall(r"^( *)```sh\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL):
            blocks.append("\n".join(line.removeprefix(indent) for line in block.splitlines()))
    return list(dict.fromkeys(blocks))


@pytest.mark.process
@pytest.mark.parametrize("script", commands(), ids=lambda script: re.sub(r"\W+", "-", script)[:60])
def test_every_command_works_as_it_stands(house: House, script: str) -> None:
    if "curl" in script and shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    script = script.replace("http://127.0.0.1:8081", house.operator)
    token = (house.folder / "var" / "faregate.db.admin-token").read_text().strip()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=house.folder,
        env=house.environment | {"PATH": path, "FAREGATE_ADMIN_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    assert '"error"' not in done.stdout, done.stdout
    assert done.stdout.strip() or script.endswith("|| true"), f"{script} said nothing"


# --- The page of logs

LOGS = (PAGES / "logs.md").read_text()
ROOT = PAGES.parents[1]


def test_every_logger_of_ours_is_on_the_page() -> None:
    used = set()
    for source in (ROOT / "proxy").rglob("*.py"):
        used |= set(re.findall(r'getLogger\("(faregate[\w.]*)"\)', source.read_text()))
        assert "getLogger(__name__)" not in source.read_text(), f"{source}: operators know loggers as faregate.*"
    assert used == set(re.findall(r"`(faregate(?:\.\w+)?)`", LOGS))


def test_every_member_of_a_call_s_line_is_on_the_page() -> None:
    table = LOGS.split("## One line a call")[1]
    told = set(re.findall(r'told\["(\w+)"\]|^        "(\w+)": ', inspect.getsource(lines.fields), re.MULTILINE))
    names = {one or other for one, other in told} | {f"{name}_usd" for name in ("waived", "shortfall", "exposure")}
    rows = "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", rows)) == names


def test_the_examples_are_what_the_formatters_make() -> None:
    examples = re.search(r"^(2026.*)\n(\{.*)$", LOGS, re.MULTILINE)
    assert examples is not None
    words, line = examples.groups()
    told = json.loads(line)
    record = logging.LogRecord(told["log"], logging.INFO, "", 0, told["message"], (), None)
    record.created = datetime.fromisoformat(told["at"]).timestamp()
    record.msecs = 120.0
    record.fields = {name: told[name] for name in list(told)[4:]}
    assert JsonLines().format(record) == line
    assert Words().format(record).split(" ", 2)[2] == words.split(" ", 2)[2]


# --- The page of traces


def test_every_attribute_of_a_trace_is_on_the_page() -> None:
    made = (ROOT / "proxy" / "watching" / "traces.py").read_text()
    used = set(re.findall(r'"((?:http|faregate|gen_ai|server|error)\.[\w.]+)"', made))
    used |= {f"gen_ai.usage.{part}_tokens" for part in ("cache_read.input", "cache_write.input")}
    told = set(re.findall(r"`((?:http|faregate|gen_ai|server|error)\.[a-z_.]+)`", (PAGES / "tracing.md").read_text()))
    assert told == used
