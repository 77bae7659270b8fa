"""The shell lines of the pages on tenants, keys and the audit log, run as they stand, in order, on one server."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.house import House

pytestmark = pytest.mark.process

PAGES = Path(__file__).resolve().parents[2] / "docs" / "operating"


def lines(page: str) -> list[str]:
    """Return the commands of a page's shell blocks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (PAGES / page).read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"), {"openai": {"upstream": "sandbox"}})
    yield made.start()
    assert made.stop() == 0


def shell(house: House, line: str, **more: str) -> str:
    environment = {**house.environment, "PATH": f"{Path(sys.executable).parent}:{house.environment['PATH']}", **more}
    done = subprocess.run(
        ["sh", "-eu", "-c", line], cwd=house.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def told(house: House) -> dict[str, str]:
    """What each line of the page on tenants and keys prints; KEY is the first key of the list."""
    said: dict[str, str] = {}
    for line in lines("tenants-and-keys.md"):
        key = ""
        if "$KEY" in line:
            keys = house.cli("key", "list", "acme")["data"]
            key = next(each["id"] for each in keys if each["state"] == "active" and not each["replaced_by"])
        said[line] = said.get(line, "") + shell(house, line, KEY=key)
    return said


def test_what_the_page_promises(house: House, told: dict[str, str]) -> None:
    def about(start: str) -> str:
        return next(said for line, said in told.items() if line.startswith(start))

    again = next(said for line, said in told.items() if line.endswith("# the same again: nothing is written"))
    assert "nothing was written now" in again
    assert "balance_usd  20\n" in about("faregate balance acme")
    assert "minimum_usd  -10\n" in about("faregate tenant minimum acme -10")
    assert "it is never shown again" in about("faregate key create acme --app chatbot")
    assert "gpt-5*" in about("faregate key list")
    assert "replaces" in about('faregate key rotate "$KEY"')
    if bash := shutil.which("bash"):
        done = subprocess.run(
            [bash, "-c", ". ./faregate-completion.bash && complete -p faregate"],
            cwd=house.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "_faregate_completion" in done.stdout


def test_what_changed_is_told(house: House, told: dict[str, str]) -> None:
    assert told
    for line in lines("audit.md"):
        shell(house, line)
    actions = {deed["action"] for deed in house.cli("audit", "list")["data"]}
    page = (PAGES / "audit.md").read_text()
    listed = set(re.findall(r"`(\w+\.\w+)`", next(row for row in page.splitlines() if row.startswith("| `action` |"))))
    assert listed - actions == {"server.reload", "rates.use"}, "and these are tested where they are made"
    assert actions <= listed

    assert "fg-" not in json.dumps(house.cli("audit", "list"))
