"""Reselling: a gateway's models cost what they cost at their makers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.errors import BadConfig
from proxy.loading.rates import load_rates
from proxy.loading.resale import SameAs, resell
from proxy.pricing.card import ModelRates, Rate

CHEAP, DEAR, OWN = (Rate("input_tokens", usd) for usd in ("1", "9", "5"))
UNITS = "units: {input_tokens: {family: tokens, meaning: in}}\n"
MAKER = """
integration: {name}
source: the page of {name}
checked: 2026-11-21
models: [{{match: [{model}], rates: [{{unit: input_tokens, usd: "{usd}"}}]}}]
"""
GATEWAY = (
    "integration: gate\nsource: a gateway\nchecked: 2026-11-21\nsame_as: [{integration: maker, prefixes: [maker/]}]"
)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Write a rates folder: one file for each keyword, beside a registry of one unit."""

    def write(where: str = "rates", **files: str) -> Path:
        (tmp_path / where).mkdir()
        for name, text in files.items():
            (tmp_path / where / f"{name}.yaml").write_text(text)
        return tmp_path / where

    return write


def maker(name: str = "maker", model: str = "m", usd: str = "1") -> str:
    return MAKER.format(name=name, model=model, usd=usd)


class TestResell:
    def test_models_of_another_are_sold_under_their_names_with_every_prefix(self) -> None:
        makers = {"maker": [ModelRates(("m", "m-*"), (CHEAP,), window=7)]}
        assert resell([], [SameAs("maker", ("maker/",))], makers) == (
            ModelRates(("m", "m-*", "maker/m", "maker/m-*"), (CHEAP,), window=7),
        )

    def test_own_prices_come_first_then_the_order_of_the_list(self) -> None:
        own = [ModelRates(("m",), (OWN,))]
        makers = {"one": [ModelRates(("m", "n"), (CHEAP,))], "two": [ModelRates(("n", "o"), (DEAR,))]}
        sold = resell(own, [SameAs("one"), SameAs("two")], makers)
        assert sold == (*own, ModelRates(("n",), (CHEAP,)), ModelRates(("o",), (DEAR,)))

    def test_what_is_wholly_priced_already_is_left_out(self) -> None:
        own = (ModelRates(("m",), (OWN,)),)
        assert resell(own, [SameAs("one")], {"one": [ModelRates(("m",), (CHEAP,))]}) == own


class TestFiles:
    def test_a_card_prices_what_a_gateway_resells(self, folder: Callable[..., Path]) -> None:
        card = load_rates(folder(units=UNITS, maker=maker(), gate=GATEWAY))
        for name in ("m", "maker/m"):
            sold = card.find("gate", name)
            assert sold is not None
            assert sold.rates == (CHEAP,)
            source = card.source_of("gate", sold)
            assert source is not None
            assert (source.file, source.source) == ("maker.yaml", "the page of maker")
        assert card.find("gate", "other/m") is None
        assert card.find("maker", "maker/m") is None

    def test_the_operators_price_of_a_maker_holds_at_the_gateway(self, folder: Callable[..., Path]) -> None:
        built_in = folder(units=UNITS, maker=maker(), gate=GATEWAY)
        sold = load_rates(built_in, folder("own", maker=maker(usd="9"))).find("gate", "m")
        assert sold is not None
        assert sold.rates == (DEAR,)

    def test_a_gateway_that_prices_only_what_it_resells_follows_its_maker(self, folder: Callable[..., Path]) -> None:
        one = load_rates(folder("one", units=UNITS, maker=maker(), gate=GATEWAY))
        other = load_rates(folder("two", units=UNITS, maker=maker(usd="9"), gate=GATEWAY))
        assert one.version != other.version

    def test_nobodys_prices_are_refused(self, folder: Callable[..., Path]) -> None:
        with pytest.raises(BadConfig, match="rates of gate: at same_as: 'maker' has no rates; did you mean makers"):
            load_rates(folder(units=UNITS, makers=maker("makers"), gate=GATEWAY))

    def test_prices_are_not_handed_on_twice(self, folder: Callable[..., Path]) -> None:
        second = GATEWAY.replace("gate", "second").replace("maker", "gate")
        with pytest.raises(BadConfig, match="rates of second: at same_as: 'gate' has its prices from others too"):
            load_rates(folder(units=UNITS, maker=maker(), gate=GATEWAY, second=second))

    def test_a_gateway_is_not_its_own_maker(self, folder: Callable[..., Path]) -> None:
        alone = GATEWAY.replace("maker", "gate")
        with pytest.raises(BadConfig, match="has its prices from others too"):
            load_rates(folder(units=UNITS, gate=alone))
