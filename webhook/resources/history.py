"""The history of a stream's tags: the images that each has meant, the newest first (`status.tags[].items[]`)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from webhook.model.change import Place, TagField
from webhook.model.tag import Source, SourceKind, TagReference
from webhook.reference import is_internal
from webhook.resources import parsing

EVENT: Final = frozenset({TagField.NAME, TagField.MOVE, TagField.SOURCE})


@dataclass(frozen=True, slots=True)
class Event:
    """One item of a tag's history (image.openshift.io/v1, TagEvent).

    Attributes:
        tag: the tag's name.
        index: the tag's place in `status.tags`.
        position: the item's place in `items`; 0 is what the tag means now.
        image: the image's digest, "" for a tag that is never imported.
        source: what those who use the tag pull.
    """

    tag: str
    index: int
    position: int
    image: str
    source: Source | None

    @property
    def place(self) -> Place:
        """Where the item is."""
        return place(self.index, self.position)

    @property
    def reference(self) -> TagReference:
        """The tag as the item makes it."""
        return TagReference(self.source, image=self.image)


def place(index: int | str, position: int | str) -> Place:
    """Return where an item of one of `status.tags` is."""
    path, pointer = f"status.tags[{index}]", f"/status/tags/{index}"
    return Place(
        f"{path}.items[{position}]",
        f"{pointer}/items/{position}",
        f"{path}.tag",
        EVENT,
        fields={"from.name": "dockerImageReference"},
    )


def events(document: Mapping[str, Any], namespace: str, stream: str) -> Iterator[tuple[str, tuple[Event, ...]]]:
    """Yield the name and the history of each tag in the status of an image stream.

    Args:
        document: the ImageStream.
        namespace: its namespace.
        stream: its name.
    """
    status = parsing.mapping(document.get("status"))
    for index, tag in enumerate(map(parsing.mapping, parsing.items(status.get("tags")))):
        name = parsing.text(tag.get("tag"))
        found: list[Event] = []
        for position, item in enumerate(map(parsing.mapping, parsing.items(tag.get("items")))):
            image = parsing.text(item.get("image"))
            source = meant(parsing.text(item.get("dockerImageReference")), image, namespace, stream)
            found.append(Event(name, index, position, image, source))
        yield name, tuple(found)


def meant(reference: str, image: str, namespace: str, stream: str) -> Source | None:
    """Return what a tag means by an image that was pushed or imported, None without any.

    Pods pull from the reference as it is stored, whatever image it names (openshift-apiserver,
    registry/imagestreammapping). The repository of the stream itself in the internal registry is the tag's own: an
    ImageStreamImage. A reference to another image than the one that is recorded cannot be evaluated.

    Args:
        reference: `dockerImageReference`, "" if it is not sent: the API server fills in the stream's own repository.
        image: the image's name, its digest.
        namespace: the stream's namespace.
        stream: the stream's name.
    """
    if not reference and not image:
        return None
    found = parsing.source({"kind": SourceKind.DOCKER_IMAGE.value, "name": reference})
    named = found.reference if found is not None else None
    own = named is not None and is_internal(named.registry) and named.repository == f"{namespace}/{stream}"
    if not reference or (own and named is not None and named.digest == image):
        return parsing.source({"kind": SourceKind.IMAGE_STREAM_IMAGE.value, "name": f"{stream}@{image}"})
    if named is not None and named.digest and image and named.digest != image:
        return Source(SourceKind.DOCKER_IMAGE.value, reference, fault=f"it names another image than {image}")
    return found
