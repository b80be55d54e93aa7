"""A whole image of the wire as a value; a push carries one, and so do scanned images."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from webhook.model.tag import Image, Signature
from webhook.resources.parsing import items, mapping, text


def read_image(image: Mapping[str, Any]) -> Image:
    """Read an Image (image.openshift.io/v1).

    The registry sends manifest and configuration as they are stored, in strings, from which the API server fills the
    rest in only later: so they are read first, and what is written beside them only where they are not there.
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
    """Return the JSON object in a string, an empty one where there is none."""
    if not isinstance(value, str):
        return {}
    try:
        return mapping(orjson.loads(value))
    except orjson.JSONDecodeError:
        return {}


def _labels(config: Mapping[str, Any], written: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return the labels of the configuration, None where no configuration was sent (image-spec, config.md)."""
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
        yield f"linux/{architecture}"  # docker10.DockerImage has no field for another


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
