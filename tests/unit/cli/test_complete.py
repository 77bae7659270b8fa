import pytest
from click.shell_completion import ShellComplete
from doubles.desk import TOKEN

from proxy.cli.main import faregate as root


def completed(*words: str) -> list[str]:
    """Complete the last word as a shell would ask."""
    found = ShellComplete(root, {}, "faregate", "_FAREGATE_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [item.value for item in found]


def test_commands_and_tenants(faregate) -> None:
    for name in ("acme", "acorn", "globex"):
        faregate.done("tenant", "create", name)
    assert completed("ten") == ["tenant"]
    assert completed("tenant", "sus") == ["suspend"]
    assert completed("balance", "ac") == ["acme", "acorn"]
    assert completed("credit", "") == ["acme", "acorn", "globex"]
    assert completed("audit", "list", "--tenant", "g") == ["globex"]


def test_only_keys_that_open_something(faregate) -> None:
    faregate.done("tenant", "create", "acme")
    first, second = (faregate.done("key", "create", "acme")["id"] for _ in range(2))
    faregate.done("key", "revoke", first)
    assert completed("key", "revoke", "key_") == [second]


def test_the_server_of_the_configuration_is_asked(console, live, tmp_path) -> None:
    (tmp_path / "faregate.yaml").write_text(
        f"operator_listen: {live.url.removeprefix('http://')}\nadmin_token: {TOKEN}\n"
    )
    console.done("tenant", "create", "acme")
    assert completed("balance", "") == ["acme"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "no url"])
def test_without_a_server_there_is_nothing_to_say(console, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert completed("balance", "") == []
    monkeypatch.setenv("FAREGATE_OPERATOR_URL", url)
    monkeypatch.setenv("FAREGATE_ADMIN_TOKEN", "x")
    assert (completed("balance", ""), completed("key", "show", "")) == ([], [])
