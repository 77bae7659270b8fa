"""`faregate completion`: a script that makes a shell complete commands, options and tenants' names."""

import click

from proxy.cli.command import Command

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_FAREGATE_COMPLETE"


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    r"""Print the completion script of a shell.

    \b
    bash  eval "$(faregate completion bash)"             in ~/.bashrc
    zsh   eval "$(faregate completion zsh)"              in ~/.zshrc, after compinit
    fish  faregate completion fish | source              in ~/.config/fish/config.fish
    """
    import json

    from click.shell_completion import get_completion_class

    from proxy.cli.command import wants_json

    maker = get_completion_class(shell)
    if maker is None:
        raise click.UsageError(f"click does not know the shell {shell}")
    root = click.get_current_context().find_root().command
    script = maker(root, {}, "faregate", VARIABLE).source()
    click.echo(json.dumps({"shell": shell, "script": script}) if wants_json() else script)
