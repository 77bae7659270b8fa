import json
import os
import subprocess
import sys

import pytest

from proxy import __version__

COMMANDS = [
    ["serve"],
    ["demo"],
    ["config", "check"],
    ["tenant", "create"],
    ["tenant", "list"],
    ["tenant", "show"],
    ["tenant", "suspend"],
    ["tenant", "resume"],
    ["key", "create"],
    ["key", "list"],
    ["key", "rotate"],
    ["key", "revoke"],
    ["credit"],
    ["balance"],
    ["margin", "set"],
    ["margin", "list"],
    ["ledger", "list"],
    ["ledger", "verify"],
    ["calls", "list"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_and_takes_json(console, command: list[str]) -> None:
    text = console.shown(*command, "--help")
    assert text.startswith(f"Usage: faregate {' '.join(command)} ")
    assert "--json" in text
    assert "--config FILE" in text


def test_help_lists_the_commands(console) -> None:
    text = console.shown("--help")
    for command in COMMANDS:
        assert f"\n  {command[0]} " in text
    assert console.shown("--version") == f"faregate, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["tenent"], "No such command 'tenent'."),
        (["tenant", "crete"], "No such command 'crete'."),
        (["tenant", "create"], "Missing argument 'NAME'. See `faregate tenant create --help`."),
        (["tenant", "list", "--limits", "5"], "No such option '--limits'."),
        (["tenant", "list", "--limit", "0"], "Invalid value for '--limit'"),
        (["tenant", "show", "a", "b"], "Got unexpected extra argument (b)"),
        (["credit", "acme", "ten"], "Invalid value for 'USD': 'ten' is not a decimal number"),
        (["ledger", "verify", "--database", "nowhere.db"], "Invalid value for '--database'"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(console, arguments: list[str], why: str) -> None:
    assert why in console.failed(*arguments, code=2)


@pytest.mark.parametrize("arguments", [[], ["tenant"]])
def test_no_command_shows_help_and_exit_2(console, arguments: list[str]) -> None:
    ran = console.run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Usage: faregate")


def test_json_after_a_double_dash_is_an_argument(faregate) -> None:
    ran = faregate.run("tenant", "show", "--", "--json")
    assert ran.code == 1
    assert ran.err == "error: there is no tenant --json\n"


def _faregate(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FAREGATE_")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "proxy", *arguments],
        env=kept | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_imports_nothing_heavy() -> None:
    """A command line that takes long to say what it can do is not asked twice."""
    heavy = ("aiohttp", "asyncio", "rich", "yaml", "prometheus_client", "msgspec", "http.client")
    script = (
        f"import sys; from proxy.cli.main import run; run(['--help']); print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_reader_who_leaves_is_no_traceback(faregate, live) -> None:
    variables = {"FAREGATE_OPERATOR_URL": live.url, "FAREGATE_ADMIN_TOKEN": "the-admin-token"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FAREGATE_")}
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "proxy", "tenant", "list", "--json"]
    with os.fdopen(write, "w") as gone:
        done = subprocess.run(
            command, env=kept | variables, stdout=gone, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_the_process_exits_with_the_code(tmp_path) -> None:
    done = _faregate("tenant", "list", "--json", FAREGATE_CONFIG=str(tmp_path / "none.yaml"))
    assert (done.returncode, done.stdout) == (2, "")
    assert json.loads(done.stderr)["error"]["code"] == "no_config"
