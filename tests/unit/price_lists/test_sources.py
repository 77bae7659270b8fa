import sys
from datetime import date
from pathlib import Path

import pytest
from support.price_lists import map_file

from proxy.errors import BadConfig
from proxy.price_lists.sources import Sources

DAY = date(2026, 11, 21)


def test_both(tmp_path: Path) -> None:
    one, other = Sources(map_file(tmp_path, {})).both(DAY)
    assert one.title.startswith("genai-prices ")
    assert other.title == "litellm (prices.json)"


def test_all_that_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    with pytest.raises(BadConfig) as refused:
        Sources(tmp_path).both(DAY)
    assert len(refused.value.problems) == 2
    found, problems = Sources(map_file(tmp_path, {})).any(DAY)
    assert [each.title for each in found] == ["litellm (prices.json)"]
    assert "genai-prices: the package is not installed" in problems[0]
