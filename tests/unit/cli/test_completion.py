import shutil
import subprocess

import pytest

from proxy.cli.completion import SHELLS


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_each_shell(console, shell: str) -> None:
    script = console.shown("completion", shell)
    assert "_FAREGATE_COMPLETE" in script
    assert console.done("completion", shell) == {"shell": shell, "script": script.removesuffix("\n")}


def test_bash_reads_it(console) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    checked = subprocess.run([bash, "-n"], input=console.shown("completion", "bash"), text=True, check=False)
    assert checked.returncode == 0


def test_other_shells(console) -> None:
    assert "'csh' is not one of 'bash', 'zsh', 'fish'" in console.failed("completion", "csh", code=2)
