"""The output of kustomize for manifests/, and how an API server reads it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml

MANIFESTS: Final = Path(__file__).parents[2] / "manifests"
COMPONENTS: Final = MANIFESTS / "components"
OVERLAYS: Final = ("openshift", "kubernetes", "dev")
CERTIFICATES: Final = ("openshift-service-ca", "cert-manager", "self-signed")
# Those that can be added to any installation, all of them at once too.
OPTIONAL: Final = tuple(
    path.parent.name
    for path in sorted(COMPONENTS.glob("*/kustomization.yaml"))
    if path.parent.name not in (*CERTIFICATES, "release") and "components" not in yaml.safe_load(path.read_text())
)
Document = dict[str, Any]
Kustomize = Callable[[Path], list[Document]]
Render = Callable[[str], list[Document]]


def overlay(directory: Path, resource: Path, *components: str, **fields: Any) -> Path:
    """Write a kustomization over another one, with components of ours, and return its directory."""
    directory.mkdir(parents=True, exist_ok=True)
    document = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(resource, directory)],
        "components": [os.path.relpath(COMPONENTS / name, directory) for name in components],
        **fields,
    }
    (directory / "kustomization.yaml").write_text(yaml.safe_dump(document))
    return directory


def of_kind(documents: list[Document], kind: str) -> list[Document]:
    """Return the documents of a kind."""
    return [document for document in documents if document["kind"] == kind]


def the(documents: list[Document], kind: str, name: str = "istag-webhook") -> Document:
    """Return the one document of this kind and name."""
    (found,) = (each for each in of_kind(documents, kind) if each["metadata"]["name"] == name)
    return found


def webhooks(documents: list[Document]) -> dict[str, Document]:
    """Return the webhook of each configuration, by `validating` and `mutating`."""
    kinds = {"validating": "ValidatingWebhookConfiguration", "mutating": "MutatingWebhookConfiguration"}
    found = {}
    for name, kind in kinds.items():
        (found[name],) = the(documents, kind)["webhooks"]
    return found


def templates(documents: list[Document]) -> Iterator[tuple[str, Document]]:
    """Yield the name of each workload, and the template of its pods."""
    for document in documents:
        spec = document.get("spec", {})
        if document["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if "template" in spec:
            yield f"{document['kind']}/{document['metadata']['name']}", spec["template"]


def server(documents: list[Document]) -> tuple[Document, Document]:
    """Return the server's pod and its container."""
    pod = the(documents, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return pod, container


def environment(documents: list[Document]) -> dict[str, str]:
    """Return the environment of the server's container."""
    return {each["name"]: each["value"] for each in server(documents)[1]["env"]}


def place(document: Document) -> dict[str, str]:
    """Return the name and the namespace of a document."""
    return {key: document["metadata"][key] for key in ("name", "namespace")}
