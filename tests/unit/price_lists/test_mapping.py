from pathlib import Path

import pytest

from proxy.errors import BadConfig
from proxy.loading.rates import load_units
from proxy.loading.shipped import shipped
from proxy.price_lists.mapping import ContextLexicon, Lexicon, Meaning, SuffixLexicon, load_lexicon
from proxy.price_lists.sources import FOLDER

LEXICONS = (("genai-prices.yaml", ContextLexicon), ("litellm.yaml", SuffixLexicon))
HEAD = "package: litellm\nfile: a.json\nintegrations: {}\nprices: []\n"


@pytest.mark.parametrize(("name", "kind"), LEXICONS)
def test_what_ships_speaks_of_units_that_exist(name: str, kind: type[Lexicon]) -> None:
    lexicon = load_lexicon(shipped("config") / FOLDER / name, kind)
    units = load_units(shipped("rates"))
    assert {unit for each in lexicon.prices for unit in (each.unit, *each.alike)} <= units
    assert lexicon.prices
    assert lexicon.integrations


def test_a_scale_is_the_price_s_own_else_the_list_s() -> None:
    own = Meaning("k", "u", per=60, of=2)
    plain = Meaning("k", "u")
    assert Lexicon(package="p", integrations={}, prices=(), per=1000).scale(plain) == (1000, 1000)
    assert Lexicon(package="p", integrations={}, prices=(), per=1000, of=1).scale(plain) == (1000, 1)
    assert Lexicon(package="p", integrations={}, prices=(), per=1000, of=1).scale(own) == (60, 2)
    assert Lexicon(package="p", integrations={}, prices=(), per=1000).scale(Meaning("k", "u", per=60)) == (60, 60)


def test_alike_units_have_another_s_price() -> None:
    lexicon = Lexicon(package="p", integrations={}, prices=(Meaning("k", "u", alike=("v", "w")), Meaning("l", "x")))
    assert lexicon.alike == {"v": "u", "w": "u"}


@pytest.mark.parametrize(
    ("above", "fault"),
    [("_above_(", "'_above_(' is no pattern"), ("_above_", "'_above_' has 0 groups; put the digits in one")],
)
def test_a_pattern_that_finds_no_size_is_refused(tmp_path: Path, above: str, fault: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"{HEAD}above: {above}\n")
    with pytest.raises(BadConfig, match=r"x\.yaml: at above") as refused:
        load_lexicon(path, SuffixLexicon)
    assert fault in str(refused.value)
