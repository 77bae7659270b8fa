import click
import pytest
from click.testing import CliRunner

from proxy.cli.command import Command, Group, config_option, wants_json


@click.command(cls=Command)
@click.argument("who")
@click.argument("number")
@click.option("--note")
def probe(who: str, number: str, note: str | None) -> None:
    click.echo(f"{who} {number} {note} {wants_json()} {config_option()}")


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["a", "5"], "a 5 None False None"),
        (["a", "-5", "--json"], "a -5 None True None"),
        (["--note", "x", "a", "-.5"], "a -.5 x False None"),
        (["a", "-100", "--note", "-7"], "a -100 -7 False None"),
        (["--json", "a", "--config", "f.yaml", "-1e"], "a -1e None True f.yaml"),
        (["--", "-a", "-b"], "-a -b None False None"),
    ],
)
def test_negative_numbers_need_no_double_dash(arguments: list[str], printed: str) -> None:
    ran = CliRunner().invoke(probe, arguments)
    assert (ran.exit_code, ran.output.strip()) == (0, printed)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["a", "5", "--nota", "x"], "No such option"),
        (["--nota", "-5"], "No such option"),
        (["a", "-5", "--nota", "x"], "unexpected extra arguments (--nota x)"),
        (["a", "-b"], "No such option"),
    ],
)
def test_unknown_options_are_still_found(arguments: list[str], why: str) -> None:
    ran = CliRunner().invoke(probe, arguments)
    assert ran.exit_code == 2
    assert why in ran.output


def test_groups_make_our_commands() -> None:
    group = Group("g")

    @group.command()
    def inner() -> None:
        """Do nothing."""

    @group.group()
    def below() -> None:
        """Hold nothing."""

    assert isinstance(inner, Command)
    assert isinstance(below, Group)
