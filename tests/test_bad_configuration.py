"""One bad file for each kind of mistake, and the line that refuses it, in full: file, place, value, remedy.

A case is a file of `tests/bad_configuration`, or a folder with a `faregate.yaml` and the provider or rates files that
it leads to. Its first lines say what must be said: `# says: LINE` for each problem, `# env: NAME=VALUE` for a variable.
In them FILE is the case's configuration file and FOLDER its folder; `${FOLDER}` and the names of `pem_files` are
variables that every case may refer to.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from msgspec import Struct

from proxy.errors import BadConfig
from proxy.loading.catalogue import check_upstreams, load_catalogue
from proxy.loading.inspect import inspect
from proxy.loading.settings import load_settings

CASES = sorted(path for path in (Path(__file__).parent / "bad_configuration").iterdir())
SECRETS = ("sk-very", "sk very", "very-secret", "123456789")


class Case(Struct, frozen=True):
    """One case: its file, what must be said of it, and the variables that it is read with."""

    file: Path
    says: list[str]
    environ: dict[str, str]


@pytest.fixture(scope="module")
def pem_files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Certificates and keys that no repository should hold, by the variables that name them."""
    folder = tmp_path_factory.mktemp("pem")
    authority = trustme.CA()
    pair, other = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    key = serialization.load_pem_private_key(pair.private_key_pem.bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"very-secret"),
    )
    files = {
        "CERT": pair.cert_chain_pems[0].bytes(),
        "KEY": pair.private_key_pem.bytes(),
        "OTHER_KEY": other.private_key_pem.bytes(),
        "ENCRYPTED_KEY": locked,
    }
    for name, content in files.items():
        (folder / f"{name}.pem").write_bytes(content)
    return {name: str(folder / f"{name}.pem") for name in files}


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest, pem_files: Mapping[str, str]) -> Case:
    path: Path = request.param
    file = path / "faregate.yaml" if path.is_dir() else path
    notes = [line[2:].split(": ", 1) for line in file.read_text().splitlines() if line.startswith("# ")]
    variables = dict(text.split("=", 1) for kind, text in notes if kind == "env")
    environ = {"FOLDER": str(file.parent), **pem_files, **variables}
    return Case(file, [text for kind, text in notes if kind == "says"], environ)


def placed(case: Case, lines: Iterable[str]) -> list[str]:
    """Return lines with every path of this machine replaced by what a case calls it."""
    names = {str(case.file): "FILE", case.environ["FOLDER"]: "FOLDER"}
    names |= {case.environ[name]: name for name in ("CERT", "ENCRYPTED_KEY", "OTHER_KEY", "KEY")}
    found = []
    for line in lines:
        for path, name in names.items():
            line = line.replace(path, name)  # it is the same line, told in other words
        found.append(line)
    return found


def test_every_mistake_is_told_in_full(case: Case) -> None:
    found = inspect(case.file, case.environ)
    assert placed(case, found.problems) == case.says
    for line in found.problems:
        assert "\n" not in line
        assert "; " in line, "a message ends with its remedy"
        assert not any(secret in line for secret in SECRETS)


def start(case: Case) -> None:
    """Read what a server reads, in its order."""
    settings = load_settings(case.file, case.environ)
    check_upstreams(settings, load_catalogue(settings.providers_dir, settings.rates_dir).providers)


def test_a_server_would_not_start_with_it(case: Case) -> None:
    with pytest.raises(BadConfig) as caught:
        start(case)
    assert placed(case, [str(caught.value)]) == case.says[:1]


def test_there_is_a_case_for_every_kind() -> None:
    assert len(CASES) > 85
    kinds = {path.stem.partition("_")[0] for path in CASES}
    assert {"provider", "rates", "tls", "database", "variable", "environment"} <= kinds
