"""The pages on configuration, reload and the doctor: their files are read, their commands run, their tables hold."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.house import House

from proxy.loading.effective import leaves
from proxy.loading.settings import Log, ProviderSettings, RatesSync, Settings, Tls
from proxy.loading.values import Secret
from proxy.reload import still_running

PAGES = Path(__file__).resolve().parents[2] / "docs" / "operating"


def blocks(page: str, language: str) -> list[str]:
    """Return a page's blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (PAGES / page).read_text(), re.MULTILINE | re.DOTALL)


def faregate(folder: Path, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a folder, with no variables but these."""
    return subprocess.run(
        [sys.executable, "-m", "proxy", *words],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The page's files, where it says that they are, but for the books."""
    config, provider, rates = blocks("configuration.md", "yaml")
    for text in (provider, rates):
        name = re.search(r"^# (\S+)$", text, re.MULTILINE)
        if name is not None:
            (tmp_path / name[1]).parent.mkdir(exist_ok=True)
            (tmp_path / name[1]).write_text(text)
    (tmp_path / "rates" / "acme.yaml").write_text(rates.partition("\n")[2])
    (tmp_path / "providers" / "acme.yaml").write_text(provider.partition("\n")[2])
    content = yaml.safe_load(config) | {
        "rates_dir": "rates",
        "providers_dir": "providers",
        "database": "sqlite:///b.db",
    }
    content["providers"]["acme"] = {"api_key": "k"}
    (tmp_path / "faregate.yaml").write_text(yaml.safe_dump(content))
    return tmp_path


def test_the_files_of_the_page_are_good(files: Path) -> None:
    done = faregate(files, "config", "check", "--json", OPENAI_API_KEY="sk-0123456789abcdef-WXYZ")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    state = {each["name"]: each["on"] for each in document["integrations"]}
    assert (state["openai"], state["anthropic"], state["acme"]) == (True, False, True)
    values = {each["name"]: each for each in document["settings"]}
    assert values["providers.openai.api_key"]["value"] == "...WXYZ"
    missing = faregate(files, "config", "check")
    assert "the variable OPENAI_API_KEY is not set" in missing.stderr


def test_the_lines_that_tell_what_is_wrong(files: Path) -> None:
    head, row = "integration: acme\nsource: x\nchecked: 2026-11-21\n", "{usd: {input_tokens: 1.25}}"
    (files / "rates" / "own.yaml").write_text(f"{head}models: [{{match: [m], rates: [{row}]}}]\n")
    (files / "faregate.yaml").write_text("listne: x\nlimits: {body_bytes_max: 32 MB}\nrates_dir: rates\n")
    told = faregate(files, "config", "check").stderr.replace(f"{files}/", "")
    [block] = blocks("configuration.md", "text")
    assert told == block


def test_the_table_of_what_a_reload_changes() -> None:
    page = (PAGES / "reload.md").read_text()
    old = Settings(providers={"openai": ProviderSettings()}, tls=Tls(cert=Path("a"), key=Path("a")))
    for setting in dict(leaves(old)):
        top = setting.split(".")[0]
        listed = re.search(
            rf"^\| [^|]*`{re.escape(setting if top in ('log', 'tls') else top)}`[^|]*\|", page, re.MULTILINE
        )
        assert (listed is not None) == (setting in applied(old, setting)), setting


def applied(old: Settings, setting: str) -> tuple[str, ...]:
    """Return the settings that a reload would change if this one was another."""
    new = Settings(
        providers={"openai": ProviderSettings(api_key=Secret("k"), upstream=old.providers["openai"].upstream)},
        providers_dir=Path("p"),
        rates_dir=Path("r"),
        tls=Tls(cert=Path("b"), key=Path("b")),
        rates_sync=RatesSync(every_hours=1, litellm=Path("l"), agree_pct=2, jump_pct=3),
        log=Log(level="debug", format="json"),
        workers=2,
    )
    running = dict(leaves(still_running(old, new)))
    differs = running[setting] != dict(leaves(old))[setting]
    return (setting,) if differs or setting.startswith("providers.") else ()


def test_the_table_of_checks_is_the_doctor_s(tmp_path: Path) -> None:
    (tmp_path / "faregate.yaml").write_text("providers: {openai: {upstream: sandbox}}\n")
    found = json.loads(faregate(tmp_path, "doctor", "--json").stdout)["findings"]
    listed = re.findall(r"^\| `([^|]+)` \|", (PAGES / "doctor.md").read_text(), re.MULTILINE)
    told = [name for row in listed for name in row.replace("NAME", "openai").split("`, `")]
    assert told == [finding["check"] for finding in found]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"), {"openai": {"upstream": "sandbox"}})
    yield made.start()
    assert made.stop() == 0


@pytest.mark.process
@pytest.mark.parametrize("page", ["configuration.md", "reload.md", "doctor.md"])
def test_the_commands_of_a_page(house: House, page: str) -> None:
    for line in (line for block in blocks(page, "sh") for line in block.splitlines()):
        done = faregate(house.folder, *line.split()[1:])
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.process
def test_what_reload_prints(house: House) -> None:
    [block] = blocks("reload.md", "text")
    done = faregate(house.folder, "reload")
    labels = [line.split("  ")[0] for line in block.splitlines()[:5]]
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == labels
    assert house.cli("audit", "list", "--action", "server")["data"] == [], "what changes nothing is not noted"
