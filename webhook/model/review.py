"""The question: an AdmissionReview's request, and who sent it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from webhook.values import quick


@quick
@dataclass(frozen=True, slots=True)
class User:
    """Who sent the request (authentication.k8s.io/v1, UserInfo).

    Attributes:
        known: which selectors of a policy select the user, a namespace and a stream: these are the same for all tags of
            a review, of which there may be thousands.
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
        version: the review's own apiVersion, which the answer echoes.
        resource: the resource, with its subresource after a slash.
        kind: the object's kind.
        request: the request as it was sent, read only.
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
        """The object as it would be stored, None where it is deleted."""
        return self.request.get("object")

    def as_it_was(self) -> "Review":
        """Return the review of the object as it was before."""
        return replace(self, request={**self.request, "object": self.old_object})

    @property
    def old_object(self) -> Mapping[str, Any] | None:
        """The object as it is, None where it is new."""
        return self.request.get("oldObject")
