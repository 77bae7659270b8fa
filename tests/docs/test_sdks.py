"""Every snippet of docs/using/sdks.md, as it stands but for the port and the key, is a metered call."""

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sdk.node.build import node_folder
from support.desk import Desk
from support.house import House
from support.sdk import interpreter
from support.shapes import CHAT
from support.upstream import json_answer, upstream

pytestmark = [pytest.mark.process, pytest.mark.sdk]

PAGE = (Path(__file__).parents[2] / "docs" / "using" / "sdks.md").read_text()
FENCE = re.compile(r"^<!-- runs in ([\w-]+)(.*?) -->\n```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHOWN, SHOWN_KEY = "http://localhost:8080", "fg-..."
INTEGRATIONS = ("anthropic", "gemini", "openai")
SNIPPET_S = 100


@dataclass(frozen=True)
class Snippet:
    """A fenced block: where it runs, and what else is said of that."""

    environment: str
    how: str
    code: str

    @property
    def integrations(self) -> set[str]:
        """The integrations that it calls."""
        shown = PAGE.split("## LangChain")[0] if "with the variables" in self.how else self.code
        return {name for name in INTEGRATIONS if f"{SHOWN}/{name}" in shown}


SNIPPETS = [Snippet(found[1], found[2].strip(), found[4]) for found in FENCE.finditer(PAGE)]
NAMES = [f"{number}-{snippet.environment}" for number, snippet in enumerate(SNIPPETS)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    sandbox = {"upstream": "sandbox"}
    fast = {"sandbox": {"first_token_ms": 0, "tokens_per_second": 0}}
    made = House(tmp_path_factory.mktemp("house"), dict.fromkeys(INTEGRATIONS, sandbox), fast).start()
    try:
        yield made
        assert made.cli("ledger", "verify")["ok"] is True
        assert made.stop() == 0
        assert "Traceback" not in made.log, made.log
    finally:
        made.stop()


@contextlib.contextmanager
def house_of(snippet: Snippet, house: House, folder: Path) -> Iterator[House]:
    """The sandbox has Gemini's own routes; for its OpenAI-like one a provider is scripted."""
    if "with a scripted provider" not in snippet.how:
        yield house
        return
    answer = json_answer(CHAT.plain.replace(b"gpt-5-mini", b"gemini-2.5-flash"))
    with upstream(lambda connection, _: connection.sendall(answer)) as provider:
        other = House(folder, {"gemini": {"api_key": "sk-1", "upstream": provider.origin}}).start()
        try:
            yield other
        finally:
            assert other.stop() == 0


def command(snippet: Snippet, code: str) -> tuple[list[str], Path]:
    """Return what runs a snippet, and where."""
    if snippet.environment == "node":
        folder = node_folder()
        return ["node", "--input-type=module", "-e", code], folder
    return [str(interpreter(snippet.environment)), "-c", code], Path(__file__).parent


def variables(edge: str, key: str) -> dict[str, str]:
    """Return what the page's `export` lines set."""
    lines = [line for line in PAGE.splitlines() if line.startswith("export ")]
    words = [word.split("=", 1) for line in lines for word in line.split()[1:]]
    return {name: value.replace(SHOWN, edge).replace(SHOWN_KEY, key) for name, value in words}


@pytest.mark.parametrize("snippet", SNIPPETS, ids=NAMES)
def test_a_snippet_is_a_metered_call(snippet: Snippet, house: House, tmp_path: Path) -> None:
    command(snippet, "")  # skips before anything is started
    with house_of(snippet, house, tmp_path) as used:
        desk = Desk(used)
        account = desk.account()
        words, folder = command(snippet, snippet.code.replace(SHOWN, used.edge).replace(SHOWN_KEY, account.key))
        more = variables(used.edge, account.key) if "with the variables" in snippet.how else {}
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        done = subprocess.run(
            words,
            cwd=folder,
            env={**kept, "LITELLM_LOCAL_MODEL_COST_MAP": "True", **more},
            capture_output=True,
            text=True,
            timeout=SNIPPET_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.split()) > 3
        calls = [charge["call"] for charge in desk.settled(account, len(snippet.integrations))]
        assert {call["integration"] for call in calls} == snippet.integrations
        assert {call["certainty"] for call in calls} == {"exact"}
        assert all(call["charge_nanos"] > 0 for call in calls)


def test_every_snippet_in_a_language_that_runs_here_is_run() -> None:
    shown = re.findall(r"^```(?:python|js)$", PAGE, re.MULTILINE)
    assert len(shown) == len(SNIPPETS) > 10
    assert all(snippet.integrations for snippet in SNIPPETS)
