"""The envelope (admission.k8s.io): AdmissionReview and its request, and the limits of a review.

A review beyond the limits is rejected before it costs anything.

The API server has stored, or is about to store, everything in a review. etcd accepts requests of 1.5 MiB (etcd,
--max-request-bytes), and a review contains the object twice. An image stream is the largest object.

In the review of an update, a tag takes up to 50 objects and lists: on each side 4 or 5 in `spec.tags`, 3 to 5 in
`status.tags` with one item of history, and 13 in `managedFields`. A small stream with one manager takes 14 per tag. So
two thousand tags with all of this, or seven thousand without, are 100,000 objects and lists.

Tags and items of history cost the most, and each can be a single object, so they have a limit of their own: 16,384 tags
in 1.5 MiB have 96 bytes each. A member or an element takes at least 18 bytes of a real review, so 7 MiB hold 400,000.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from webhook.schemas.fields import REQUIRED, AnyObject, Flag, Text, Texts, shown
from webhook.schemas.schema import Document, Part

MOST_CONTAINERS: Final = 100_000  # objects and lists
MOST_VALUES: Final = 400_000  # members of objects and elements of lists
MOST_TAGS: Final = 16_384  # tags, images and items of history on one side of a review


def too_large(body: bytes) -> str:
    """Return why `body` cannot be a review, "" if it can be one, by counting bytes without parsing.

    Brackets and commas in strings count too, as in last-applied-configuration.
    """
    if len(body) <= MOST_CONTAINERS:
        return ""
    for what, most, count in (
        ("objects and lists", MOST_CONTAINERS, body.count(b"{") + body.count(b"[")),
        ("values", MOST_VALUES, body.count(b",")),
    ):
        if count > most:
            return f"expected a review with at most {most:,} {what}, got {count:,}"
    return ""


def too_many(request: Mapping[str, Any]) -> str:
    """Return why `request` exceeds the limits, "" if it does not."""
    for side in ("object", "oldObject"):
        for path, count in _lists(request.get(side)):
            if count > MOST_TAGS:
                return f"request.{side}.{path}: expected at most {MOST_TAGS:,} elements, got {count:,}"
    return ""


def _lists(document: Any) -> Iterator[tuple[str, int]]:
    """Yield the paths of the lists that are evaluated item by item, with their lengths."""
    spec, status = _field(document, "spec"), _field(document, "status")
    for name in ("tags", "images"):
        if isinstance(found := _field(spec, name), list):
            yield f"spec.{name}", len(found)
    if isinstance(tags := _field(status, "tags"), list):
        yield "status.tags", len(tags)
        histories = (_field(tag, "items") for tag in tags)
        yield "status.tags[].items", sum(len(items) for items in histories if isinstance(items, list))


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


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
