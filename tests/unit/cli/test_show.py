import pytest

from proxy.cli.show import facts, moment, more, plain, table


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("", "-"),
        ([], "-"),
        (0, "0"),
        (True, "yes"),
        (["a", None], "a, -"),
        ("\x1b[31mred\x07", "?[31mred?"),
        ("a\nb", "a?b"),
        ("[bold]Ø", "[bold]Ø"),
    ],
)
def test_plain(value: object, text: str) -> None:
    assert plain(value) == text


def test_moment() -> None:
    assert moment("2026-11-21T08:00:00.000001Z") == "2026-11-21 08:00:00Z"
    assert moment(None) == "-"


def test_a_table_is_never_cut_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    table(("name", "n"), [("x" * 300, 1), ("[red]y", 22)], right=("n",))
    header, first, second = capsys.readouterr().out.splitlines()
    assert first.split() == ["x" * 300, "1"]
    assert second.split() == ["[red]y", "22"]
    assert len(header.rstrip()) == len(first)


def test_facts_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    facts([("a", 1), ("long", None)])
    assert capsys.readouterr().out == "a     1\nlong  -\n"


def test_more(capsys: pytest.CaptureFixture[str]) -> None:
    more({"data": [{"id": "x"}], "has_more": True}, "--before")
    more({"data": [{"id": "x"}], "has_more": False}, "--before")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "... more: add --before x\n")
