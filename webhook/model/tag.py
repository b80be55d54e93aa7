"""A tag and the image it points at, as any of the resources carries them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from webhook.reference import ImageReference
from webhook.values import quick

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class SourceKind(StrEnum):
    """The kinds that a tag's `from` may have (image.openshift.io/v1, TagReference)."""

    DOCKER_IMAGE = "DockerImage"
    IMAGE_STREAM_TAG = "ImageStreamTag"
    IMAGE_STREAM_IMAGE = "ImageStreamImage"


@quick
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


@quick
@dataclass(frozen=True, slots=True)
class TagReference:
    """What a tag is to be (image.openshift.io/v1, TagReference), whichever resource carried it.

    Attributes:
        insecure: `importPolicy.insecure`, or the insecureRepository annotation that counts as much.
        insecure_field: the JSON path of the annotation that says so, "" where `importPolicy.insecure` says it.
        import_mode: `importPolicy.importMode`, "" where unset.
        reference_policy: `referencePolicy.type`, "" where unset.
        reference: `reference`: the source is named, never imported.
        image: the digest of the image that the tag means, "" if the review does not name one.
    """

    source: Source | None = None
    insecure: bool = False
    insecure_field: str = ""
    scheduled: bool = False
    import_mode: str = ""
    reference_policy: str = ""
    reference: bool = False
    annotations: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    image: str = ""

    @property
    def schedulable(self) -> bool:
        """Whether a scheduled import can bring another image: one is imported, by a reference without a digest."""
        image = self.source.reference if self.source else None
        return image is not None and not image.digest and not self.reference


@dataclass(frozen=True, slots=True)
class Image:
    """What a whole image says of itself (image.openshift.io/v1, Image).

    Attributes:
        name: the image's digest.
        labels: the configuration's labels, None where no configuration was sent.
        platforms: `os/architecture` or `os/architecture/variant`, one for each manifest.
        size: bytes, the sum of the layers or what the metadata says; None where neither is there.
        layers: how many layers there are; None where they are not said, or a manifest list has none of its own.
        manifests: how many sub-manifests there are, 0 where the image is no manifest list.
        signatures: one Signature for each signature.
    """

    name: str = ""
    labels: Mapping[str, str] | None = None
    platforms: tuple[str, ...] = ()
    size: int | None = None
    layers: int | None = None
    manifests: int = 0
    signatures: tuple["Signature", ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """An image signature (image.openshift.io/v1, ImageSignature); `trusted` is its condition Trusted."""

    type: str
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """What the cluster says of a tag's last import (image.openshift.io/v1, TagEventCondition).

    Attributes:
        field: the JSON path of the condition.
    """

    type: str
    status: str
    reason: str = ""
    message: str = ""
    field: str = ""
