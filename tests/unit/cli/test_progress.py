import io
import sys

import pytest

from proxy.cli.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nobody_is_told_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    with progress("entries") as tell:
        tell(5, 10)
    assert err.getvalue() == ""


def test_a_terminal_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    err = Terminal()
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setenv("TERM", "xterm")
    with progress("entries verified") as tell:
        tell(5, 10)
    assert "entries verified" in err.getvalue()
    assert "5/10" in err.getvalue()
