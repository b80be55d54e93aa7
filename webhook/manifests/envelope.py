"""The AdmissionReview that carries an object."""

from collections.abc import Mapping
from typing import Any

from webhook.model.review import User
from webhook.resources.catalog import KINDS
from webhook.resources.objects import GROUP, VERSION


def envelope(
    manifest: Mapping[str, Any], old: Mapping[str, Any] | None, user: User, uid: str, namespace: str = "default"
) -> dict[str, Any]:
    """Return the validating AdmissionReview that puts `manifest` in the place of `old`.

    Args:
        manifest: an object as a user writes it: what the API server fills in is filled in here.
        old: what was there before, None where it is created.
        user: who would send it.
        uid: the review's uid.
        namespace: the namespace of an object that names none.
    """
    resource = KINDS[manifest["kind"]]
    before = resource.defaulted(old) | _status(old) if old is not None and resource.says_old else None
    metadata = manifest.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    gvk = {"group": GROUP, "version": VERSION, "kind": resource.kind}
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": uid,
            "kind": gvk,
            "resource": {"group": GROUP, "version": VERSION, "resource": resource.name},
            "name": named.get("name") or "",
            "namespace": named.get("namespace") or namespace,
            "operation": "CREATE" if before is None else "UPDATE",
            "userInfo": {"username": user.name, "groups": list(user.groups)},
            "object": resource.defaulted(manifest, before),
            "oldObject": before,
            "dryRun": True,
            "options": None,
        },
    }


def _status(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of an object in a cluster its users cannot write."""
    return {key: old[key] for key in ("status", "image", "conditions") if key in old}
