"""A tag and its source (image.openshift.io/v1): TagReference, its policies, ImageStreamTag."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from webhook.errors import AmbiguousReference, MalformedReference
from webhook.model.tag import SourceKind
from webhook.reference import STREAM, ImageReference, StreamReference
from webhook.schemas.fields import REQUIRED, AnyObject, Choice, Count, Flag, Strings, Text, shown
from webhook.schemas.image import Image, ObjectMeta, StreamLookupPolicy
from webhook.schemas.schema import Document, Part, Parts
from webhook.text import quoted

MEMORABLE: Final = 512  # characters of a source that is cached; longer ones would fill the memory
_NAMESPACE: Final = re.compile(r"(?!.{64})[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")  # apimachinery, ValidateNamespaceName
_LONGEST_STREAM: Final = 255  # of namespace/name, as for a repository name (distribution specification)
_NAMED: Final = 'a-z, 0-9 and "-" within, at most 63 characters'
_KINDS: Final = ", ".join(f"'{kind}'" for kind in SourceKind)
_SCHEDULED: Final = "only tags pointing to Docker repositories may be scheduled for background import"
_CREATED: Final = "tag annotations must not be provided or must be equal to the object meta annotations"


class Source(Document):
    """The source of a tag (core/v1, ObjectReference): the kinds and names that image streams accept."""

    unchecked = (
        "apiVersion",
        "fieldPath",
        "resourceVersion",
        "uid",
    )

    kind = Text()
    name = Text()
    namespace = Text()

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The kind is supported, the name is set and has the form of the kind, and the namespace is a valid name."""
        kind, name = document.get("kind") or "", document.get("name") or ""
        if not name:
            yield "name", REQUIRED
        if kind not in SourceKind._value2member_map_:
            got = f"{shown(kind)}: " if kind else ""
            yield "kind", f"{'Unsupported value: ' + got if got else REQUIRED + ': '}valid values are {_KINDS}"
        elif name:
            if sentence := misnamed_source(kind, name):
                yield "name", sentence
            # The API server looks up a stream by its namespace, and ignores the namespace of a DockerImage.
            namespace = document.get("namespace") or ""
            if namespace and kind != SourceKind.DOCKER_IMAGE and not _NAMESPACE.fullmatch(namespace):
                yield "namespace", f"Invalid value: {quoted(namespace)}: must be {_NAMED}"


def misnamed_source(kind: str, name: str) -> str:
    """Return the API server's message for the name of a source, "" if it accepts it; it accepts ambiguous names."""
    try:
        parse_source(kind, name)
    except AmbiguousReference:
        return ""
    except MalformedReference as error:
        return f"Invalid value: {error}"
    return ""


def parse_source(kind: str, name: str) -> ImageReference | StreamReference:
    """Parse the name of a source of a supported kind.

    Raises:
        MalformedReference: `name` does not have the form of `kind`.
    """
    return _remembered(kind, name) if len(name) <= MEMORABLE else _parsed(kind, name)


def _parsed(kind: str, name: str) -> ImageReference | StreamReference:
    if kind == SourceKind.DOCKER_IMAGE:
        return ImageReference.parse(name)
    if kind == SourceKind.IMAGE_STREAM_TAG:
        return StreamReference.parse_tag(name)
    return StreamReference.parse_image(name)


# The schema and the resource both parse the source of the new and of the old tag.
_remembered: Final = lru_cache(maxsize=1_024)(_parsed)


class TagImportPolicy(Document):
    """The import policy of a tag (image.openshift.io/v1, TagImportPolicy)."""

    insecure = Flag()
    scheduled = Flag()
    importMode = Choice("Legacy", "PreserveOriginal")


class TagReferencePolicy(Document):
    """The reference policy of a tag (image.openshift.io/v1, TagReferencePolicy)."""

    type = Choice("Source", "Local", required=True)


class TagReference(Document):
    """A tag (image.openshift.io/v1, TagReference); an empty object means unset."""

    name = Text()
    annotations = Strings()
    from_ = Part(Source(), data_key="from")
    reference = Flag()
    generation = Count()
    importPolicy = Part(TagImportPolicy())
    referencePolicy = Part(TagReferencePolicy())

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """A tag that is set has a name, and only a DockerImage can be scheduled."""
        if document and "name" not in document:
            yield "name", f"{REQUIRED}: the key is missing"
        source = document.get("from")
        if source and source.get("kind") != SourceKind.DOCKER_IMAGE:
            policy = document.get("importPolicy")
            if policy and policy.get("scheduled"):
                yield "importPolicy.scheduled", f"Invalid value: true: {_SCHEDULED}"


class TagEventCondition(Document):
    """A condition of a tag's imports (image.openshift.io/v1, TagEventCondition)."""

    unchecked = ("lastTransitionTime",)

    type = Text(required=True)
    status = Text(required=True)
    generation = Count(required=True)
    reason = Text()
    message = Text()


class ImageStreamTag(Document):
    """A tag of an image stream (image.openshift.io/v1, ImageStreamTag)."""

    metadata = Part(ObjectMeta())
    tag = Part(TagReference(), required=True)
    generation = Count(required=True)
    lookupPolicy = Part(StreamLookupPolicy(), required=True)
    image = Part(Image(), required=True)
    conditions = Parts(TagEventCondition())

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The name is valid for a stream and in a URL."""
        yield from misnamed(document)


class NewImageStreamTag(ImageStreamTag):
    """A new ImageStreamTag: its annotations have two homes, which must agree."""

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """In addition, the annotations of the tag are empty or equal to those of the object."""
        yield from super().contradictions(document)
        own = (document.get("tag") or {}).get("annotations")
        if own and own != ((document.get("metadata") or {}).get("annotations") or {}):
            yield "tag.annotations", f"Invalid value: {shown(own)}: {_CREATED}"


class ImageTag(Document):
    """A tag of an image stream, with separate spec and status (image.openshift.io/v1, ImageTag)."""

    metadata = Part(ObjectMeta())
    spec = Part(TagReference(), required=True)
    status = AnyObject(required=True)
    image = Part(Image(), required=True)

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The name is valid for a stream and in a URL."""
        yield from misnamed(document)


def misnamed(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the API server's message for an invalid name of an image stream tag or image tag."""
    metadata = document.get("metadata") or {}
    name = metadata.get("name") or ""
    if name and (sentence := _misnamed(name, metadata.get("namespace") or "")):
        yield "metadata.name", sentence


def _misnamed(name: str, namespace: str) -> str:
    """Return the API server's message for the name of an image stream tag, "" if it is valid."""
    for forbidden in "/%":
        if forbidden in name:
            return f"Invalid value: {quoted(name)}: may not contain '{forbidden}'"
    stream = name.partition(":")[0]
    if not stream:
        return f"Invalid value: {quoted(name)}: must be of the form <stream_name>:<tag>"
    return misnamed_stream(stream, namespace)


def misnamed_stream(stream: str, namespace: str) -> str:
    """Return the API server's message for the name of an image stream, "" if it is valid."""
    if not STREAM.fullmatch(stream):
        return f'Invalid value: {quoted(stream)}: must match "{STREAM.pattern}"'
    if len(namespace) + 1 + len(stream) > _LONGEST_STREAM:
        return f"Invalid value: {quoted(stream)}: 'namespace/name' cannot be longer than {_LONGEST_STREAM} characters"
    return ""
