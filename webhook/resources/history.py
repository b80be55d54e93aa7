"""The history of a tag (`status.tags[].items[]`), the images that it has meant, and such an image as a value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from webhook.model.review import Place, TagField
from webhook.model.tag import Image, Signature, Source, SourceKind, TagReference
from webhook.reference import is_internal
from webhook.resources import parsing
from webhook.resources.parsing import items, mapping, text

EVENT: Final = frozenset({TagField.NAME, TagField.MOVE, TagField.SOURCE})


@dataclass(frozen=True, slots=True)
class Event:
    """One item of a tag's history (image.openshift.io/v1, TagEvent).

    Attributes:
        tag: the tag's name.
        index: the tag's index in `status.tags`.
        position: the item's index in `items`; the tag currently means item 0.
        image: the image's digest, "" for a tag that is never imported.
        source: the source that users of the tag pull.
    """

    tag: str
    index: int
    position: int
    image: str
    source: Source | None

    @property
    def place(self) -> Place:
        """The place of the item."""
        return place(self.index, self.position)

    @property
    def reference(self) -> TagReference:
        """The tag as set by the item."""
        return TagReference(self.source, image=self.image)


def place(index: int | str, position: int | str) -> Place:
    """Return the place of an item of one of `status.tags`."""
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
    status = mapping(document.get("status"))
    for index, tag in enumerate(map(mapping, items(status.get("tags")))):
        name = text(tag.get("tag"))
        found: list[Event] = []
        for position, item in enumerate(map(mapping, items(tag.get("items")))):
            image = text(item.get("image"))
            source = meant(text(item.get("dockerImageReference")), image, namespace, stream)
            found.append(Event(name, index, position, image, source))
        yield name, tuple(found)


def meant(reference: str, image: str, namespace: str, stream: str) -> Source | None:
    """Return what a tag means by an image that was pushed or imported, None without a reference and an image.

    Pods pull from the stored reference, whatever image it names (openshift-apiserver, registry/imagestreammapping). The
    stream's own repository in the internal registry is the tag's own: an ImageStreamImage. A reference to another image
    than the recorded one cannot be evaluated.

    Args:
        reference: `dockerImageReference`, "" if it was not sent: the API server fills in the stream's own repository.
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


def read_image(image: Mapping[str, Any]) -> Image:
    """Read an Image (image.openshift.io/v1).

    The registry sends the stored manifest and configuration as strings. The API server fills in the other fields later,
    from these strings. So the strings are read first, and the other fields only if the strings are missing.
    """
    manifest, config = _stored(image.get("dockerImageManifest")), _stored(image.get("dockerImageConfig"))
    layers = items(image.get("dockerImageLayers")) or items(manifest.get("layers"))
    manifests = items(image.get("dockerImageManifests"))
    written = mapping(image.get("dockerImageMetadata"))
    size = sum(_count(mapping(layer).get("size")) for layer in layers) if layers else None
    return Image(
        name=text(mapping(image.get("metadata")).get("name")),
        labels=_labels(config, written),
        platforms=tuple(_platforms(manifests, config, written)),
        size=size if size is not None or manifests else _size(written),
        layers=len(layers) if layers else None,
        manifests=len(manifests),
        signatures=tuple(_signature(mapping(each)) for each in items(image.get("signatures"))),
    )


def _stored(value: Any) -> Mapping[str, Any]:
    """Return the JSON object in a string, an empty object without one."""
    if not isinstance(value, str):
        return {}
    try:
        return mapping(orjson.loads(value))
    except orjson.JSONDecodeError:
        return {}


def _labels(config: Mapping[str, Any], written: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return the labels of the configuration, None without a configuration (image-spec, config.md)."""
    found = config.get("config") if config else written.get("Config")
    if not isinstance(found, dict):
        return {} if config else None
    return {key: text(value) for key, value in mapping(found.get("Labels")).items()}


def _platforms(manifests: list[Any], config: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[str]:
    """Yield `os/architecture` or `os/architecture/variant` of each manifest, or of the only one."""
    if manifests:
        for each in map(mapping, manifests):
            yield _platform(text(each.get("os")), text(each.get("architecture")), text(each.get("variant")))
    elif config:
        yield _platform(text(config.get("os")), text(config.get("architecture")), text(config.get("variant")))
    elif architecture := text(written.get("Architecture")):
        yield f"linux/{architecture}"  # docker10.DockerImage has no field for the operating system


def _platform(system: str, architecture: str, variant: str) -> str:
    return "/".join(part for part in (system, architecture, variant) if part)


def _size(written: Mapping[str, Any]) -> int | None:
    size = _count(written.get("Size"))
    return size or None


def _count(value: Any) -> int:
    return max(value, 0) if value.__class__ is int else 0


def _signature(signature: Mapping[str, Any]) -> Signature:
    trusted = any(
        condition.get("type") == "Trusted" and condition.get("status") == "True"
        for condition in map(mapping, items(signature.get("conditions")))
    )
    return Signature(text(signature.get("type")), trusted)
