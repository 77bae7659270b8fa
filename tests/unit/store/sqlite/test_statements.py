"""Every named query is valid against the schema, and those of calls never read a table from end to end."""

import re
import sqlite3

import pytest
from msgspec import Struct, structs

from proxy.store.sql.queries import read
from proxy.store.sqlite.statements import AUDIT, CAPS, DIRECTORY, LEDGER, REGISTRY, START

GROUPS: list[Struct] = [LEDGER, CAPS, DIRECTORY, REGISTRY, START, AUDIT]
QUERIES = [(name, statement) for group in GROUPS for name, statement in structs.asdict(group).items()]


@pytest.fixture
def empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.executescript(read("sqlite/schema.sql"))
    return connection


def plan(connection: sqlite3.Connection, statement: str) -> list[str]:
    named = re.findall(r"(?<!:):(\w+)", statement)
    numbered = re.findall(r"\?(\d)", statement)
    count = max(map(int, numbered)) if numbered else statement.count("?")
    values = dict.fromkeys(named) if named else [None] * count
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]


@pytest.mark.parametrize(("name", "statement"), QUERIES)
def test_it_compiles(empty: sqlite3.Connection, name: str, statement: str) -> None:
    plan(empty, statement)
    empty.close()


@pytest.mark.parametrize("group", [LEDGER, DIRECTORY])
def test_calls_scan_no_table(empty: sqlite3.Connection, group: Struct) -> None:
    for name, statement in structs.asdict(group).items():
        scans = [step for step in plan(empty, statement) if step.startswith("SCAN") and "json_each" not in step]
        assert all("hold_open" in step for step in scans), (name, scans)
    empty.close()


def test_only_open_holds_are_read_to_find_open_holds(empty: sqlite3.Connection) -> None:
    for statement in (REGISTRY.open_holds, REGISTRY.held, DIRECTORY.open_holds_before):
        assert re.search("hold_open", " ".join(plan(empty, statement)))
    empty.close()


def test_what_a_call_asks_of_caps_is_found_by_index(empty: sqlite3.Connection) -> None:
    for statement in (CAPS.in_force, CAPS.find_window, CAPS.find_cap):
        tables = [step for step in plan(empty, statement) if re.match(r"(SCAN|SEARCH) (cap|key|cap_window)\b", step)]
        assert tables
        assert all("USING" in step and step.startswith("SEARCH") for step in tables), tables
    empty.close()
