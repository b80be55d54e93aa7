"""Builders of reviews and policies for the tests."""

import json
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema
from tests.support.paths import DATA

from webhook.admission.codec import decode
from webhook.audit.journal import Entry
from webhook.model.review import Review
from webhook.policy.loading import load, schema
from webhook.policy.policy import Policy
from webhook.resources import catalog

DIGEST = "sha256:" + "a" * 64
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)  # a Monday; when the reviews of the tests come
REVIEWS = DATA / "reviews"
HEAD = "apiVersion: istag-webhook/v1\nkind: ImageTagPolicy\nmetadata: {name: test}\n"


def without_columns(text: str) -> str:
    """Return faults as they are printed, one a line, without the columns: tests/unit/test_documents.py is about those."""
    return re.sub(r"^(.*?:\d+):\d+(?=: )", r"\1", text, flags=re.MULTILINE)


class Lines:
    """A journal in memory."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def add(self, line: bytes) -> Entry:
        """Take one line, which `settle` keeps."""
        return Entry(line)

    def settle(self, entry: Entry) -> None:
        """Keep its line."""
        self.lines.append(entry.line)

    @property
    def last(self) -> dict[str, Any]:
        """The newest line, read."""
        found: dict[str, Any] = json.loads(self.lines[-1])
        return found


def policy_of(text: str) -> Policy:
    """Load a policy from the text of its spec."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "policy.yaml"
        path.write_text(HEAD + text)
        return load(path)


@cache
def policy_schema() -> jsonschema.Draft202012Validator:
    """Return what validates a document against the published schema of a policy."""
    return jsonschema.Draft202012Validator(schema())


def tag_of(source: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    """Return a tag as the API server sends it."""
    return {
        "name": "live",
        "annotations": None,
        **({"from": source} if source is not None else {}),
        "generation": 0,
        "importPolicy": {"importMode": "Legacy"},
        "referencePolicy": {"type": "Source"},
        **fields,
    }


def istag_of(tag: dict[str, Any] | None, name: str = "app:live", **fields: Any) -> dict[str, Any]:
    """Return an ImageStreamTag as the API server sends it."""
    return {
        "kind": "ImageStreamTag",
        "apiVersion": "image.openshift.io/v1",
        "metadata": {"name": name, "namespace": "app"},
        "tag": tag,
        "generation": 0,
        "lookupPolicy": {"local": False},
        "image": {
            "metadata": {},
            "dockerImageMetadata": {"kind": "DockerImage", "Created": None, "ContainerConfig": {}},
            "dockerImageMetadataVersion": "1.0",
        },
        **fields,
    }


def review_of(
    source: dict[str, Any] | None,
    *,
    old: dict[str, Any] | None = None,
    tag: dict[str, Any] | None = None,
    **request: Any,
) -> dict[str, Any]:
    """Return an AdmissionReview that points app/app:live at `source`.

    Args:
        source: the tag's `from`.
        old: the `from` that the tag had, None where it is new.
        tag: other fields of the tag.
        request: other fields of the request.
    """
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "11111111-2222-3333-4444-555555555555",
            "kind": {"group": "image.openshift.io", "version": "v1", "kind": "ImageStreamTag"},
            "resource": {"group": "image.openshift.io", "version": "v1", "resource": "imagestreamtags"},
            "name": "app:live",
            "namespace": "app",
            "operation": "UPDATE",
            "userInfo": {"username": "alice", "groups": ["system:authenticated"]},
            "object": istag_of(tag_of(source, **(tag or {}))),
            "oldObject": istag_of(tag_of(old)) if old else None,
            "dryRun": False,
            "options": None,
            **request,
        },
    }


def reviewed(
    resource: str, kind: str, name: str, new: dict[str, Any] | None, old: dict[str, Any] | None = None, **request: Any
) -> dict[str, Any]:
    """Return the AdmissionReview of an object of another resource; a subresource stands after a slash."""
    resource, _, subresource = resource.partition("/")
    document = review_of(None, **request)
    given: dict[str, Any] = {
        "kind": {"group": "image.openshift.io", "version": "v1", "kind": kind},
        "resource": {"group": "image.openshift.io", "version": "v1", "resource": resource},
        "name": name,
        "operation": "CREATE" if old is None else "UPDATE" if new is not None else "DELETE",
        "object": new,
        "oldObject": old,
        **request,
    }
    if subresource:
        given["subResource"] = subresource
    document["request"].update(given)
    return document


