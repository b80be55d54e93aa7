"""A tag and its image, in the same form for every resource."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from webhook.reference import ImageReference
from webhook.values import quick

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class SourceKind(StrEnum):
    """The kinds of a tag's `from` (image.openshift.io/v1, TagReference)."""

    DOCKER_IMAGE = "DockerImage"
    IMAGE_STREAM_TAG = "ImageStreamTag"
    IMAGE_STREAM_IMAGE = "ImageStreamImage"


@quick
@dataclass(frozen=True, slots=True)
class Source:
    """The source of a tag: the `from` of a TagReference, an ObjectReference.

    Attributes:
        kind: a SourceKind, or another string that was sent.
        name: the reference as it was sent.
        namespace: the namespace of the source, "" if none was sent.
        reference: the parsed reference of a DockerImage, None for other kinds and if it cannot be parsed.
        fault: why `name` is not an image reference, "" if it is one.
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
    """A tag (image.openshift.io/v1, TagReference), in the same form for every resource.

    Attributes:
        insecure: `importPolicy.insecure`, or the insecureRepository annotation, which has the same effect.
        insecure_field: the JSON path of that annotation, "" if `importPolicy.insecure` is set.
        import_mode: `importPolicy.importMode`, "" if unset.
        reference_policy: `referencePolicy.type`, "" if unset.
        reference: `reference`; if true, the source is never imported.
        image: the digest of the tag's image, "" if the review does not carry one.
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
        """Whether a scheduled import can change the image: it imports a reference without a digest."""
        image = self.source.reference if self.source else None
        return image is not None and not image.digest and not self.reference


@dataclass(frozen=True, slots=True)
class Image:
    """An image object (image.openshift.io/v1, Image).

    Attributes:
        name: the digest of the image.
        labels: the labels of the configuration, None if no configuration was sent.
        platforms: `os/architecture` or `os/architecture/variant`, one for each manifest.
        size: bytes; the sum of the layers or the size in the metadata, None if neither was sent.
        layers: the number of layers, None if they were not sent or the image is a manifest list without layers.
        manifests: the number of sub-manifests, 0 if the image is not a manifest list.
        signatures: the signatures of the image.
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
    """A condition of a tag's last import (image.openshift.io/v1, TagEventCondition).

    Attributes:
        field: the JSON path of the condition.
    """

    type: str
    status: str
    reason: str = ""
    message: str = ""
    field: str = ""
