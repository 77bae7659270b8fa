from pathlib import Path

import pytest

from proxy.loading.effective import effective, leaves, masked
from proxy.loading.settings import load_settings, rows

LONG = "sk-0123456789abcdef-WXYZ"


def test_every_setting_has_a_source(tmp_path: Path) -> None:
    file = tmp_path / "faregate.yaml"
    file.write_text(
        "listen: 127.0.0.1:9000\nadmin_token: '${TOKEN:-}'\nlimits: {body_timeout_s: 5}\n"
        "providers: {openai: {api_key: '${KEY}', admission: ''}, gemini: }\n"
    )
    environ = {"KEY": LONG, "FAREGATE_LIMITS__STALL_TIMEOUT_S": "7", "FAREGATE_PROVIDERS__GEMINI__API_KEY": "short"}
    found = {each.name: each for each in effective(load_settings(file, environ), environ)}
    assert set(found) >= {row.name for row in rows() if ".NAME." not in row.name}
    told = {name: (each.value, each.source, each.names) for name, each in found.items()}
    assert told["listen"] == ("127.0.0.1:9000", "file", ())
    assert told["operator_listen"] == ("127.0.0.1:8081", "default", ())
    assert told["admin_token"] == ("", "default", ("TOKEN",))
    assert told["limits.body_timeout_s"] == ("5", "file", ())
    assert told["limits.stall_timeout_s"] == ("7", "environment", ("FAREGATE_LIMITS__STALL_TIMEOUT_S",))
    assert told["providers.openai.api_key"] == ("...WXYZ", "file", ("KEY",))
    assert told["providers.openai.admission"] == ("fair", "default", ())
    assert told["providers.gemini.api_key"] == ("(hidden)", "environment", ("FAREGATE_PROVIDERS__GEMINI__API_KEY",))
    assert not any(LONG in each.value or "short" in each.value for each in found.values())


def test_without_a_file_all_is_default() -> None:
    assert {each.source for each in effective(load_settings(None, {}), {})} == {"default"}


@pytest.mark.parametrize(
    ("secret", "shown"), [("", ""), ("a" * 15, "(hidden)"), ("a" * 12 + "wxyz", "...wxyz"), (LONG, "...WXYZ")]
)
def test_little_is_shown_of_a_secret(secret: str, shown: str) -> None:
    assert masked(secret) == shown


def test_leaves_are_the_settings_as_they_are(tmp_path: Path) -> None:
    environ = {"FAREGATE_PROVIDERS__OPENAI__API_KEY": LONG}
    settings = load_settings(None, environ)
    found = dict(leaves(settings))
    assert found["providers.openai.api_key"] == LONG
    assert found["tls.cert"] is None
    assert found.keys() == {each.name for each in effective(settings, environ)}
