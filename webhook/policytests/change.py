"""The short form of a change: one tag, and what it is to point at."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from marshmallow import ValidationError

from webhook.admission.codec import GROUP, VERSION
from webhook.model.tag import SourceKind
from webhook.schemas.containers import Record
from webhook.schemas.parameters import Bool, Choice, Parameter, Schema, Text
from webhook.schemas.patterns import TextMap

_API_VERSION: Final = f"{GROUP}/{VERSION}"
_Objects = tuple[dict[str, Any], dict[str, Any] | None]


class _SourceText(Parameter):
    """What a tag points at: the reference of a DockerImage, or an ObjectReference."""

    expected = "an image reference, or a map with kind and name"

    def read(self, value: Any) -> Mapping[str, Any]:
        """Return the tag's `from`."""
        if isinstance(value, str):
            return {"kind": SourceKind.DOCKER_IMAGE.value, "name": value}
        if not isinstance(value, dict):
            raise self.wrong(value)
        found: Mapping[str, Any] = _REFERENCE.read(value)
        return found

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"anyOf": [{"type": "string"}, _REFERENCE.schema()]}


_REFERENCE: Final = Record({"kind": Text(required=True), "name": Text(required=True), "namespace": Text()}, dict)
_TAG: Final[Mapping[str, Parameter]] = MappingProxyType(
    {
        "from": _SourceText(),
        "importPolicy": Record({"insecure": Bool(), "scheduled": Bool(), "importMode": Text()}, dict),
        "referencePolicy": Text(),
        "annotations": TextMap(),
    }
)
_DOCS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "from": "what the tag points at; without it a stream or an ImageTag loses the tag",
        "importPolicy": "how it is imported",
        "referencePolicy": "Source or Local",
        "annotations": "the tag's annotations",
    }
)


def _tag(annotations: tuple[tuple[str, str], ...] = (), referencePolicy: str | None = None, **given: Any) -> Any:  # noqa: N803 - the API's name
    """Return a TagReference."""
    return {
        **given,
        **({"referencePolicy": {"type": referencePolicy}} if referencePolicy is not None else {}),
        **({"annotations": dict(annotations)} if annotations else {}),
    }


def _change(
    resource: str = "imagestreamtags",
    namespace: str = "default",
    stream: str = "app",
    tag: str = "latest",
    old: Mapping[str, Any] | None = None,
    **given: Any,
) -> _Objects:
    """Return the object that carries the change, and the one that it replaces."""
    if old is not None and resource == "imagestreamimports":
        raise ValidationError({"old": ["an import does not say what was before"]})
    make = _RESOURCES[resource]
    new = make(namespace, stream, tag, _tag(**given))
    return new, make(namespace, stream, tag, old) if old is not None else None


def _object(kind: str, namespace: str, name: str, annotations: Any = None, **fields: Any) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name, **({"annotations": annotations} if annotations else {})}
    return {"apiVersion": _API_VERSION, "kind": kind, "metadata": metadata, **fields}


def _image_stream_tag(namespace: str, stream: str, tag: str, value: Mapping[str, Any]) -> dict[str, Any]:
    found = value.get("annotations")  # both homes alike, as the API server demands
    return _object("ImageStreamTag", namespace, f"{stream}:{tag}", found, tag=dict(value))


def _image_tag(namespace: str, stream: str, tag: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return _object("ImageTag", namespace, f"{stream}:{tag}", spec=dict(value) if "from" in value else None)


def _image_stream(namespace: str, stream: str, tag: str, value: Mapping[str, Any]) -> dict[str, Any]:
    tags = [{"name": tag, **value}] if "from" in value else []
    return _object("ImageStream", namespace, stream, spec={"tags": tags})


def _image_stream_import(namespace: str, stream: str, tag: str, value: Mapping[str, Any]) -> dict[str, Any]:
    image = {key: item for key, item in value.items() if key != "annotations"}
    spec = {"import": True, "images": [{**image, "to": {"name": tag}}]}
    return _object("ImageStreamImport", namespace, stream, value.get("annotations"), spec=spec)


_RESOURCES: Final[Mapping[str, Callable[[str, str, str, Mapping[str, Any]], dict[str, Any]]]] = MappingProxyType(
    {
        "imagestreamtags": _image_stream_tag,
        "imagetags": _image_tag,
        "imagestreams": _image_stream,
        "imagestreamimports": _image_stream_import,
    }
)
CHANGE: Final = Record(
    {
        "resource": Choice(*_RESOURCES),
        "namespace": Text(),
        "stream": Text(),
        "tag": Text(),
        **_TAG,
        "old": Record(_TAG, _tag, docs=_DOCS, needs=tuple(_TAG)),
    },
    _change,
    docs={
        "resource": "the resource that carries the change; imagestreamtags where absent",
        "namespace": "the stream's namespace; default where absent",
        "stream": "the image stream; app where absent",
        "tag": "the tag; latest where absent",
        **_DOCS,
        "old": "what the tag was; without it the object is created",
    },
    needs=("from", "old"),
)
