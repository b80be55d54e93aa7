"""Frozen values that pass between rooms."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from webhook.reference import ImageReference

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Mode(StrEnum):
    """What a finding does, as in Pod Security Admission; `ignore` is for what a change leaves as it was."""

    ENFORCE = "enforce"
    WARN = "warn"
    AUDIT = "audit"
    IGNORE = "ignore"


class SourceKind(StrEnum):
    """The kinds that a tag's `from` may have (image.openshift.io/v1, TagReference)."""

    DOCKER_IMAGE = "DockerImage"
    IMAGE_STREAM_TAG = "ImageStreamTag"
    IMAGE_STREAM_IMAGE = "ImageStreamImage"


class Reason(StrEnum):
    """The reasons of a Status cause (meta/v1, CauseType)."""

    REQUIRED = "FieldValueRequired"
    INVALID = "FieldValueInvalid"
    NOT_SUPPORTED = "FieldValueNotSupported"
    FORBIDDEN = "FieldValueForbidden"


@dataclass(frozen=True, slots=True)
class User:
    """Who sent the request (authentication.k8s.io/v1, UserInfo)."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """What a tag points at: the `from` of a TagReference, an ObjectReference.

    Attributes:
        kind: a SourceKind, or whatever else was sent.
        name: the reference as it was sent.
        namespace: the source's namespace, "" where none was sent.
        reference: the parsed reference of a DockerImage, None where it cannot be parsed or the kind is another.
        fault: why `name` is not an image reference, "" where it is one.
    """

    kind: str
    name: str
    namespace: str = ""
    reference: ImageReference | None = None
    fault: str = ""

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {where}{self.name}"


@dataclass(frozen=True, slots=True)
class TagReference:
    """What a tag is to be (image.openshift.io/v1, TagReference), whichever resource carried it.

    Attributes:
        insecure: `importPolicy.insecure`, or the insecureRepository annotation that counts as much.
        insecure_field: the JSON path of the annotation that says so, "" where `importPolicy.insecure` says it.
        import_mode: `importPolicy.importMode`, "" where unset.
        reference_policy: `referencePolicy.type`, "" where unset.
        reference: `reference`: the source is named, never imported.
    """

    source: Source | None = None
    insecure: bool = False
    insecure_field: str = ""
    scheduled: bool = False
    import_mode: str = ""
    reference_policy: str = ""
    reference: bool = False
    annotations: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Image:
    """What a whole image says of itself (image.openshift.io/v1, Image).

    Attributes:
        name: the image's digest.
        labels: the configuration's labels, None where no configuration was sent.
        platforms: `os/architecture` or `os/architecture/variant`, one for each manifest.
        size: bytes, the sum of the layers or what the metadata says; None where neither is there.
        layers: how many layers there are; None where a manifest list has none of its own.
        signatures: one Signature for each signature.
    """

    name: str = ""
    labels: Mapping[str, str] | None = None
    platforms: tuple[str, ...] = ()
    size: int | None = None
    layers: int | None = None
    signatures: tuple["Signature", ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """An image signature (image.openshift.io/v1, ImageSignature); `trusted` is its condition Trusted."""

    type: str
    trusted: bool = False
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """What the cluster says of a tag's last import (image.openshift.io/v1, TagEventCondition)."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """A field that the API server itself would refuse, and how it would say so."""

    field: str
    message: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class TagChange:
    """One tag that a review would make mean something else: what every rule judges.

    Attributes:
        door: the resource that carried it.
        path: the JSON path of the tag in the object that the user sent, such as `tag` or `spec.tags[2]`.
        name_path: the JSON path of the field that names the tag.
        pointer: the JSON Pointer (RFC 6901) of the tag in that object.
        homes: JSON Pointers of the maps that hold the tag's annotations: what is written to one is written to all.
        namespace: the stream's namespace.
        stream: the image stream's name.
        tag: the tag's name.
        new: what the tag is to be, None where it is removed.
        old: what the tag was, None where it is new.
        image: the whole image, where this review carries it.
        conditions: what the cluster says of the tag's imports.
        lookup_local: `lookupPolicy.local`, where this resource decides it.
        faults: what the API server's own schema says of it.
        old_faults: what it said of the tag as it was; asked only where there are faults.
    """

    door: str
    path: str
    namespace: str
    stream: str
    tag: str
    new: TagReference | None
    old: TagReference | None = None
    name_path: str = "metadata.name"
    pointer: str = "/tag"
    homes: tuple[str, ...] = ()
    image: Image | None = None
    conditions: tuple[Condition, ...] = ()
    lookup_local: bool | None = None
    faults: tuple[SchemaFault, ...] = ()
    old_faults: tuple[SchemaFault, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether the tag is new, removed, or points elsewhere than it did."""
        if self.new is None or self.old is None:
            return True
        return self.new.source != self.old.source

    def as_it_was(self) -> "TagChange":
        """Return the tag as it was before, to be judged by the same rules."""
        return replace(self, new=self.old, faults=self.old_faults)

    def field(self, name: str) -> str:
        """Return the JSON path of a field of the tag, such as `tag.from.name`."""
        return f"{self.path}.{name}"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.stream}:{self.tag}"


@dataclass(frozen=True, slots=True)
class Review:
    """An AdmissionReview's request (admission.k8s.io/v1 and v1beta1, AdmissionRequest).

    Attributes:
        version: the review's own apiVersion, which the answer echoes.
        door: the resource, with its subresource after a slash.
        kind: the object's kind.
        request: the request as it was sent, read only.
    """

    version: str
    uid: str
    door: str
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


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence of a rule about one tag.

    Attributes:
        rule: the name of the policy's entry.
        mode: what the finding does.
        message: one sentence: what is wrong, the value, what is allowed.
        field: the JSON path in the object that the user sent.
        existing: whether the change leaves this as it was.
        reason: the cause's reason.
    """

    rule: str
    mode: Mode
    message: str
    field: str
    existing: bool = False
    reason: Reason = Reason.INVALID

    def __str__(self) -> str:
        return f"{self.field}: {self.message} (rule {self.rule})"


@dataclass(frozen=True, slots=True)
class PatchOp:
    """One operation of a JSON Patch (RFC 6902)."""

    op: str
    path: str
    value: Any


@dataclass(frozen=True, slots=True)
class Exemption:
    """An exemption that was used, and the reason that its user gave, "" where none is asked for."""

    name: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one review; made by `allow`, `deny` and `patched` only.

    Attributes:
        verdict: `allow`, `deny` or `patch`.
        changes: the tags that were judged.
        findings: what the rules said of them, whatever the mode.
        patch: what completes the object.
        exemption: the exemption that was used.
    """

    verdict: str
    changes: tuple[TagChange, ...] = ()
    findings: tuple[Finding, ...] = ()
    patch: tuple[PatchOp, ...] = ()
    exemption: Exemption | None = None

    @property
    def allowed(self) -> bool:
        """Whether the change may happen."""
        return self.verdict != "deny"

    def in_mode(self, mode: Mode) -> tuple[Finding, ...]:
        """Return the findings of one mode."""
        return tuple(finding for finding in self.findings if finding.mode is mode)


def allow(
    changes: tuple[TagChange, ...] = (), findings: tuple[Finding, ...] = (), exemption: Exemption | None = None
) -> Decision:
    """Return the decision that lets a change happen, with what was found all the same."""
    return Decision("allow", changes, findings, exemption=exemption)


def deny(changes: tuple[TagChange, ...], findings: tuple[Finding, ...]) -> Decision:
    """Return the decision that refuses a change, with every finding."""
    return Decision("deny", changes, findings)


def patched(changes: tuple[TagChange, ...], patch: tuple[PatchOp, ...]) -> Decision:
    """Return the decision that completes an object."""
    return Decision("patch", changes, patch=patch)
