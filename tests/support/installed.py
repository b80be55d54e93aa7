"""Our webhook configurations in an API server: as they are shipped, but for where they call."""

import base64
import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import yaml
from tests.support.apiserver import ApiServer, path_of
from tests.support.serving import until

MANIFESTS: Final = Path(__file__).parents[2] / "manifests"
VALIDATING: Final = "ValidatingWebhookConfiguration"
MUTATING: Final = "MutatingWebhookConfiguration"
_PATHS: Final = {
    VALIDATING: "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    MUTATING: "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
}
CALLS: Final = "apiserver_admission_webhook_admission_duration_seconds_count"
_TAG: Final = {"name": "live", "from": {"kind": "DockerImage", "name": "quay.io/acme/app:1"}}
Document = dict[str, Any]


def shipped() -> dict[str, Document]:
    """Return the configurations in manifests/ by kind; what only patches one has no rules, and is not one."""
    found: dict[str, Document] = {}
    for path in sorted(MANIFESTS.rglob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            if is_configuration(document):
                assert document["kind"] not in found, f"{path}: there is another {document['kind']}"
                found[document["kind"]] = document
    assert found.keys() == _PATHS.keys()
    return found


def is_configuration(document: Any) -> bool:
    """Whether a document is a whole webhook configuration."""
    return (
        isinstance(document, dict)
        and document.get("kind") in _PATHS
        and all("rules" in webhook and "clientConfig" in webhook for webhook in document.get("webhooks") or [{}])
    )


def calling(document: Document, url: str, ca: Path, *, path: str = "", **fields: Any) -> Document:
    """Return a configuration that calls a server on loopback instead of the Service.

    Args:
        document: the configuration.
        url: `https://localhost:<port>`.
        ca: the file of the CA that the server's certificate comes from.
        path: what is called there, the Service's path where empty.
        fields: other fields of each webhook, such as `failurePolicy`.
    """
    given = copy.deepcopy(document)
    for webhook in given["webhooks"]:
        called = url + (path or webhook["clientConfig"]["service"]["path"])
        webhook["clientConfig"] = {"url": called, "caBundle": base64.b64encode(ca.read_bytes()).decode()}
        webhook.update(fields)
    return given


@contextmanager
def installed(api: ApiServer, *documents: Document, labels: Mapping[str, str] | None = None) -> Iterator[None]:
    """Install configurations until the end of the block; both only when the API server has taken notice.

    Args:
        api: where.
        documents: configurations, each of whose first webhook is called for an image stream with a tag.
        labels: of a namespace for which it is called.
    """
    namespace, names = api.namespace(**labels or {}), [document["webhooks"][0]["name"] for document in documents]
    try:
        for document in documents:
            made = api.request("POST", _PATHS[document["kind"]], document)
            assert made.status == HTTPStatus.CREATED, made.document
        until(lambda: _called(api, namespace, names) == set(names), f"{', '.join(names)} to be called")
        yield
    finally:
        for document in documents:
            api.request("DELETE", f"{_PATHS[document['kind']]}/{document['metadata']['name']}")
        until(lambda: not _called(api, namespace, names), f"{', '.join(names)} to be called no more")


def _called(api: ApiServer, namespace: str, names: Sequence[str]) -> set[str]:
    """Return which webhooks are called for an image stream with a tag."""
    before = {name: api.metric(CALLS, name=name) for name in names}
    stream = {
        "apiVersion": "image.openshift.io/v1",
        "kind": "ImageStream",
        "metadata": {"name": "probe"},
        "spec": {"lookupPolicy": {"local": False}, "tags": [_TAG]},
    }
    api.request("POST", path_of("imagestreams", namespace) + "?dryRun=All", stream)
    return {name for name in names if api.metric(CALLS, name=name) > before[name]}
