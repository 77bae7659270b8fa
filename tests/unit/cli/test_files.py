from pathlib import Path


def test_a_command_without_any_file_says_what_to_do(console) -> None:
    message = console.failed("tenant", "list", code=2)
    assert message.startswith("no configuration: there is no ./faregate.yaml; name a file with --config")
    assert message.endswith("or set FAREGATE_OPERATOR_URL and FAREGATE_ADMIN_TOKEN")
    assert console.failed("config", "check", code=2).endswith("faregate.example.yaml")
    assert console.failed("serve", code=2).endswith("faregate.example.yaml")


def test_a_file_that_is_not_there(console, monkeypatch) -> None:
    assert "here.yaml: there is no such file" in console.failed("config", "check", "--config", "here.yaml", code=2)
    monkeypatch.setenv("FAREGATE_CONFIG", "there.yaml")
    assert "there.yaml: there is no such file" in console.failed("config", "check", code=2)


def test_the_option_wins(console, monkeypatch, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").touch()
    monkeypatch.setenv("FAREGATE_CONFIG", "b.yaml")
    assert console.done("config", "check", "--config", "a.yaml")["file"].endswith("a.yaml")
    assert console.done("config", "check")["file"].endswith("b.yaml")
