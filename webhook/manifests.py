"""Plain manifests become the AdmissionReview that the API server would send for them."""

from collections.abc import Mapping
from typing import Any, Final

from webhook.model import User
from webhook.review import GROUP, VERSION

_TAG: Final = {"name": "", "annotations": None, "generation": None}
_IMAGE: Final[Mapping[str, Any]] = {"metadata": {}, "dockerImageMetadata": None, "dockerImageMetadataVersion": "1.0"}
_RESOURCES: Final = {"ImageStreamTag": "imagestreamtags"}


def is_manifest(document: Any) -> bool:
    """Whether `document` is an object of a kind that we can judge."""
    return (
        isinstance(document, dict)
        and document.get("apiVersion") == f"{GROUP}/{VERSION}"
        and document.get("kind") in _RESOURCES
    )


def envelope(manifest: Mapping[str, Any], user: User, uid: str) -> dict[str, Any]:
    """Return the validating AdmissionReview of the creation of `manifest`.

    Args:
        manifest: an object as a user writes it: what the API server fills in is filled in here.
        user: who would send it.
        uid: the review's uid.
    """
    kind = str(manifest["kind"])
    resource = {"group": GROUP, "version": VERSION, "resource": _RESOURCES[kind]}
    metadata = manifest.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": uid,
            "kind": {"group": GROUP, "version": VERSION, "kind": kind},
            "resource": resource,
            "name": named.get("name") or "",
            "namespace": named.get("namespace") or "default",
            "operation": "CREATE",
            "userInfo": {"username": user.name, "groups": list(user.groups)},
            "object": as_stored(manifest),
            "oldObject": None,
            "dryRun": True,
            "options": None,
        },
    }


def as_stored(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return an ImageStreamTag with what the API server's decoder and defaulting fill in before anybody is asked."""
    filled = {"tag": None, "generation": 0, "lookupPolicy": {"local": False}, "image": dict(_IMAGE), **manifest}
    tag = filled["tag"]
    if isinstance(tag, dict):
        filled["tag"] = {
            **_TAG,
            **tag,
            "importPolicy": _filled(tag.get("importPolicy"), "importMode", "Legacy"),
            "referencePolicy": _filled(tag.get("referencePolicy"), "type", "Source"),
        }
    return filled


def _filled(policy: Any, field: str, value: str) -> Any:
    """Return a policy whose `field` has the API server's default where it is unset."""
    if policy is None:
        return {field: value}
    return {**policy, field: policy.get(field) or value} if isinstance(policy, dict) else policy
