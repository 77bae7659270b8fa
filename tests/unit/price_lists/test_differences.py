from pathlib import Path

import pytest

from proxy.errors import BadConfig
from proxy.loading.shipped import shipped
from proxy.price_lists.differences import Difference, load_differences
from proxy.price_lists.sources import FOLDER


@pytest.mark.parametrize(
    ("told", "explained"),
    [
        (("litellm", "acme", "m-1", "flex"), True),
        (("litellm", "acme", "m-1", ""), True),
        (("litellm", "acme", "m-1", "batch"), False),
        (("genai-prices", "acme", "m-1", ""), False),
        (("litellm", "bolt", "m-1", ""), False),
        (("litellm", "acme", "n", ""), False),
    ],
)
def test_what_a_difference_explains(told: tuple[str, str, str, str], explained: bool) -> None:
    known = Difference(
        list="litellm", integration="acme", models=("m-*", "x"), tiers=("standard", "flex"), reason="r", source="s"
    )
    assert known.explains(*told) is explained


def test_what_ships_names_its_sources() -> None:
    found = load_differences(shipped("config") / FOLDER / "differences.yaml")
    assert all(each.reason and each.source and each.models for each in found)
    assert {each.list for each in found} == {"genai-prices", "litellm"}


def test_a_file_that_says_something_else(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_text("differences: [{list: litellm}]\n")
    with pytest.raises(BadConfig, match=r"d\.yaml: at differences\[0\]"):
        load_differences(path)
