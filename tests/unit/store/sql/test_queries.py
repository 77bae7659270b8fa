"""Named queries: each has a name and a comment, and a wrong name fails at once."""

from pathlib import Path

import msgspec
import pytest

from proxy.store.sql.queries import load, read, split

FOLDER = Path("proxy/store/sql")
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.glob("*/*.sql") if path.name != "schema.sql")


def test_statements_are_split_by_name_without_comments() -> None:
    text = "-- A file.\n\n-- name: one\n-- Why.\nSELECT 1,\n       2;\n\n-- name: two\n-- Why.\nSELECT 3;\n"
    assert split(text) == {"one": "SELECT 1,\n       2;", "two": "SELECT 3;"}


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="'one' is given twice"):
        split("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;\n")


def test_names_and_fields_must_agree() -> None:
    class Fewer(msgspec.Struct, forbid_unknown_fields=True):
        next_epoch: str

    class More(msgspec.Struct):
        no_such_query: str

    for wrong in (Fewer, More):
        with pytest.raises(msgspec.ValidationError):
            load("sqlite/start.sql", wrong)


@pytest.mark.parametrize("file", FILES)
def test_each_query_says_what_for_and_is_one_statement(file: str) -> None:
    text = read(file)
    assert text.startswith("-- ")
    for name, statement in split(text).items():
        assert f"-- name: {name}\n-- " in text, f"{name} has no comment"
        assert statement.count(";") == 1
        assert statement.endswith(";")
