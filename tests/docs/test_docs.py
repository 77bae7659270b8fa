"""The documents say what the code does: generated pages are fresh, links lead somewhere, commands exist."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from click import Group

from proxy.cli.main import faregate

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", generator().PAGES)
def test_generated_pages_are_fresh(name: str) -> None:
    page = generator().PAGES[name]()
    assert (ROOT / "docs" / name).read_text() == page, "run: python docs/generate.py"


def links(page: Path) -> list[tuple[Path, str]]:
    """Return where the relative links of a page lead: a file, and a heading in it or nothing."""
    found = re.findall(r"\]\(([^)\s]*)\)", page.read_text())
    targets = [target.partition("#") for target in found if not re.match(r"[a-z]+:", target)]
    return [((page.parent / path).resolve() if path else page, anchor) for path, _, anchor in targets]


def anchors(page: Path) -> set[str]:
    """Return the names by which a page's headings are linked to."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in links(page):
        assert target.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {target.name}#{anchor}"


def test_every_page_is_found_from_the_index() -> None:
    """By one click or several, so that a reader who begins at docs/index.md can come to it."""
    found, to_do = set[Path](), [ROOT / "docs" / "index.md"]
    while to_do:
        page = to_do.pop()
        if page not in found and page.suffix == ".md":
            found.add(page)
            to_do += [target for target, _ in links(page)]
    lost = {page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md")} - {
        page.relative_to(ROOT).as_posix() for page in found
    }
    assert not lost, "link to them from docs/index.md"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_commands_named_in_documents_exist(page: Path) -> None:
    for words in re.findall(r"^faregate ([a-z -]+)", page.read_text(), re.MULTILINE):
        command = faregate
        for word in words.split():
            if not isinstance(command, Group):
                break
            assert word in command.commands, f"{page.name}: faregate {words}"
            command = command.commands[word]
