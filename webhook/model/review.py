"""The request of an AdmissionReview, and its user."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from webhook.values import quick


@quick
@dataclass(frozen=True, slots=True)
class User:
    """The user who sent the request (authentication.k8s.io/v1, UserInfo).

    Attributes:
        known: caches whether a selector of a policy selects the user, a namespace and a stream. The answer is the same
            for all tags of a review, which can have thousands.
    """

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    known: dict[int, tuple[object, str, str, bool]] = field(default_factory=dict, compare=False, repr=False)


@quick
@dataclass(frozen=True, slots=True)
class Review:
    """An AdmissionReview's request (admission.k8s.io/v1 and v1beta1, AdmissionRequest).

    Attributes:
        version: the apiVersion of the review, which the answer repeats.
        resource: the resource, with its subresource after a slash.
        kind: the kind of the object.
        request: the request as it was sent; read-only.
    """

    version: str
    uid: str
    resource: str
    kind: str
    operation: str
    namespace: str
    name: str
    user: User
    dry_run: bool
    request: Mapping[str, Any] = field(repr=False)

    @property
    def object(self) -> Mapping[str, Any] | None:
        """The object as it would be stored, None if it is deleted."""
        return self.request.get("object")

    def as_it_was(self) -> "Review":
        """Return a review of the old object."""
        return replace(self, request={**self.request, "object": self.old_object})

    @property
    def old_object(self) -> Mapping[str, Any] | None:
        """The old object, None if it does not exist yet."""
        return self.request.get("oldObject")
