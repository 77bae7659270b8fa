"""What every command has in common: `--json`, `--config`, negative numbers as arguments, errors with an exit code."""

import re
from pathlib import Path
from typing import Any

import click

_NEGATIVE = re.compile(r"-\.?\d")
_JSON = "faregate.json"
_CONFIG = "faregate.config"


class Failure(click.ClickException):
    """A command that cannot be done: one line, a code for machines, exit 1."""

    def __init__(self, message: str, *, code: str = "failed") -> None:
        super().__init__(message)
        self.code = code


class Misuse(Failure):
    """A command that was used wrongly: exit 2."""

    exit_code = 2


class Command(click.Command):
    """A command that takes `--json` and `--config`, and a negative number without `--` before it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--config"],
                type=click.Path(path_type=Path, dir_okay=False),
                metavar="FILE",
                expose_value=False,
                callback=_keep(_CONFIG),
                help="The configuration file; otherwise FAREGATE_CONFIG, else ./faregate.yaml.",
            )
        )
        self.params.append(
            click.Option(
                ["--json"],
                is_flag=True,
                expose_value=False,
                callback=_keep(_JSON),
                help="Print one JSON document.",
            )
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; among them `-5` is a number, not five options."""
        ctx.ignore_unknown_options = any(_NEGATIVE.match(arg) for arg in args)
        guarded = "--" in args  # asked now: the parser empties the list
        rest = super().parse_args(ctx, args)
        for parameter in self.params:
            value = ctx.params.get(parameter.name or "")
            if isinstance(parameter, click.Argument) and isinstance(value, str) and not guarded and _is_option(value):
                raise click.NoSuchOption(value, ctx=ctx)
        return rest


class Group(click.Group):
    """A group whose commands are ours."""

    command_class = Command
    group_class = type


def wants_json() -> bool:
    """Tell whether the running command was given `--json`."""
    return bool(click.get_current_context().meta.get(_JSON))


def config_option() -> Path | None:
    """Return the running command's `--config`."""
    path: Path | None = click.get_current_context().meta.get(_CONFIG)
    return path


def _is_option(value: str) -> bool:
    """Tell an unknown option, let through beside a negative number, from an argument."""
    return value.startswith("-") and not _NEGATIVE.match(value)


def _keep(name: str) -> Any:
    def callback(ctx: click.Context, _: click.Parameter, value: object) -> object:
        ctx.meta[name] = value
        return value

    return callback
