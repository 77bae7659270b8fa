"""What the README and the demo print works as it stands: their shell lines in a shell, their Python in an SDK's own
environment.
"""

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.house import free_port
from support.newcomer import LAST_LINE, SDK, Server, printed, python, shell, start
from support.sdk import interpreter

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
INTEGRATIONS = ("anthropic", "gemini", "openai")


# --- What the demo prints


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demo, on whatever ports are free."""
    server = start(tmp_path_factory.mktemp("demo"), sys.executable, "-m", "proxy", "demo")
    try:
        server.until(lambda: LAST_LINE in server.said)
        yield server
        assert server.stop() == 0, server.log
        assert "Traceback" not in server.log
    finally:
        server.stop()


def export(demo: Server) -> str:
    """Return the line that tells the command line where the demo is."""
    found = re.search(r"^ +(export FAREGATE_OPERATOR_URL=\S+ FAREGATE_ADMIN_TOKEN=\S+)$", demo.said, re.MULTILINE)
    assert found is not None
    return found[1]


def spent(demo: Server) -> tuple[int, list[dict[str, Any]]]:
    """Return what the demo's wallet has lost, in nano-USD, and the entries of its calls, newest first."""
    page = json.loads(shell(demo.folder, f"{export(demo)}\nfaregate ledger list demo --limit 1000 --json"))
    newest, calls = page["data"][0], [entry for entry in page["data"] if entry["kind"] == "call"]
    return 10 * 10**9 - newest["balance_after_nanos"], calls


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_the_demo_s_curl_lines(demo: Server, name: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    before, earlier = spent(demo)
    answer = json.loads(shell(demo.folder, printed(demo.said, f"{name}: with curl")))
    assert "error" not in answer
    after, calls = spent(demo)
    assert len(calls) == len(earlier) + 1
    assert (calls[0]["call"]["integration"], calls[0]["call"]["certainty"]) == (name, "exact")
    assert after - before == calls[0]["call"]["charge_nanos"] > 0


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_the_demo_s_sdk_snippets(demo: Server, name: str) -> None:
    interpreter(SDK)  # skips, or fails where it must not, before anything is spent
    before, earlier = spent(demo)
    assert python(printed(demo.said, f"{name}: with its own SDK")).strip(), "the snippet prints the answer"
    after, calls = spent(demo)
    assert len(calls) == len(earlier) + 1
    assert calls[0]["call"]["integration"] == name
    assert after - before == calls[0]["call"]["charge_nanos"] > 0


def test_the_demo_s_own_commands(demo: Server) -> None:
    """After all of the above: the wallet has lost what the entries say, to the nano."""
    lines = printed(demo.said, "what it cost, from another shell:")
    told = shell(demo.folder, lines)
    lost, calls = spent(demo)
    assert lost == sum(entry["call"]["charge_nanos"] for entry in calls)
    left = 10 * 10**9 - lost
    balance = json.loads(shell(demo.folder, f"{export(demo)}\nfaregate balance demo --json"))
    assert balance["credits_remaining_micros"] == left // 1000
    assert balance["credits_held_micros"] == 0
    assert all(entry["id"] in told for entry in calls[:5])
    assert json.loads(shell(demo.folder, f"{export(demo)}\nfaregate ledger verify --json"))["ok"] is True


def test_a_second_demo_takes_other_ports(demo: Server, tmp_path: Path) -> None:
    other = start(tmp_path, sys.executable, "-m", "proxy", "demo")
    try:
        other.until(lambda: LAST_LINE in other.said)
        assert "is taken, so" in other.log
        assert export(other) != export(demo)
    finally:
        assert other.stop() == 0


# --- What the README says


def blocks(heading: str) -> list[str]:
    """Return the shell blocks below a heading of the README, without their comments."""
    section = README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return ["\n".join(line.split("#")[0].rstrip() for line in block.splitlines()) for block in found]


def test_serving_for_real(tmp_path: Path) -> None:
    """The README's own lines, but for the installation, and with the sandbox for the provider."""
    begin, then = blocks("Serve for real")
    install, copy, serve = begin.splitlines()
    assert install == "pip install -e ."
    (tmp_path / "config").symlink_to(ROOT / "config")
    at = {"FAREGATE_LISTEN": f"127.0.0.1:{free_port()}", "FAREGATE_OPERATOR_LISTEN": f"127.0.0.1:{free_port()}"}
    shell(tmp_path, copy)
    server = start(tmp_path, *serve.split(), FAREGATE_PROVIDERS__OPENAI__UPSTREAM="sandbox", **at)
    try:
        server.until(lambda: "serving openai on" in server.log)
        told = shell(tmp_path, then, **at)
        secret = re.search(r"fg-[A-Za-z0-9_-]{40}", told)
        assert secret is not None, told
        check_a_call(tmp_path, at, secret[0])
    finally:
        assert server.stop() == 0, server.log


def check_a_call(folder: Path, at: Mapping[str, str], key: str) -> None:
    """Check that the key works, with the README's own lines, and that the margin that was set is what it costs."""
    snippet = re.search(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert snippet is not None
    client = snippet[1].replace("http://localhost:8080", f"http://{at['FAREGATE_LISTEN']}").replace("fg-...", key)
    assert client.count(key) == 1
    ask = 'client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": "Why?"}])'
    python(f"{client}\nprint({ask}.choices[0].message.content)")
    entries = json.loads(shell(folder, "faregate ledger list acme --json", **at))["data"]
    [call] = [entry["call"] for entry in entries if entry["kind"] == "call"]
    assert abs(call["charge_nanos"] * 100 - call["upstream_cost_nanos"] * 115) <= 50
    assert json.loads(shell(folder, "faregate ledger verify --json", **at))["ok"] is True


def test_the_table_of_sdks_names_what_the_demo_does() -> None:
    """The base URL of each row is the one that its snippet uses."""
    rows = dict(re.findall(r"^\| `([\w-]+)` \| .* \| `P(/[\w/]+)` \|$", README, re.MULTILINE))
    assert rows == {"openai": "/openai/v1", "anthropic": "/anthropic", "google-genai": "/gemini"}
    for name, path in (("openai", "/openai/v1"), ("anthropic", "/anthropic"), ("gemini", "/gemini")):
        example = (ROOT / "config" / "providers" / f"{name}.yaml").read_text().split("python: |", 1)[1]
        assert f'"{{base}}{path.removeprefix(f"/{name}")}"' in example.split("\n\n")[0]
