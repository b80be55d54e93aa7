"""The short form of a change: one tag, and what it is to point at."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from marshmallow import ValidationError

from webhook.model.tag import SourceKind
from webhook.resources.catalog import RESOURCES, TAG
from webhook.resources.objects import Object
from webhook.schemas.containers import Record
from webhook.schemas.parameters import Bool, Choice, Parameter, Schema, Text
from webhook.schemas.patterns import TextMap

_Objects = tuple[dict[str, Any], dict[str, Any] | None]
# What makes the object of a short form, by the resource's name.
_SHORT: Final[Mapping[str, Callable[[str, str, str, Object], dict[str, Any]]]] = MappingProxyType(
    {name: resource.short for name, resource in RESOURCES.items() if resource.short is not None}
)


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
        "from": "what the tag points at; without it the change removes the tag, if the resource can",
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
    resource: str = TAG.name,
    namespace: str = "default",
    stream: str = "app",
    tag: str = "latest",
    old: Mapping[str, Any] | None = None,
    **given: Any,
) -> _Objects:
    """Return the object that carries the change, and the one that it replaces."""
    if old is not None and not RESOURCES[resource].says_old:
        raise ValidationError({"old": [f"a review of {resource} does not say what was before"]})
    make = _SHORT[resource]
    new = make(namespace, stream, tag, _tag(**given))
    return new, make(namespace, stream, tag, old) if old is not None else None


CHANGE: Final = Record(
    {
        "resource": Choice(*_SHORT),
        "namespace": Text(),
        "stream": Text(),
        "tag": Text(),
        **_TAG,
        "old": Record(_TAG, _tag, docs=_DOCS, needs=tuple(_TAG)),
    },
    _change,
    docs={
        "resource": f"the resource that carries the change; {TAG.name} where absent",
        "namespace": "the stream's namespace; default where absent",
        "stream": "the image stream; app where absent",
        "tag": "the tag; latest where absent",
        **_DOCS,
        "old": "what the tag was; without it the object is created",
    },
    needs=("from", "old"),
)
