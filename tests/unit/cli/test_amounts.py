import click
import pytest

from proxy.cli import amounts

CONTEXT = click.Context(click.Command("c"))
PARAMETER = click.Argument(["n"])


@pytest.mark.parametrize("text", ["1", "-1", "0.000000001", "100000000", "+3.50"])
def test_usd_is_sent_as_written(text: str) -> None:
    assert amounts.usd(CONTEXT, PARAMETER, text) == text


@pytest.mark.parametrize("text", ["", "x", "1e3", "0.0000000001", "100000001", "1,5", "NaN"])
def test_usd_refuses(text: str) -> None:
    with pytest.raises(click.BadParameter):
        amounts.usd(CONTEXT, PARAMETER, text)


def test_pct() -> None:
    assert amounts.pct(CONTEXT, PARAMETER, "-12.5") == "-12.5"
    with pytest.raises(click.BadParameter, match="'20%' is not a decimal number"):
        amounts.pct(CONTEXT, PARAMETER, "20%")
