import click

from proxy.cli.spans import span


def test_both_ends() -> None:
    @span
    def command(since: str | None, until: str | None) -> None:
        pass

    made = click.command()(command)
    assert [option.opts for option in made.params] == [["--since"], ["--until"]]
