"""The files for Kubernetes are ones that it would take, they fit one another, and Faregate takes what is in them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.sdk import SCRIPTS, interpreter

from proxy.loading.settings import Limits

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
FILES = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
Document = dict[str, Any]


def documents() -> Iterator[Document]:
    for name in FILES:
        yield from yaml.safe_load_all((FOLDER / name).read_text())


ALL = {(each["kind"], each["metadata"]["name"]): each for each in documents()}
POD: Document = ALL["Deployment", "faregate"]["spec"]["template"]
CONTAINER: Document = POD["spec"]["containers"][0]


def faults(of: list[Document]) -> list[str]:
    done = subprocess.run(
        [interpreter("kubernetes"), SCRIPTS / "kubernetes_types.py"],
        input=json.dumps(of),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: list[str] = json.loads(done.stdout)
    return found


def test_every_file_is_listed() -> None:
    assert sorted(FILES) == sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")


@pytest.mark.sdk
def test_kubernetes_own_types_have_every_field() -> None:
    assert faults(list(documents())) == []


@pytest.mark.sdk
def test_the_check_finds_what_is_planted() -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {
            "replicas": "1",
            "selector": {"matchLabels": {"a": 1}},
            "template": {"spec": {"containers": [{"image": "x", "ports": [{"port": 1}]}]}},
        },
    }
    assert faults([deployment, {"apiVersion": "v1", "kind": "Pod"}]) == [
        "Deployment.spec.replicas: Input should be a valid integer",
        "Deployment.spec.selector.matchLabels.a: Input should be a valid string",
        "Deployment.spec.template.spec.containers.0.name: Field required",
        "Deployment.spec.template.spec.containers.0.ports.0.containerPort: Field required",
        "Deployment.spec.template.spec.containers.0.ports.0.port: Extra inputs are not permitted",
        "('v1', 'Pod') is no kind that is known here",
    ]


def test_names_lead_somewhere() -> None:
    labels = POD["metadata"]["labels"]
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    for (kind, _), each in ALL.items():
        if kind == "Service":
            assert each["spec"]["selector"].items() <= labels.items()
            assert all(port["targetPort"] in ports for port in each["spec"]["ports"])
    assert ALL["Deployment", "faregate"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert ALL["NetworkPolicy", "faregate"]["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert CONTAINER[probe]["httpGet"]["port"] == "operator"
    for rule in ALL["Ingress", "faregate"]["spec"]["rules"]:
        [path] = rule["http"]["paths"]
        service = ALL["Service", path["backend"]["service"]["name"]]
        assert [port["name"] for port in service["spec"]["ports"]] == [path["backend"]["service"]["port"]["name"]]
    mounted = {mount["name"] for mount in CONTAINER["volumeMounts"]}
    for volume in POD["spec"]["volumes"]:
        assert volume["name"] in mounted
        kind, name = ("ConfigMap", volume.get("configMap", {}).get("name")), volume.get("persistentVolumeClaim", {})
        assert (kind in ALL) or ("PersistentVolumeClaim", name.get("claimName")) in ALL


def test_the_operator_s_listener_is_in_no_ingress() -> None:
    reached = {
        path["backend"]["service"]["name"]
        for rule in ALL["Ingress", "faregate"]["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    assert reached == {"faregate"}
    assert [port["targetPort"] for port in ALL["Service", "faregate"]["spec"]["ports"]] == ["edge"]


def test_one_process_and_time_to_end_in_good_order() -> None:
    deployment = ALL["Deployment", "faregate"]["spec"]
    assert (deployment["replicas"], deployment["strategy"]["type"]) == (1, "Recreate")
    assert POD["spec"]["terminationGracePeriodSeconds"] > Limits().shutdown_grace_s + 15


def test_faregate_takes_its_configuration(tmp_path: Path) -> None:
    config: Document = ALL["ConfigMap", "faregate"]
    secret: Document = ALL["Secret", "faregate"]
    assert CONTAINER["envFrom"] == [{"secretRef": {"name": "faregate"}}]
    file = tmp_path / "faregate.yaml"
    file.write_text(config["data"]["faregate.yaml"])
    assert CONTAINER["args"] == ["serve", "--config", f"/etc/faregate/{file.name}"]
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "config", "check", "--config", file, "--json"],
        env={"PATH": os.environ["PATH"], **secret["stringData"], "FAREGATE_PROVIDERS__OPENAI__API_KEY": "sk-1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["ok"] is True
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    settings = yaml.safe_load(file.read_text())
    assert settings["listen"] == f"0.0.0.0:{ports['edge']}"
    assert settings["operator_listen"] == f"0.0.0.0:{ports['operator']}"
    folder = settings["database"].removeprefix("sqlite:///").rpartition("/")[0]
    assert folder in {mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
