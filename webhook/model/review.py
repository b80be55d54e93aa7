"""The question: an AdmissionReview, its user, and the changes that it makes to tags and image streams."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from webhook.model.tag import NOTHING, Condition, Image, TagReference
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
        time: when the request came, timezone-aware; the only clock of a decision.
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
    time: datetime
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


class Reason(StrEnum):
    """The reasons of a Status cause (meta/v1, CauseType)."""

    REQUIRED = "FieldValueRequired"
    INVALID = "FieldValueInvalid"
    NOT_SUPPORTED = "FieldValueNotSupported"
    FORBIDDEN = "FieldValueForbidden"


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """A field that the API server itself would reject, with the message that it would give."""

    field: str
    message: str
    reason: Reason


class TagField(StrEnum):
    """A property of a tag that a review can carry, apart from its name."""

    NAME = "name"
    MOVE = "move"
    SOURCE = "from"
    SOURCE_KIND = "from.kind"
    IMPORT_POLICY = "importPolicy"
    REFERENCE_POLICY = "referencePolicy"
    ANNOTATIONS = "annotations"
    CONDITIONS = "conditions"
    IMAGE = "image"
    SIGNATURES = "image.signatures"
    LOOKUP_POLICY = "lookupPolicy"
    TAG_COUNT = "tags"


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a tag in the object that the user sent, and the properties that it carries there.

    Attributes:
        path: the JSON path of the tag, such as `tag` or `spec.tags[2]`.
        pointer: the same as a JSON Pointer (RFC 6901).
        name: the JSON path of the field that names the tag.
        carries: the properties that the review carries there.
        homes: JSON Pointers of the maps that hold the tag's annotations; a patch must write the same to all of them.
        fields: the names that the resource gives to fields of a TagReference, if they differ.
        kept: the properties that the API server stores when a patch sets them here.
    """

    path: str
    pointer: str
    name: str
    carries: frozenset[TagField]
    homes: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    kept: frozenset[TagField] = frozenset()

    def field(self, name: str) -> str:
        """Return the JSON path of a field of the tag, such as `tag.from.name`."""
        return f"{self.path}.{self.fields.get(name, name)}"


@quick
@dataclass(frozen=True, slots=True)
class TagChange:
    """A change of one tag, which almost every rule evaluates.

    Attributes:
        resource: the resource of the request, with its subresource after a slash.
        place: the place of the tag in the object.
        namespace: the namespace of the stream.
        stream: the name of the image stream.
        tag: the name of the tag.
        new: the tag after the change, None if it is removed.
        old: the tag before the change, None if it is new; the same value as `new` if nothing changes.
        every_tag: whether the change is to every tag of a repository; `tag` is then "*".
        old_unknown: whether the review does not carry the old tag, which may or may not exist.
        image: the image object, if the review carries it.
        conditions: the conditions of the tag's imports.
        faults: the violations of the API server's own schema.
        old_faults: the violations in the old tag; only read if there are faults.
    """

    resource: str
    place: Place
    namespace: str
    stream: str
    tag: str
    new: TagReference | None
    old: TagReference | None = None
    every_tag: bool = False
    old_unknown: bool = False
    image: Image | None = None
    conditions: tuple[Condition, ...] = ()
    faults: tuple[SchemaFault, ...] = ()
    old_faults: tuple[SchemaFault, ...] = ()

    @property
    def touched(self) -> bool:
        """Whether anything in the tag changes."""
        return self.new is not self.old

    @property
    def moved(self) -> bool:
        """Whether the tag is new, removed, or has another source or image than before."""
        new, old = self.new, self.old
        if new is None or old is None:
            return True
        return new is not old and (new.source != old.source or new.image != old.image)

    def as_it_was(self) -> "TagChange":
        """Return the tag before the change, to evaluate it by the same rules."""
        return replace(self, new=self.old, faults=self.old_faults)

    def field(self, name: str) -> str:
        """Return the JSON path of a field of the tag, such as `tag.from.name`."""
        return self.place.field(name)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.stream}:{self.tag}"


@quick
@dataclass(frozen=True, slots=True)
class Stream:
    """The properties of an image stream, apart from its tags (image.openshift.io/v1, ImageStreamSpec).

    Attributes:
        lookup_local: `lookupPolicy.local`, whether pods may use its tags by name.
        tags: the number of its tags.
        annotations: the annotations of the stream.
    """

    lookup_local: bool = False
    tags: int = 0
    annotations: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@quick
@dataclass(frozen=True, slots=True)
class StreamChange:
    """A change of an image stream as a whole, which the rules for streams evaluate.

    Attributes:
        resource: the resource of the request, with its subresource after a slash.
        namespace: the namespace of the stream.
        stream: the name of the image stream.
        new: the stream after the change, None if the review does not carry it.
        old: the stream before the change, None if it is new.
        faults: the violations of the API server's own schema outside of tags.
        old_faults: the violations in the old object; only read if there are faults.
    """

    resource: str
    namespace: str
    stream: str
    new: Stream | None = None
    old: Stream | None = None
    faults: tuple[SchemaFault, ...] = ()
    old_faults: tuple[SchemaFault, ...] = ()

    @property
    def touched(self) -> bool:
        """Whether a user changes anything apart from the tags."""
        if self.new is None:
            return bool(self.faults)
        return self.new.lookup_local is not (self.old is not None and self.old.lookup_local) or bool(self.faults)

    def as_it_was(self) -> "StreamChange":
        """Return the stream before the change, to evaluate it by the same rules."""
        return replace(self, new=self.old, faults=self.old_faults)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.stream}"


Change = TagChange | StreamChange
