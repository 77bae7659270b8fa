"""The page of faults: every number is there, no cell is empty, and every test that it names exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "internals" / "faults.md"
LAST = 94
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text().splitlines()
    if re.match(r"\| \d", line)
]


def numbers(cell: str) -> range:
    """Return the numbers that a row stands for."""
    first, _, last = cell.partition(" to ")
    return range(int(first), int(last or first) + 1)


def functions_in(path: Path) -> set[str]:
    """Return the names of the functions in a file."""
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_fault_has_its_row() -> None:
    assert [number for row in ROWS for number in numbers(row[0])] == list(range(1, LAST + 1))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_cell_is_filled_and_every_test_is_there(row: list[str]) -> None:
    assert len(row) == 4
    assert all(row)
    named = re.findall(r"`([^`]+)`", row[3])
    assert named, "no test"
    for each in named:
        file, _, name = each.partition("::")
        found = functions_in(ROOT / "tests" / file)
        assert name == "*" or name in found, f"there is no {each}"
