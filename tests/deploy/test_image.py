"""The image, built and run by hand: the Dockerfile's steps in folders, what it starts, its healthcheck, its end."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sdk.build import required
from support.dockerfile import Build, Stage, context, optimised, parse
from support.house import READY_WITHIN_S, free_port

from proxy.loading.settings import Limits, rows

pytestmark = [pytest.mark.process, pytest.mark.sdk]

ROOT = Path(__file__).parents[2]
STEPS = parse((ROOT / "Dockerfile").read_text())
CHECK = "--enable-optimizations"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    place = tmp_path_factory.mktemp("image")
    sent = context(ROOT, place / "context")
    build = Build(sent, place, may_fail=lambda step: CHECK in step and not optimised())
    try:
        return build.run(STEPS)
    except AssertionError as error:
        if "No matching distribution" in str(error) and not required():
            pytest.skip("the packages that the image needs cannot be had here")
        raise


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture(scope="module")
def running(image: Stage, ports: tuple[int, int]) -> Iterator[subprocess.Popen[bytes]]:
    """What the image starts. Only the ports differ, and its paths are where the stage's folder is."""
    config = image.at("/etc/faregate/faregate.yaml")
    text = config.read_text()
    for name, inside, ours in (("listen", 8080, ports[0]), ("operator_listen", 8081, ports[1])):
        assert f"\n{name}: 0.0.0.0:{inside}\n" in text
        text = text.replace(f"\n{name}: 0.0.0.0:{inside}\n", f"\n{name}: 0.0.0.0:{ours}\n")
    assert "sqlite:////var/lib/faregate/" in text
    config.write_text(text.replace("sqlite:////", f"sqlite:///{image.root}/"))
    command = [*image.said["ENTRYPOINT"].words, *image.said["CMD"].words]
    program = image.at(f"/opt/faregate/bin/{command[0]}")
    log = (image.root / "log.txt").open("wb")
    process = subprocess.Popen(
        [program, *command[1:]], cwd=image.at(image.folder), env=image.variables, stdout=log, stderr=log
    )
    log.close()
    yield process
    process.kill()
    process.wait()


def healthy(image: Stage, port: int) -> bool:
    """Run the image's own healthcheck."""
    options, _, command = image.said["HEALTHCHECK"].rest.partition("CMD ")
    assert {"--interval=10s", "--timeout=5s"} <= set(options.split())
    words = [word.replace(":8081/", f":{port}/") for word in json.loads(command)]
    program = image.at(f"/opt/faregate/bin/{words[0]}")
    return subprocess.run([program, *words[1:]], env=image.variables, capture_output=True, check=False).returncode == 0


def test_the_image_serves_and_its_healthcheck_says_so(
    image: Stage, running: subprocess.Popen[bytes], ports: tuple[int, int]
) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not healthy(image, ports[1]):
        assert running.poll() is None, (image.root / "log.txt").read_text()
        assert time.monotonic() < deadline, (image.root / "log.txt").read_text()
    assert (image.at("/var/lib/faregate") / "faregate.db").exists()
    with pytest.raises(urllib.error.HTTPError, match="404") as error:
        urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/openai/v1/models", timeout=5)
    with error.value as answer:
        assert answer.headers["faregate-refusal"] == "unknown_integration"
    log = [json.loads(line) for line in (image.root / "log.txt").read_text().splitlines()]
    assert any(line["message"].startswith("serving nothing on") for line in log)


def test_its_command_line_finds_the_server(image: Stage, running: subprocess.Popen[bytes]) -> None:
    """`docker exec` runs in the same folder with the same environment."""
    done = subprocess.run(
        [image.at("/opt/faregate/bin/faregate"), "tenant", "create", "acme", "--json"],
        cwd=image.at(image.folder),
        env=image.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["id"].startswith("tnt_")
    assert running.poll() is None


def test_it_ends_in_good_order_when_it_is_told_to(
    image: Stage, running: subprocess.Popen[bytes], ports: tuple[int, int]
) -> None:
    assert image.said["STOPSIGNAL"].rest == "SIGTERM"
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=30) == 0
    assert "Traceback" not in (image.root / "log.txt").read_text()
    assert not healthy(image, ports[1])


