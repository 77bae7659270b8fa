from pathlib import Path

import pytest
import trustme
import yaml
from msgspec import structs

from proxy.errors import BadConfig
from proxy.loading.settings import (
    Limits,
    NoConfig,
    find_config,
    load_folder_settings,
    load_operator_settings,
    load_settings,
    public_url,
    rows,
)
from proxy.loading.shipped import shipped
from proxy.loading.values import Address

EXAMPLE = shipped("config") / "faregate.example.yaml"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment that knows two integrations, whatever providers are installed."""
    folder = tmp_path / "providers"
    folder.mkdir()
    for name in ("openai", "azure-openai"):
        (folder / f"{name}.yaml").write_text(f"integration: {name}\n")
    return {"FAREGATE_PROVIDERS_DIR": str(folder)}


@pytest.fixture
def config(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "faregate.yaml"
        path.write_text(text)
        return path

    return write


def test_defaults_are_those_of_the_design() -> None:
    settings = load_settings(None, {})
    assert settings.base_domain == "localhost"
    assert (str(settings.listen), str(settings.operator_listen)) == ("127.0.0.1:8080", "127.0.0.1:8081")
    assert settings.public_url == "http://localhost:8080"
    assert str(settings.database) == "sqlite:///var/faregate.db"
    assert (settings.admin_token, settings.workers, settings.providers) == ("", 1, {})
    assert settings.warnings == ()
    assert settings.limits.body_bytes_max == 32 * 1024 * 1024


def test_the_example_sets_nothing() -> None:
    assert structs.replace(load_settings(EXAMPLE, {}), file=None) == load_settings(None, {})


def test_the_example_names_every_setting_with_its_default() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for row in rows():
        key = row.name.rpartition(".")[2]
        about = [line for line in lines if line.strip(" #").startswith(f"{key}:")]
        assert about, f"{row.name} is missing from the example"
        assert any(row.default in line for line in about), f"{row.name}: the example does not say {row.default}"


def test_every_limit_is_a_row_that_says_its_default() -> None:
    table = {row.name: row for row in rows()}
    for name in Limits.__struct_fields__:
        row = table[f"limits.{name}"]
        assert float(row.default) == getattr(Limits(), name)
        assert row.help
    assert table["providers.NAME.admission"].default == "fair"
    assert all(row.help for row in table.values())


def test_the_file_is_read(config, environ: dict[str, str]) -> None:
    path = config(
        "base_domain: AI.Example.com\nlisten: '[::1]:9000'\nlimits: {call_age_s_max: 60, stall_timeout_s: 0.5}\n"
        "providers:\n  openai: {api_key: sk-1, upstream: 'https://eu.example.com:8443/', admission: strict}\n"
        "  azure-openai:\n"
    )
    settings = load_settings(path, environ)
    assert settings.file == path
    assert settings.base_domain == "ai.example.com"
    assert settings.listen == Address("::1", 9000)
    assert settings.public_url == "http://ai.example.com:9000"
    assert (settings.limits.call_age_s_max, settings.limits.stall_timeout_s) == (60, 0.5)
    openai = settings.providers["openai"]
    assert (openai.api_key, openai.upstream, openai.admission) == ("sk-1", "https://eu.example.com:8443", "strict")
    assert openai.enabled
    assert not settings.providers["azure-openai"].enabled


def test_the_sandbox_needs_no_key(config, environ: dict[str, str]) -> None:
    openai = load_settings(config("providers: {openai: {upstream: sandbox}}"), environ).providers["openai"]
    assert openai.sandboxed
    assert openai.enabled


def test_the_environment_beats_the_file(config, environ: dict[str, str]) -> None:
    path = config("listen: 127.0.0.1:9000\nproviders: {openai: {api_key: from-file, admission: strict}}\n")
    environ |= {
        "FAREGATE_LISTEN": "127.0.0.1:9999",
        "FAREGATE_PROVIDERS__OPENAI__API_KEY": "from-environment",
        "FAREGATE_PROVIDERS__AZURE_OPENAI__API_KEY": "azure",
        "FAREGATE_LIMITS__BODY_BYTES_MAX": "1000",
    }
    settings = load_settings(path, environ)
    assert settings.listen.port == 9999
    assert settings.limits.body_bytes_max == 1000
    assert settings.providers["openai"].api_key == "from-environment"
    assert settings.providers["openai"].admission == "strict"
    assert settings.providers["azure-openai"].api_key == "azure"
    assert settings.warnings == ()


def test_an_empty_variable_counts_as_not_set(config) -> None:
    assert load_settings(config("workers: 1\nlisten: 127.0.0.1:9000"), {"FAREGATE_LISTEN": ""}).listen.port == 9000


def test_references_take_the_type_of_their_setting(config, environ: dict[str, str]) -> None:
    path = config(
        "limits: {body_bytes_max: '${SIZE}'}\nworkers: ${WORKERS:-}\n"
        "providers: {openai: {api_key: '${KEY:-}', upstream: 'https://${REGION:-eu}.example.com'}}"
    )
    settings = load_settings(path, environ | {"SIZE": "123"})
    assert settings.limits.body_bytes_max == 123
    assert settings.workers == 1
    assert settings.providers["openai"].upstream == "https://eu.example.com"
    assert not settings.providers["openai"].enabled
    assert load_settings(path, environ | {"SIZE": "1", "KEY": "12345"}).providers["openai"].api_key == "12345"


def test_variables_that_name_no_setting_are_warned_of(config, environ: dict[str, str]) -> None:
    path = config("admin_token: ${FAREGATE_MY_TOKEN:-}")
    environ |= {
        "FAREGATE_LISTENN": "x",
        "FAREGATE_LIMITS": "1",
        "FAREGATE_MY_TOKEN": "t",
        "FAREGATE_PROVIDERS__OPNEAI__API_KEY": "sk-very-secret",
        "FAREGATE_CONFIG": "c",
        "FAREGATE_OPERATOR_URL": "u",
        "FAREGATE_CORPUS": "c",
        "OTHER": "1",
    }
    settings = load_settings(path, environ)
    assert settings.admin_token == "t"
    assert settings.providers == {}
    first, second, third = sorted(settings.warnings)
    assert first == "FAREGATE_LIMITS names no setting and is ignored; unset it, or correct its name"
    assert second == "FAREGATE_LISTENN names no setting and is ignored; did you mean FAREGATE_LISTEN?"
    assert third.startswith("FAREGATE_PROVIDERS__OPNEAI__... is ignored: no integration; did you mean openai?")
    assert "secret" not in "".join(settings.warnings)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="no such file"):
        load_settings(tmp_path / "none.yaml", {})


def test_a_client_needs_only_its_own_settings(config) -> None:
    path = config(
        "operator_listen: 127.0.0.1:9001\nadmin_token: abc\nproviders: {openai: {api_key: '${NOT_HERE}'}}\nlimits: 3\n"
    )
    settings = load_operator_settings(path, {"FAREGATE_LIMITS__BODY_BYTES_MAX": "wrong"})
    assert (settings.operator_listen.port, settings.admin_token) == (9001, "abc")
    assert load_operator_settings(path, {"FAREGATE_ADMIN_TOKEN": "xyz"}).admin_token == "xyz"
    with pytest.raises(BadConfig):
        load_settings(path, {})


def test_find_config_takes_the_option_then_the_variable_then_the_folder(tmp_path: Path) -> None:
    for name in ("faregate.yaml", "a.yaml", "b.yaml"):
        (tmp_path / name).touch()
    variable = {"FAREGATE_CONFIG": "b.yaml"}
    assert find_config(Path("a.yaml"), variable, tmp_path) == tmp_path / "a.yaml"
    assert find_config(None, variable, tmp_path) == tmp_path / "b.yaml"
    assert find_config(None, {"FAREGATE_CONFIG": ""}, tmp_path) == tmp_path / "faregate.yaml"


def test_find_config_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoConfig, match=r"no ./faregate.yaml; name a file .* copy of .*faregate.example.yaml"):
        find_config(None, {}, tmp_path)
    with pytest.raises(NoConfig, match=r"nowhere.yaml: there is no such file; check --config"):
        find_config(Path("nowhere.yaml"), {}, tmp_path)


def test_public_url_follows_the_listener(config, tmp_path: Path) -> None:
    pair = trustme.CA().issue_cert("localhost")
    pair.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    pair.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    text = f"tls: {{cert: '{tmp_path}/cert.pem', key: '{tmp_path}/key.pem'}}\nlisten: 127.0.0.1:8443\n"
    settings = load_settings(config(text), {})
    assert settings.public_url == public_url(settings) == "https://localhost:8443"
    path = config(text + "public_url: https://gateway.example.com\n")
    assert load_settings(path, {}).public_url == "https://gateway.example.com"


def test_all_that_is_wrong_is_told_at_once(config, environ: dict[str, str]) -> None:
    path = config("listne: x\nworkers: 3\ntls: {cert: /nowhere}\nproviders: {opneai: {}, openai: {apikey: x}}\n")
    with pytest.raises(BadConfig) as caught:
        load_settings(path, environ | {"FAREGATE_RATES_DIR": "/nowhere"})
    told = [problem.removeprefix(str(path)) for problem in caught.value.problems]
    assert [problem.split(";")[0] for problem in told] == [
        ": listne is not a setting",
        ": providers.openai.apikey is not a setting",
        ": workers is 3: SQLite serves one process",
        ": tls.cert is '/nowhere': tls.key is missing",
        ", with FAREGATE_RATES_DIR: rates_dir is '/nowhere': there is no such folder",
        ": providers.opneai is no integration",
    ]


def test_what_could_not_be_read_is_not_held_against_the_rest(config) -> None:
    """A listener that cannot be read is not "the same" as another, whatever its default is."""
    path = config("listen: 8080\noperator_listen: 127.0.0.1:8080\ntls: {cert: 5, key: /nowhere}\n")
    with pytest.raises(BadConfig) as caught:
        load_settings(path, {})
    assert len(caught.value.problems) == 2


def test_the_folders_alone_can_be_read_of_a_bad_file(config, tmp_path: Path) -> None:
    settings = load_folder_settings(config(f"rates_dir: {tmp_path}\nworkers: many\n"), {})
    assert (settings.rates_dir, settings.providers_dir, settings.workers) == (tmp_path, None, 1)


def test_the_example_is_one_yaml_document() -> None:
    assert set(yaml.safe_load(EXAMPLE.read_text())) >= {"base_domain", "providers", "limits"}
