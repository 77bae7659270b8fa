"""Every snippet of docs/using, as it stands but for port and key, is a metered call, or is refused as it says."""

import contextlib
import os
import re
import shutil
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
from support.studio import studio
from support.upstream import json_answer, upstream

from proxy.errors import Refusal

pytestmark = [pytest.mark.process, pytest.mark.sdk]

PAGES = {path.name: path.read_text() for path in sorted((Path(__file__).parents[2] / "docs" / "using").glob("*.md"))}
PAGE = PAGES["sdks.md"]
FENCE = re.compile(r"^<!-- runs in (a shell|[\w-]+)(.*?) -->\n```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHOWN, SHOWN_KEY = "http://localhost:8080", "fg-..."
INTEGRATIONS = ("anthropic", "gemini", "openai")
STUDIO = ("elevenlabs", "deepgram")
"""Integrations without a sandbox, which a script answers for."""

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
        return {name for name in (*INTEGRATIONS, *STUDIO) if f"{SHOWN}/{name}" in shown}


SNIPPETS = {
    f"{name}-{number}-{found[1]}": Snippet(found[1], found[2].strip(), found[4])
    for name, text in PAGES.items()
    for number, found in enumerate(FENCE.finditer(text))
}


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
    if "with a studio" in snippet.how:
        with studio() as providers:
            chosen = {"api_key": "sk-1", "upstream": providers.origin}
            other = House(folder, dict.fromkeys(STUDIO, chosen)).start()
            try:
                yield other
            finally:
                assert other.stop() == 0
        return
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
    if snippet.environment == "a shell":
        if shutil.which("curl") is None:
            pytest.skip("there is no curl here")
        return ["sh", "-eu", "-c", code], Path(__file__).parent
    return [str(interpreter(snippet.environment)), "-c", code], Path(__file__).parent


def variables(edge: str, key: str) -> dict[str, str]:
    """Return what the page's `export` lines set."""
    lines = [line for line in PAGE.splitlines() if line.startswith("export ")]
    words = [word.split("=", 1) for line in lines for word in line.split()[1:]]
    return {name: value.replace(SHOWN, edge).replace(SHOWN_KEY, key) for name, value in words}


@pytest.mark.parametrize("snippet", SNIPPETS.values(), ids=SNIPPETS)
def test_a_snippet_is_a_metered_call(snippet: Snippet, house: House, tmp_path: Path) -> None:
    command(snippet, "")  # skips before anything is started
    with house_of(snippet, house, tmp_path) as used:
        desk = Desk(used)
        poor = "with an empty wallet" in snippet.how
        account = desk.account("0" if poor else "10")
        capped = "with its spend capped" in snippet.how
        if capped:
            desk.ask("PUT", "/caps", {"tenant": account.id, "window": "daily", "limit_usd": "0.0001"})
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
        if poor:
            assert done.stdout.startswith("balance_exhausted balance 0 needed 0.")
            assert done.stdout.endswith("/billing\n")
            assert desk.charges(account) == []
            return
        if capped:
            assert re.fullmatch(r"spend_cap_daily spent 0 of 0\.0001 until \S+T00:00:00\.000000Z\n", done.stdout)
            return
        calls = [charge["call"] for charge in desk.settled(account, len(snippet.integrations))]
        assert {call["integration"] for call in calls} == snippet.integrations
        assert {call["certainty"] for call in calls} == {"exact"}
        assert all(call["charge_nanos"] > 0 for call in calls)


def test_every_snippet_in_a_language_that_runs_here_is_run() -> None:
    shown = [block for text in PAGES.values() for block in re.findall(r"^```(?:python|js)$", text, re.MULTILINE)]
    assert len(shown) == len([each for each in SNIPPETS.values() if each.environment != "a shell"]) > 10
    assert all(snippet.integrations for snippet in SNIPPETS.values())


def test_every_refusal_is_explained_to_who_meets_it() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \| ([^|]+)\| ([^|]+) \|$", PAGES["errors.md"], re.MULTILINE)
    explained = [code for first, *_ in rows for code in re.findall(r"`(\w+)`", first)]
    assert sorted(explained) == sorted(refusal.code for refusal in Refusal)
    again = {code: rest[-1] for first, *rest in rows for code in re.findall(r"`(\w+)`", first)}
    for refusal in Refusal:
        if refusal.status >= 500:
            assert again[refusal.code].startswith("yes" if refusal.retryable else "no"), refusal


def test_every_header_of_an_answer_is_explained() -> None:
    explained = set(re.findall(r"^\| `(faregate-[\w-]+)` \|", PAGES["costs.md"], re.MULTILINE))
    proxy = Path(__file__).parents[2] / "proxy"
    sent = {name for path in proxy.rglob("*.py") for name in re.findall(r'"(faregate-[a-z-]+)"', path.read_text())}
    assert (
        sent - {"faregate-actor", "faregate-doctor", "faregate-proxy", "faregate-writer"} == explained
    )  # no headers of an answer