def test_what_the_image_says_of_itself(image: Stage) -> None:
    assert image.user == "10001:10001"
    assert image.folder == "/var/lib/faregate"
    assert json.loads(image.said["VOLUME"].rest) == [image.folder]
    assert image.said["EXPOSE"].words == ["8080", "8081"]
    for exec_form in ("ENTRYPOINT", "CMD"):  # a shell in between would keep the signal to itself
        assert isinstance(json.loads(image.said[exec_form].rest), list)


def test_the_image_is_small(image: Stage) -> None:
    """What comes on top of the base: the code, what it needs, and no tool for building."""
    names = {path.name for path in image.at("/opt/faregate").rglob("*")}
    assert not {"pip", "hatchling", "pytest", "mypy"} & names
    size = sum(path.stat().st_size for path in image.at("/opt/faregate").rglob("*") if not path.is_symlink())
    assert size < 90_000_000, f"{size / 1e6:.0f} MB"
    assert sorted(path.name for path in image.root.iterdir() if path.name not in ("base", "log.txt")) == [
        "etc",
        "opt",
        "var",
    ]


def test_nothing_that_is_not_needed_is_sent_to_an_engine(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    root = tmp_path / "here"
    wanted = ["pyproject.toml", "README.md", "LICENSE", "proxy/app.py", "rates/units.yaml", "config/providers/x.yaml"]
    unwanted = ["faregate.yaml", "var/faregate.db", "var/faregate.db.admin-token", ".env", "tests/x.py"]
    unwanted += ["proxy/__pycache__/app.cpython-311.pyc", "docs/index.md", "deploy/kubernetes/configuration.yaml"]
    for name in [*wanted, "deploy/container/faregate.yaml", *unwanted]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    (root / ".dockerignore").write_text((ROOT / ".dockerignore").read_text())
    sent = context(root, tmp_path / "sent")
    names = sorted(path.relative_to(sent).as_posix() for path in sent.rglob("*") if path.is_file())
    assert names == sorted([*wanted, "deploy/container/faregate.yaml"])


def test_a_base_that_is_not_optimised_ends_the_build() -> None:
    """Debian's own Python is built as the official image's is; one that is not must not pass."""
    [step] = [step.rest for step in STEPS if CHECK in step.rest]
    words = step.removeprefix("python ")
    for python in {sys.executable, "/usr/bin/python3"}:
        if os.access(python, os.X_OK):
            done = subprocess.run(["sh", "-c", f"{python} {words}"], capture_output=True, check=False)
            assert (done.returncode == 0) is optimised(python)


# --- compose.yaml

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def test_compose_sets_what_there_is_to_set() -> None:
    known = {f"FAREGATE_{row.name}".replace(".", "__").replace("-", "_").upper() for row in rows()}
    for name in SERVICES["faregate"]["environment"]:
        assert name in known or name.startswith("FAREGATE_PROVIDERS__"), name
        integration = name.removeprefix("FAREGATE_PROVIDERS__").partition("__")[0].lower()
        assert (ROOT / "config" / "providers" / f"{integration}.yaml").exists()


def test_compose_keeps_the_ledger_and_waits_for_it(image: Stage) -> None:
    service = SERVICES["faregate"]
    assert service["volumes"] == [f"ledger:{image.folder}"]
    assert "ledger" in COMPOSE["volumes"]
    assert int(service["stop_grace_period"].removesuffix("s")) > Limits().shutdown_grace_s + 15
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_compose_s_prometheus_finds_faregate_and_its_rules() -> None:
    service = SERVICES["prometheus"]
    assert service["network_mode"] == "service:faregate"
    folder = ROOT / "deploy" / "prometheus"
    assert f"./{folder.relative_to(ROOT)}:/etc/prometheus:ro" in service["volumes"]
    if not folder.exists():
        pytest.skip("deploy/prometheus is not written yet")
    [config] = [word for word in service["command"] if word.startswith("--config.file=")]
    assert (folder / Path(config).name).exists()
    [job] = yaml.safe_load((folder / Path(config).name).read_text())["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["127.0.0.1:8081"]}]
