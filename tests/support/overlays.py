"""The output of `kubectl kustomize` for manifests/, applied to a real API server."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from tests.support.apiserver import ApiServer, Said
from tests.support.installed import is_configuration

Document = dict[str, Any]
# The same kinds in the versions that older servers have (Kubernetes deprecation guide): 1.21, 1.23, 1.21.
_OLDER: Final[Mapping[str, Mapping[str, str]]] = {
    "policy/v1": {"PodDisruptionBudget": "policy/v1beta1"},
    "autoscaling/v2": {"HorizontalPodAutoscaler": "autoscaling/v2beta2"},
    "batch/v1": {"CronJob": "batch/v1beta1"},
}
# Kinds of Kubernetes itself that older servers do not have, and the first version that has them (1.30 for VAP's v1).
_LACKED: Final[Mapping[str, tuple[int, int]]] = {
    "ValidatingAdmissionPolicy": (1, 30),
    "ValidatingAdmissionPolicyBinding": (1, 30),
}
_ANYTHING: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
SIDECARS: Final = (1, 29)  # the first version that has them switched on
MATCH_CONDITIONS: Final = (1, 27)  # the first version that has them, as alpha; on from 1.28
# Fields of a kind's spec that older servers deny or drop, and the first version that has them switched on.
_NEWER: Final[Mapping[str, tuple[str, tuple[int, int]]]] = {
    "Service": ("ipFamilyPolicy", (1, 21)),
    "PodDisruptionBudget": ("unhealthyPodEvictionPolicy", (1, 27)),
    "Job": ("ttlSecondsAfterFinished", (1, 21)),
}


def as_served(api: ApiServer, document: Document) -> Document:
    """Return a document as this API server can take it: in an older version, without what it does not know yet."""
    given, version = copy.deepcopy(document), document["apiVersion"]
    if document["kind"] not in _served(api, version):
        given["apiVersion"] = _OLDER.get(version, {}).get(document["kind"], version)
    if is_configuration(document) and api.version < MATCH_CONDITIONS:
        for webhook in given["webhooks"]:
            webhook.pop("matchConditions", None)
    if document["kind"] == "Deployment" and api.version < SIDECARS:
        given["spec"]["template"]["spec"].pop("initContainers", None)
    field, since = _NEWER.get(document["kind"], ("", (0, 0)))
    if api.version < since:
        given["spec"].pop(field, None)
    return given


def all_as_served(api: ApiServer, documents: Sequence[Document]) -> list[Document]:
    """Return the documents whose kinds this API server can have, as it can take them, namespaces first."""
    taken = (each for each in documents if api.version >= _LACKED.get(each["kind"], (0, 0)))
    return sorted((as_served(api, each) for each in taken), key=lambda each: each["kind"] != "Namespace")


@contextmanager
def applied(api: ApiServer, documents: Sequence[Document]) -> Iterator[Said]:
    """Apply documents as `kubectl apply` does, until the end of the block: it denies fields that a kind does not have.

    Kinds that no API server has by itself (ServiceMonitor, Certificate) get a CRD that takes everything. Namespaces
    stay: there is no controller that would empty them.
    """
    given = all_as_served(api, documents)
    for document in given:
        if document["kind"] not in _served(api, document["apiVersion"]):
            _stand_in(api, document)
    try:
        yield api.kubectl("apply", "--filename=-", stdin=given)
    finally:
        kept = [document for document in given if document["kind"] != "Namespace"]
        api.kubectl("delete", "--ignore-not-found", "--wait=false", "--filename=-", stdin=kept)


def _served(api: ApiServer, version: str) -> set[str]:
    """Return the kinds of an API version that the server has."""
    answer = api.request("GET", f"/apis/{version}" if "/" in version else f"/api/{version}")
    return {each["kind"] for each in answer.document.get("resources", [])}


def _stand_in(api: ApiServer, document: Document) -> None:
    """Install a CRD for a document's kind, which takes everything."""
    kind, (group, _, number) = document["kind"], document["apiVersion"].partition("/")
    plural = f"{kind.lower()}s"
    served = {"name": number, "served": True, "storage": True, "schema": {"openAPIV3Schema": _ANYTHING}}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced" if "namespace" in document["metadata"] else "Cluster",
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [served],
        },
    }
    for arguments in (["create", "--filename=-"], ["wait", "--for=condition=Established", "--filename=-"]):
        said = api.kubectl(*arguments, stdin=crd)
        assert said.code == 0, said.err
