"""What is read where something is wrong; the messages themselves are in tests/bad_configuration."""

from pathlib import Path

from proxy.loading.inspect import inspect


def test_a_good_file_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "faregate.yaml"
    file.write_text("listen: 127.0.0.1:9000\n")
    found = inspect(file, {})
    assert found.problems == ()
    assert found.settings is not None
    assert found.settings.listen.port == 9000
    assert found.catalogue is not None


def test_bad_settings_do_not_hide_bad_rates(tmp_path: Path) -> None:
    file = tmp_path / "faregate.yaml"
    (tmp_path / "acme.yaml").write_text("integration: acme\n")
    file.write_text(f"workers: many\nrates_dir: {tmp_path}\n")
    found = inspect(file, {})
    assert (found.settings, found.catalogue) == (None, None)
    assert "workers is 'many'" in found.problems[0]
    assert any("acme.yaml: at checked: it is missing" in problem for problem in found.problems)


def test_bad_rates_leave_the_settings(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text("integration: acme\n")
    found = inspect(None, {"FAREGATE_RATES_DIR": str(tmp_path)})
    assert found.settings is not None
    assert found.catalogue is None


def test_what_cannot_be_parsed_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "faregate.yaml"
    file.write_text("a: [\n")
    assert len(inspect(file, {}).problems) == 1
