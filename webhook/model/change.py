"""What a review would change: tags, and the image stream that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from webhook.model.tag import NOTHING, Condition, Image, TagReference
from webhook.values import quick


class Reason(StrEnum):
    """The reasons of a Status cause (meta/v1, CauseType)."""

    REQUIRED = "FieldValueRequired"
    INVALID = "FieldValueInvalid"
    NOT_SUPPORTED = "FieldValueNotSupported"
    FORBIDDEN = "FieldValueForbidden"


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """A field that the API server itself would deny, and how it would say so."""

    field: str
    message: str
    reason: Reason


class TagField(StrEnum):
    """What a review may say of a tag, beside its name."""

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
    """Where a tag stands in the object that the user sent, and what is said of it there.

    Attributes:
        path: the JSON path of the tag, such as `tag` or `spec.tags[2]`.
        pointer: the same as a JSON Pointer (RFC 6901).
        name: the JSON path of the field that names the tag.
        carries: what the review says of a tag there.
        homes: JSON Pointers of the maps that hold the tag's annotations: what is written to one is written to all.
        fields: the names that the resource gives to fields of a TagReference, where they are others.
        kept: the fields that the API server stores when a patch writes them here.
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
    """One tag that a review would make mean something else: what nearly every rule evaluates.

    Attributes:
        resource: the resource that carried it, its subresource after a slash.
        place: where it stands.
        namespace: the stream's namespace.
        stream: the image stream's name.
        tag: the tag's name.
        new: what the tag is to be, None where it is removed.
        old: what the tag was, None where it is new; the same value as `new` where nothing of it changes.
        every_tag: whether every tag of a repository is meant, whatever its name; `tag` is "*" then.
        old_unknown: whether the review does not say what the tag was, or whether there was one.
        image: the whole image, where this review carries it.
        conditions: what the cluster says of the tag's imports.
        faults: what the API server's own schema says of it.
        old_faults: what it said of the tag as it was; asked only where there are faults.
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
        """Whether anything of the tag changes."""
        return self.new is not self.old

    @property
    def moved(self) -> bool:
        """Whether the tag is new, removed, or points elsewhere than it did."""
        new, old = self.new, self.old
        if new is None or old is None:
            return True
        return new is not old and (new.source != old.source or new.image != old.image)

    def as_it_was(self) -> "TagChange":
        """Return the tag as it was before, to be evaluated by the same rules."""
        return replace(self, new=self.old, faults=self.old_faults)

    def field(self, name: str) -> str:
        """Return the JSON path of a field of the tag, such as `tag.from.name`."""
        return self.place.field(name)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.stream}:{self.tag}"


@quick
@dataclass(frozen=True, slots=True)
class Stream:
    """What an image stream says beside its tags (image.openshift.io/v1, ImageStreamSpec).

    Attributes:
        lookup_local: `lookupPolicy.local`: whether pods may name its tags directly.
        tags: how many tags it has.
        annotations: the stream's own.
    """

    lookup_local: bool = False
    tags: int = 0
    annotations: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@quick
@dataclass(frozen=True, slots=True)
class StreamChange:
    """What a review says of an image stream as a whole: what the rules about streams evaluate.

    Attributes:
        resource: the resource that carried it, its subresource after a slash.
        namespace: the stream's namespace.
        stream: the image stream's name.
        new: what the stream is to be, None where the review says nothing of it.
        old: what it was, None where it is new.
        faults: what the API server's own schema says of what is no tag's own.
        old_faults: what it said of the object as it was; asked only where there are faults.
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
        """Whether anything changes that a user asks for, beside the tags."""
        if self.new is None:
            return bool(self.faults)
        return self.new.lookup_local is not (self.old is not None and self.old.lookup_local) or bool(self.faults)

    def as_it_was(self) -> "StreamChange":
        """Return the stream as it was before, to be evaluated by the same rules."""
        return replace(self, new=self.old, faults=self.old_faults)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.stream}"


Change = TagChange | StreamChange
