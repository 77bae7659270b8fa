"""The pages on concepts and the first five minutes: their lines run as they stand, and what they claim holds."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.house import House
from support.newcomer import LAST_LINE, Server, start

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def blocks(page: str, kind: str = "sh") -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


def shell(folder: Path, script: str, **environment: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=folder,
        env={"HOME": str(folder), **environment, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


# --- Concepts


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    providers = {name: {"upstream": "sandbox"} for name in ("openai", "anthropic")}
    made = House(tmp_path_factory.mktemp("house"), providers).start()
    made.tenant("acme")
    yield made
    assert made.stop() == 0


def test_holds(house: House) -> None:
    open_ended, limited, held = [
        shell(house.folder, block, **house.environment) for block in blocks("concepts/holds.md")
    ]

    def usd(told: str, what: str) -> float:
        found = re.search(rf"^{what} +([\d.]+) USD$", told, re.MULTILINE)
        assert found is not None, told
        return float(found[1])

    assert usd(open_ended, "at least") < usd(open_ended, "granted now") <= usd(open_ended, "at most")
    assert usd(limited, "at least") == usd(limited, "at most") == usd(limited, "granted now")
    assert usd(limited, "at most") < usd(open_ended, "at most") / 50
    assert "hold_" not in held


def test_margins(house: House) -> None:
    """Who pays how much, as the page tells it, at the levels that its lines have set."""
    before, unset = blocks("concepts/margins.md")
    told = shell(house.folder, before, **house.environment)
    assert re.search(r"^decided by +tenant_meter$", told, re.MULTILINE)

    def margin(*words: str) -> str:
        return str(house.cli("margin", "explain", *words)["pct"])

    house.cli("tenant", "create", "other")
    assert margin("--tenant", "acme", "--meter", "anthropic.output_tokens") == "10"
    assert margin("--tenant", "acme", "--meter", "openai.cache_read_tokens") == "0"
    assert margin("--tenant", "other", "--integration", "anthropic") == "30"
    assert margin("--tenant", "other", "--integration", "openai") == "25"
    shell(house.folder, unset, **house.environment)
    assert margin("--tenant", "other", "--integration", "anthropic") == "25"


def test_certainty(house: House) -> None:
    [block] = blocks("concepts/certainty.md")
    shell(house.folder, block, **house.environment)


# --- The first five minutes


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start(tmp_path_factory.mktemp("demo"), sys.executable, "-m", "proxy", "demo")
    try:
        server.until(lambda: LAST_LINE in server.said)
        yield server
        assert server.stop() == 0, server.log
    finally:
        server.stop()


def test_the_first_five_minutes(demo: Server) -> None:
    [export] = re.findall(r"export (FAREGATE_OPERATOR_URL=\S+) (FAREGATE_ADMIN_TOKEN=\S+)", demo.said)
    environment = dict(each.split("=", 1) for each in export)
    [key, *_] = re.findall(r"fg-[\w-]+", demo.said)
    [edge, *_] = re.findall(r'base_url="(http://127\.0\.0\.1:\d+)/', demo.said)
    call, look, broke = [block.replace("http://127.0.0.1:8080", edge) for block in blocks("start.md")]
    answer = shell(demo.folder, call, KEY=key)
    [name] = re.findall(r"^faregate-call-id: (\S+)", answer, re.MULTILINE)
    assert "faregate-charge-usd: 0.000" in answer
    told = shell(demo.folder, look.replace("CALL", name), **environment)
    assert "computed again  the same" in told
    [poor] = re.findall(r"fg-[\w-]{40}", shell(demo.folder, broke, **environment))
    assert shell(demo.folder, call, KEY=poor).startswith("HTTP/1.1 402")
    shell(demo.folder, "faregate credit poor 5", **environment)
    assert shell(demo.folder, call, KEY=poor).startswith("HTTP/1.1 200")


# --- Pictures


@pytest.mark.parametrize("picture", sorted((DOCS / "pictures").glob("*.svg")), ids=lambda path: path.name)
def test_a_picture_is_told_to_who_cannot_see_it_and_can_be_seen_in_the_dark(picture: Path) -> None:
    tree = ET.parse(picture)
    space = "{http://www.w3.org/2000/svg}"
    assert tree.findtext(f"{space}title")
    assert tree.findtext(f"{space}desc")
    style = tree.findtext(f"{space}style") or ""
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    names = set(re.findall(r"(?:^|\s)(\.?\w+) \{", light))
    assert {name for name in names if name != ".step"} <= set(re.findall(r"(?:^|\s)(\.?\w+) \{", dark))
    used = {name for each in tree.iter() for name in each.get("class", "").split()}
    assert {f".{name}" for name in used} <= names
    assert not [each for each in tree.iter() if each.tag.endswith(("script", "image"))]
