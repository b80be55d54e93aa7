"""An image stream and its imports (image.openshift.io/v1): ImageStream, ImageStreamImport, ImageStreamMapping."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from webhook.errors import AmbiguousReference, MalformedReference
from webhook.model.tag import SourceKind
from webhook.reference import ImageReference
from webhook.schemas.fields import REQUIRED, AnyObject, Count, Flag, Text, shown
from webhook.schemas.image import Image, ObjectMeta, StreamLookupPolicy
from webhook.schemas.schema import Document, Part, Parts
from webhook.schemas.tag import (
    TagEventCondition,
    TagImportPolicy,
    TagReference,
    TagReferencePolicy,
    misnamed_source,
    misnamed_stream,
)

_ANY: Final = "*"  # old clients send it to look up a stream; the API server reads it as a name


class ImageStreamSpec(Document):
    """The spec of a stream (image.openshift.io/v1, ImageStreamSpec)."""

    lookupPolicy = Part(StreamLookupPolicy())
    dockerImageRepository = Text()
    tags = Parts(TagReference())

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """A repository that the stream follows has neither a tag nor a digest."""
        if repository := document.get("dockerImageRepository"):
            yield from _repository("dockerImageRepository", repository)


class TagEvent(Document):
    """An entry in the history of a tag (image.openshift.io/v1, TagEvent)."""

    created = Text(required=True)
    dockerImageReference = Text(required=True)
    image = Text(required=True)
    generation = Count(required=True)


class NamedTagEventList(Document):
    """The history of a tag (image.openshift.io/v1, NamedTagEventList)."""

    tag = Text(required=True)
    items = Parts(TagEvent(), required=True)
    conditions = Parts(TagEventCondition())


class ImageStreamStatus(Document):
    """The status of a stream (image.openshift.io/v1, ImageStreamStatus)."""

    dockerImageRepository = Text(required=True)
    publicDockerImageRepository = Text()
    tags = Parts(NamedTagEventList())


class ImageStream(Document):
    """An image stream (image.openshift.io/v1, ImageStream)."""

    metadata = Part(ObjectMeta())
    spec = Part(ImageStreamSpec())
    status = Part(ImageStreamStatus())

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The name is valid for a repository."""
        metadata = document.get("metadata") or {}
        name = metadata.get("name") or ""
        if name and (sentence := misnamed_stream(name, metadata.get("namespace") or "")):
            yield "metadata.name", sentence


class ImportSource(Document):
    """The source of an import (core/v1, ObjectReference): only a DockerImage."""

    unchecked = (
        "apiVersion",
        "fieldPath",
        "namespace",
        "resourceVersion",
        "uid",
    )

    kind = Text()
    name = Text()

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The kind is DockerImage, and the name is set."""
        if document.get("kind") != SourceKind.DOCKER_IMAGE:
            yield "kind", f"Invalid value: {shown(document.get('kind') or '')}: only DockerImage is supported"
        if not document.get("name"):
            yield "name", REQUIRED


class ImportTarget(Document):
    """The tag that an image is imported into (core/v1, LocalObjectReference)."""

    name = Text()

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The name is set."""
        if not document.get("name"):
            yield "name", 'Invalid value: "": the name of the target tag must be specified'


class ImageImportSpec(Document):
    """One image to import (image.openshift.io/v1, ImageImportSpec)."""

    from_ = Part(ImportSource(), required=True, data_key="from")
    to = Part(ImportTarget())
    importPolicy = Part(TagImportPolicy())
    referencePolicy = Part(TagReferencePolicy())
    includeManifest = Flag()

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The source is an image reference."""
        source = document.get("from") or {}
        name = source.get("name")
        if not name or name == _ANY or source.get("kind") != SourceKind.DOCKER_IMAGE:
            return
        if sentence := misnamed_source(SourceKind.DOCKER_IMAGE, name):
            yield "from.name", sentence


class RepositoryImportSpec(Document):
    """A whole repository to import (image.openshift.io/v1, RepositoryImportSpec)."""

    from_ = Part(ImportSource(), required=True, data_key="from")
    importPolicy = Part(TagImportPolicy())
    referencePolicy = Part(TagReferencePolicy())
    includeManifest = Flag()

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The source is a repository without a tag, because every tag is imported."""
        source = document.get("from") or {}
        if source.get("name") and source.get("kind") == SourceKind.DOCKER_IMAGE:
            yield from _repository("from.name", source["name"])


class ImageStreamImportSpec(Document):
    """The spec of an import (image.openshift.io/v1, ImageStreamImportSpec)."""

    import_ = Flag(required=True, data_key="import")
    images = Parts(ImageImportSpec())
    repository = Part(RepositoryImportSpec())

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """There is something to import."""
        if not document.get("images") and document.get("repository") is None:
            yield "images", "Invalid value: null: you must specify at least one image or a repository import"


class ImageStreamImport(Document):
    """An import (image.openshift.io/v1, ImageStreamImport)."""

    metadata = Part(ObjectMeta())
    spec = Part(ImageStreamImportSpec(), required=True)
    status = AnyObject(required=True)


class ImageStreamMapping(Document):
    """A push (image.openshift.io/v1, ImageStreamMapping): an image, and the tag for it."""

    metadata = Part(ObjectMeta())
    image = Part(Image(), required=True)
    tag = Text(required=True)
    dockerImageRepository = Text()

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The tag and the stream are named; a stream that is named only by its repository cannot be evaluated."""
        if not document.get("tag"):
            yield "tag", REQUIRED
        if not (document.get("metadata") or {}).get("name"):
            yield "metadata.name", f"{REQUIRED}: a stream named only by dockerImageRepository cannot be evaluated"


def _repository(key: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield the violations in the name of a repository."""
    try:
        reference = ImageReference.parse(name)
    except AmbiguousReference:
        named = ":" in name.rpartition("/")[2] or "@" in name
    except MalformedReference as error:
        yield key, f"Invalid value: {error}"
        return
    else:
        named = bool(reference.tag or reference.digest)
    if named:
        yield key, f"Invalid value: {shown(name)}: you must specify an image repository, not a tag or ID"
