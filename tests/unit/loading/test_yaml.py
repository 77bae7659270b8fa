"""One YAML file into one type: what is read, and the one line that says what is wrong and where."""

from pathlib import Path

import pytest
from msgspec import Struct

from proxy.errors import BadConfig
from proxy.loading.yaml import convert, load_yaml, read_yaml


class Inner(Struct, frozen=True, forbid_unknown_fields=True):
    count: int


class Outer(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    inner: tuple[Inner, ...] = ()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.yaml"


def refusal(file: Path, text: str) -> str:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadConfig) as refused:
        load_yaml(file, Outer)
    message = str(refused.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    return message.removeprefix(f"{file}: ")


def test_reads_a_file_into_a_type(file: Path) -> None:
    file.write_text("name: x\ninner: [{count: 1}, {count: 2}]\n", encoding="utf-8")
    assert load_yaml(file, Outer) == Outer("x", (Inner(1), Inner(2)))


def test_anchors_and_empty_files_are_plain_content(file: Path) -> None:
    file.write_text("a: &x [1, 2]\nb: *x\n", encoding="utf-8")
    assert read_yaml(file) == {"a": [1, 2], "b": [1, 2]}
    file.write_text("# nothing\n", encoding="utf-8")
    assert read_yaml(file) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nname: y\n", "line 2, column 1: the key 'name' is also in line 1; keep one of the two"),
        (
            "inner:\n- {count: 1, count: 2}\n",
            "line 2, column 14: the key 'count' is also in line 2; keep one of the two",
        ),
        ("? [a, b]\n: 1\n", "line 1, column 3: the key is no plain value; write a name before the colon"),
        ("name: !!python/object:os.system x\n", "line 1, column 7: could not determine a constructor for the tag"),
        ("name: [1\n", "line 2, column 1: did not find expected ',' or ']'; correct the YAML there"),
        (
            "name: 2026-02-30\n",
            "line 1, column 7: 2026-02-30 is not what it looks like (day is out of range for month); correct it",
        ),
        ("name: 1\n", "at name: 1 cannot be used; write text in quotes"),
        ("{}\n", "at name: it is missing; add name: text in quotes"),
        ("", "None cannot be used; write a mapping"),
        ("name: x\nnone: y\n", "at none: there is no such key; did you mean inner?"),
        (
            "name: x\ninner: [{count: 1}, {count: no}]\n",
            "at inner[1].count: False cannot be used; write a whole number",
        ),
    ],
)
def test_refuses_with_the_place(file: Path, text: str, message: str) -> None:
    assert refusal(file, text).startswith(message)


def test_refuses_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"none\.yaml: there is no such file; check the path$"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(BadConfig, match=r"make it a UTF-8 file that this user may read$"):
        read_yaml(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9\n")
    with pytest.raises(
        BadConfig, match=r"latin\.yaml: cannot be read .*; make it a UTF-8 file that this user may read$"
    ):
        read_yaml(tmp_path / "latin.yaml")


def test_converts_strictly() -> None:
    assert convert({"name": "x"}, Outer, Path("f")) == Outer("x")
    with pytest.raises(BadConfig, match=r"^f: at name: 1.5 cannot be used; write text in quotes"):
        convert({"name": 1.5}, Outer, Path("f"))
