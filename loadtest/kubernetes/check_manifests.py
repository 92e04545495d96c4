"""
Has Kubernetes' own schemas, and that of LeaderWorkerSet, take the manifests that `plan --out` writes. Exits 1 where one
refuses a document. Needs no cluster.

    python3 -m venv kube && kube/bin/pip install kubernetes-validate jsonschema
    (mkdir -p lws && cd lws && go mod init x && go mod download -json sigs.k8s.io/lws@v0.7.0)   # says where: Dir
    kube/bin/python loadtest/kubernetes/check_manifests.py DIR/config/crd/bases plan/kubernetes.yaml …
"""

import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml

# The oldest that is claimed, and the newest that there is.
VERSIONS = ("1.30", kubernetes_validate.latest_version())
GROUPS = "leaderworkerset.x-k8s.io_leaderworkersets.yaml"


def strict(schema):
    """As an API server takes it: what is not named is refused, and some numbers may be texts."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(part) for name, part in schema.items()}
    if made.pop("x-kubernetes-int-or-string", False):
        made = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    if made.get("type") == "object" and "properties" in made:
        made.setdefault("additionalProperties", False)
    return made


def groups_schema(folder: Path) -> dict:
    definition = yaml.safe_load((folder / GROUPS).read_text())
    schema = strict(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    return schema | {"properties": schema["properties"] | {"metadata": {"type": "object"}}}


def faults(document: dict, groups: dict) -> list[str]:
    if document["kind"] == "LeaderWorkerSet":
        return [error.message for error in jsonschema.Draft7Validator(groups).iter_errors(document)]
    found = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            found.append(f"{version}: {error.message}")
    return found


def main() -> int:
    groups = groups_schema(Path(sys.argv[1]))
    wrong = 0
    for path in sys.argv[2:]:
        for document in yaml.safe_load_all(Path(path).read_text()):
            found = faults(document, groups)
            wrong += len(found)
            print(f"{path}: {document['kind']} {document['metadata']['name']}: {'; '.join(found) or 'taken'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
