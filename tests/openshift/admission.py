"""What the API server asks webhooks, and webhooks that only listen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .objects import Document


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

    def validate(self, review: Review) -> str | None:  # noqa: ARG002 - an interface
        """Deny nothing."""
        return None
