"""Holds documents against the types of Kubernetes' own client: reads a JSON list of them, prints a JSON list of faults.

A field that no type has, a value of another type, a field that must be there and is not: each is one line.
"""

import json
import sys

from kubernetes import client
from pydantic import ValidationError

KINDS = {
    (version, kind): getattr(client, f"V1{kind}")
    for version, kinds in {
        "v1": ("Namespace", "ConfigMap", "Secret", "PersistentVolumeClaim", "Service"),
        "apps/v1": ("Deployment",),
        "networking.k8s.io/v1": ("Ingress", "NetworkPolicy"),
    }.items()
    for kind in kinds
}


def faults(document):
    """Return what is wrong with one document."""
    kind = (document.get("apiVersion"), document.get("kind"))
    if kind not in KINDS:
        return [f"{kind} is no kind that is known here"]
    try:
        KINDS[kind].model_validate(document, strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        return [f"{kind[1]}.{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return []


json.dump([fault for document in json.load(sys.stdin) for fault in faults(document)], sys.stdout)
