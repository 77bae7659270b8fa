"""Where the database lies: two forms are read, everything else is refused with the remedy."""

from pathlib import Path

import pytest

from proxy.errors import BadConfig
from proxy.store.sqlite.location import database_path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///var/faregate.db", "var/faregate.db"),
        ("sqlite:///faregate.db", "faregate.db"),
        ("sqlite:////var/lib/faregate.db", "/var/lib/faregate.db"),
        ("sqlite:///with space/ü.db", "with space/ü.db"),
    ],
)
def test_three_slashes_are_relative_and_four_absolute(url: str, path: str) -> None:
    assert database_path(url) == Path(path)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql://h/db", "postgresql is not supported yet"),
        ("postgres://h/db", "postgres is not supported yet"),
        ("sqlite://faregate.db", "is not a SQLite URL"),
        ("faregate.db", "is not a SQLite URL"),
        ("", "is not a SQLite URL"),
        ("sqlite:///", "names no file"),
        ("sqlite:///var/", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///x.db?mode=ro", "carries options"),
    ],
)
def test_anything_else_is_refused_with_the_remedy(url: str, problem: str) -> None:
    with pytest.raises(BadConfig, match=problem) as error:
        database_path(url)
    assert "sqlite:///var/faregate.db" in str(error.value)
    assert "\n" not in str(error.value)
