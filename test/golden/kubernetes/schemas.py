"""
Makes schemas.json: Kubernetes' own schemas of the kinds that deploy/kubernetes has, and the prometheus-operator's of a
ServiceMonitor, strict (what is not named is refused), without their descriptions.

    python3 -m venv kube && kube/bin/pip install kubernetes-validate==1.37.0 cloudcoil-models-prometheus-operator==0.80.1.0
    kube/bin/python test/golden/kubernetes/schemas.py > test/golden/kubernetes/schemas.json

Both packages are licensed under Apache-2.0, as are Kubernetes and the prometheus-operator that their schemas are from.
"""

import json
from pathlib import Path

import kubernetes_validate
from cloudcoil.models.prometheus_operator.v1 import ServiceMonitor

VERSION = "1.37.0"
FOLDER = Path(kubernetes_validate.__file__).parent / f"kubernetes-json-schema/v{VERSION}-local-strict"
FILES = {
    "ConfigMap": "configmap-v1",
    "Deployment": "deployment-apps-v1",
    "HorizontalPodAutoscaler": "horizontalpodautoscaler-autoscaling-v2",
    "NetworkPolicy": "networkpolicy-networking-v1",
    "PodDisruptionBudget": "poddisruptionbudget-policy-v1",
    "Role": "role-rbac-v1",
    "RoleBinding": "rolebinding-rbac-v1",
    "Secret": "secret-v1",
    "Service": "service-v1",
    "ServiceAccount": "serviceaccount-v1",
}
KEPT = {"$ref", "type", "properties", "required", "items", "enum", "oneOf", "anyOf", "additionalProperties", "format"}


def read(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


DEFINITIONS = read("_definitions")["$defs"]


def slim(schema, prefix, found):
    """The same without words for people; every definition that it names joins `found`."""
    if not isinstance(schema, dict):
        return schema
    made = {}
    for key, value in schema.items():
        if key not in KEPT:
            continue
        if key == "$ref":
            name = value.split("/")[-1]
            found.add(name)
            made[key] = f"#/$defs/{prefix}{name}"
        elif key == "properties":
            made[key] = {name: slim(one, prefix, found) for name, one in value.items()}
        elif key in ("oneOf", "anyOf"):
            made[key] = [slim(one, prefix, found) for one in value]
        elif key in ("items", "additionalProperties"):
            made[key] = slim(value, prefix, found)
        else:
            made[key] = value
    if "properties" in made and made.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return made


def closure(roots, definitions, prefix):
    kinds, made, open_names = {}, {}, set()
    for kind, schema in roots.items():
        kinds[kind] = slim(schema, prefix, open_names)
    while open_names - made.keys():
        for name in open_names - made.keys():
            made[name] = slim(definitions[name], prefix, open_names)
    return kinds, {prefix + name: made[name] for name in sorted(made)}


kinds, definitions = closure({kind: read(name) for kind, name in FILES.items()}, DEFINITIONS, "")
monitor = ServiceMonitor.model_json_schema(by_alias=True)
monitors, of_monitors = closure({"ServiceMonitor": monitor}, monitor["$defs"], "monitoring.")
# Of what is common to all kinds Kubernetes' own schema is the judge.
monitors["ServiceMonitor"]["properties"]["metadata"] = kinds["Service"]["properties"]["metadata"]
print(
    json.dumps(
        {
            "source": f"Kubernetes {VERSION} and prometheus-operator v0.80.1 (Apache-2.0), by schemas.py",
            "kinds": kinds | monitors,
            "$defs": definitions | of_monitors,
        },
        separators=(",", ":"),
    )
)
