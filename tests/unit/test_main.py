import sys

import pytest

from proxy import __version__
from proxy.__main__ import main


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["nothing"], 2)])
def test_main_leaves_with_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> None:
    monkeypatch.setattr(sys, "argv", ["faregate", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == code
    assert (__version__ in capsys.readouterr().out) == (code == 0)
