"""The page on questions about money: its lines run as they stand, and what it shows is what they print."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.caller import call, chat, request
from support.house import House

pytestmark = pytest.mark.process

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operating" / "questions.md").read_text()
CHANGING = re.compile(r"(call|led|tnt|key)_[0-9A-Z]{26}|[0-9][0-9.:,Z-]*")


def blocks(kind: str) -> list[str]:
    """Return the page's blocks of a kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What each line of the page prints, on a server that has answered one call and refused another."""
    folder = tmp_path_factory.mktemp("house")
    (folder / "prices").mkdir()
    (folder / "request.json").write_bytes(chat())
    house = House(folder, {"openai": {"upstream": "sandbox"}}, {"rates_dir": str(folder / "prices")}).start()
    try:
        key = house.tenant("acme")
        ids = [
            call(house.edge, request(key, chat(model=model))).headers["faregate-call-id"]
            for model in ("gpt-5-mini", "gpt-99")
        ]
        more = {"CALL": ids[0], "REFUSED": ids[1]}
        lines = [line for block in blocks("sh") for line in block.splitlines()]
        yield {line: shell(house, line, **more) for line in lines}
    finally:
        assert house.stop() == 0, house.log


def shell(house: House, line: str, **more: str) -> str:
    environment = {**house.environment, "PATH": f"{Path(sys.executable).parent}:{house.environment['PATH']}", **more}
    done = subprocess.run(
        ["sh", "-eu", "-c", line], cwd=house.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def kept(line: str) -> str:
    """Return what of a printed line does not change from call to call."""
    return " ".join(CHANGING.sub("", line).split())


def test_every_line_prints_something(printed: dict[str, str]) -> None:
    silent = {line for line, said in printed.items() if not said.strip()}
    assert silent == {line for line in printed if line.endswith((".ndjson", "rates diff"))}


def test_what_the_page_shows_is_what_is_printed(printed: dict[str, str]) -> None:
    said = {kept(line) for text in printed.values() for line in text.splitlines()}
    said |= {text.replace("by model", "by unit").replace("model calls", "unit calls") for text in said}
    shown = [line for block in blocks("text") for line in block.splitlines() if line.strip()]
    assert len(shown) > 25
    lost = [line for line in shown if kept(line) not in said and not line.startswith("openai.")]
    assert lost == []


def test_what_was_written_out_is_whole(printed: dict[str, str]) -> None:
    assert any("lines" in said for line, said in printed.items() if line.endswith("acme.csv"))
    assert json.dumps(printed)
