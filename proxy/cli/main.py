"""`faregate`: the root of the commands, and the one place where an error becomes a line and an exit code."""

import sys
from collections.abc import Sequence

import click

from proxy import __version__
from proxy.cli.audit import audit
from proxy.cli.calls import calls, exposure, holds
from proxy.cli.caps import cap
from proxy.cli.command import Failure, Group
from proxy.cli.completion import completion
from proxy.cli.config import config
from proxy.cli.doctor import doctor
from proxy.cli.keys import key
from proxy.cli.ledger import ledger
from proxy.cli.margins import margin
from proxy.cli.quotes import quote
from proxy.cli.rates import rates
from proxy.cli.server import demo, reload, serve
from proxy.cli.tenants import tenant
from proxy.cli.usage import usage
from proxy.cli.wallets import balance, credit
from proxy.errors import BadConfig, FaregateError


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="faregate")
def faregate() -> None:
    """Faregate: a metering reverse proxy in front of AI providers."""


_COMMANDS: tuple[click.Command, ...] = (
    serve,
    demo,
    doctor,
    reload,
    config,
    tenant,
    key,
    credit,
    balance,
    margin,
    cap,
    rates,
    quote,
    ledger,
    calls,
    holds,
    exposure,
    usage,
    audit,
    completion,
)
for _command in _COMMANDS:
    faregate.add_command(_command)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 used wrongly."""
    try:
        result = faregate.main(list(arguments), prog_name="faregate", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except Failure as error:
        return _report(arguments, error.code, error.message, error.exit_code)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "faregate"
        return _report(arguments, "usage", f"{error.format_message()} See `{path} --help`.", 2)
    except click.ClickException as error:
        return _report(arguments, "failed", error.format_message(), error.exit_code)
    except FaregateError as error:
        return _report(arguments, "bad_config", _first(error), 1)
    except click.Abort:
        return _report(arguments, "stopped", "stopped", 1)
    except BrokenPipeError:
        _forget_output()
        return 1
    return result if isinstance(result, int) else 0


def _first(error: FaregateError) -> str:
    """Return an error's line; where a file has more than one fault, where to see the rest."""
    more = len(error.problems) - 1 if isinstance(error, BadConfig) else 0
    return f"{error} (and {more} more: `faregate config check` tells all)" if more else str(error)


def _report(arguments: Sequence[str], code: str, message: str, exit_code: int) -> int:
    """Write an error as one line; as one JSON line where `--json` was given."""
    line = " ".join(message.split())
    told = list(arguments)
    if "--json" in told[: told.index("--")] if "--" in told else "--json" in told:
        import json

        line = json.dumps({"error": {"code": code, "message": line}})
    else:
        line = f"error: {line}"
    click.echo(line, err=True)
    return exit_code


def _forget_output() -> None:
    """Keep the interpreter from failing once more when it flushes what nobody reads."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
