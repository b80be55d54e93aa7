"""Calls of the API server to webhooks, and webhooks that only listen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from .objects import Document

GROUP = "image.openshift.io"
VERSION = "v1"


@dataclass(frozen=True)
class Review:
    """The request of an AdmissionReview.

    Args:
        webhook: `mutate` or `validate`.
        operation: CREATE, UPDATE or DELETE; not always what the client did.
        resource: The resource, with its subresource: `imagestreams/status`.
        kind: The kind of the object.
        name: The name; none if a collection is deleted.
        namespace: The namespace.
        user: Who asks.
        dry_run: Whether the client asked for a dry run.
        object: The object as it would be written; None if it is deleted.
        old_object: The object as it is; None if it is created.
    """

    webhook: str
    operation: str
    resource: str
    kind: str
    name: str
    namespace: str
    user: str
    dry_run: bool
    object: Document | None
    old_object: Document | None


def request_of(asked: Review) -> dict[str, Any]:
    """Write a review of the model as the request of an AdmissionReview."""
    resource, _, subresource = asked.resource.partition("/")
    return {
        "uid": "00000000-0000-4000-8000-000000000000",
        "kind": {"group": GROUP, "version": VERSION, "kind": asked.kind},
        "resource": {"group": GROUP, "version": VERSION, "resource": resource},
        **({"subResource": subresource} if subresource else {}),
        **({"name": asked.name} if asked.name else {}),
        "namespace": asked.namespace,
        "operation": asked.operation,
        "userInfo": {"username": asked.user, "groups": ["system:authenticated"]},
        "object": asked.object,
        "oldObject": asked.old_object,
        "dryRun": asked.dry_run,
        "options": None,
    }


class Admission(Protocol):
    """Webhooks as the API server sees them."""

    def mutate(self, review: Review) -> Document | None:
        """Return the object after the webhook's patch."""

    def validate(self, review: Review) -> str | None:
        """Return why the request is denied, or None."""


class Listeners:
    """Webhooks that change nothing and deny nothing."""

    def mutate(self, review: Review) -> Document | None:
        """Return the object as it is."""
        return review.object

    def validate(self, review: Review) -> str | None:  # noqa: ARG002 - it looks at none
        """Deny nothing."""
        return None
