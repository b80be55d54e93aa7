"""The envelope (admission.k8s.io/v1 and v1beta1): AdmissionReview and its request."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from webhook.schemas.fields import REQUIRED, AnyObject, Flag, Text, Texts, shown
from webhook.schemas.schema import Document, Part

VERSIONS: Final = ("admission.k8s.io/v1", "admission.k8s.io/v1beta1")
OPERATIONS: Final = ("CREATE", "UPDATE", "DELETE", "CONNECT")


class GroupVersionKind(Document):
    """A kind (meta/v1, GroupVersionKind)."""

    group = Text(required=True)
    version = Text(required=True)
    kind = Text(required=True)


class GroupVersionResource(Document):
    """A resource (meta/v1, GroupVersionResource)."""

    group = Text(required=True)
    version = Text(required=True)
    resource = Text(required=True)


class UserInfo(Document):
    """The user who sent the request (authentication.k8s.io/v1, UserInfo)."""

    username = Text()
    uid = Text()
    groups = Texts()
    extra = AnyObject()


class AdmissionRequest(Document):
    """The request (admission.k8s.io/v1, AdmissionRequest)."""

    uid = Text(required=True)
    kind = Part(GroupVersionKind(), required=True)
    resource = Part(GroupVersionResource(), required=True)
    subResource = Text()
    name = Text()
    namespace = Text()
    operation = Text(required=True)
    userInfo = Part(UserInfo(), required=True)
    object = AnyObject()
    oldObject = AnyObject()
    dryRun = Flag()
    options = AnyObject()

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The uid is not empty, and the operation is supported."""
        if not document.get("uid"):
            yield "uid", f"{REQUIRED}: the answer must echo it"
        for required in ("kind", "resource", "userInfo"):
            if document.get(required) is None:
                yield required, f"{REQUIRED}: expected an object"
        operation = document.get("operation")
        if operation not in OPERATIONS:
            yield "operation", f"Unsupported value: {shown(operation)}: supported values: {', '.join(OPERATIONS)}"


class AdmissionReview(Document):
    """The envelope (admission.k8s.io/v1, AdmissionReview)."""

    apiVersion = Text(required=True)
    kind = Text(required=True)
    request = Part(AdmissionRequest(), required=True)

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The object is an AdmissionReview of a supported version, and contains a request."""
        if document.get("apiVersion") not in VERSIONS:
            found = shown(document.get("apiVersion"))
            yield "apiVersion", f"Unsupported value: {found}: supported values: {', '.join(VERSIONS)}"
        if document.get("kind") != "AdmissionReview":
            yield "kind", f"Unsupported value: {shown(document.get('kind'))}: supported values: AdmissionReview"
        if document.get("request") is None:
            yield "request", f"{REQUIRED}: expected an object"