def itag_of(spec: dict[str, Any] | None, **metadata: Any) -> dict[str, Any]:
    """Return an ImageTag as the API server sends it."""
    return {
        "kind": "ImageTag",
        "apiVersion": "image.openshift.io/v1",
        "metadata": {"name": "app:live", "namespace": "app", **metadata},
        "spec": spec,
        "status": None,
        "image": None,
    }


def stream_of(
    *tags: dict[str, Any], local: bool = False, metadata: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """Return an ImageStream as the API server sends it."""
    return {
        "kind": "ImageStream",
        "apiVersion": "image.openshift.io/v1",
        "metadata": {"name": "app", "namespace": "app", **(metadata or {})},
        "spec": {"lookupPolicy": {"local": local}, **({"tags": list(tags)} if tags else {}), **spec},
        "status": {"dockerImageRepository": "image-registry.openshift-image-registry.svc:5000/app/app"},
    }


def stream_review(
    new: dict[str, Any] | None, old: dict[str, Any] | None = None, subresource: str = "", **request: Any
) -> dict[str, Any]:
    """Return the AdmissionReview of an image stream."""
    return reviewed(f"imagestreams/{subresource}".rstrip("/"), "ImageStream", "app", new, old, **request)


def import_review(
    *images: dict[str, Any], repository: dict[str, Any] | None = None, wanted: bool = True, **request: Any
) -> dict[str, Any]:
    """Return the AdmissionReview of an import into the stream `app`."""
    spec = {
        "import": wanted,
        **({"images": list(images)} if images else {}),
        **({"repository": repository} if repository else {}),
    }
    document = {
        "kind": "ImageStreamImport",
        "apiVersion": "image.openshift.io/v1",
        "metadata": {"name": "app", "namespace": "app"},
        "spec": spec,
        "status": {},
    }
    return reviewed("imagestreamimports", "ImageStreamImport", "app", document, **request)


def imported(name: str, to: str | None = "live", **fields: Any) -> dict[str, Any]:
    """Return one image of an import as the API server sends it."""
    return {
        "from": docker(name),
        **({"to": {"name": to}} if to is not None else {}),
        "importPolicy": {"importMode": "Legacy"},
        "referencePolicy": {"type": "Source"},
        **fields,
    }


def push_review(image: dict[str, Any] | None = None, tag: str = "live", **request: Any) -> dict[str, Any]:
    """Return the AdmissionReview of a push to the stream `app`, as the registry sends it."""
    namespace = request.get("namespace", "app")
    document = {
        "kind": "ImageStreamMapping",
        "apiVersion": "image.openshift.io/v1",
        "metadata": {"name": "app", "namespace": "app"},
        "image": {
            "metadata": {"name": DIGEST, "annotations": {"openshift.io/image.managed": "true"}},
            "dockerImageReference": f"image-registry.openshift-image-registry.svc:5000/{namespace}/app@{DIGEST}",
            "dockerImageMetadata": {"kind": "DockerImage", "Created": None, "ContainerConfig": {}},
            "dockerImageMetadataVersion": "1.0",
            **(image or {}),
        },
        "tag": tag,
    }
    registry = {"username": "system:serviceaccount:openshift-image-registry:registry", "groups": []}
    return reviewed("imagestreammappings", "ImageStreamMapping", "app", document, **{"userInfo": registry, **request})


def decoded(document: dict[str, Any]) -> Review:
    """Decode a review."""
    return decode(json.dumps(document).encode(), catalog.RESOURCES, NOW)


def docker(name: str) -> dict[str, Any]:
    """Return a source of kind DockerImage."""
    return {"kind": "DockerImage", "name": name}


def stream_tag(name: str, namespace: str = "") -> dict[str, Any]:
    """Return a source of kind ImageStreamTag."""
    return {"kind": "ImageStreamTag", "name": name, **({"namespace": namespace} if namespace else {})}
