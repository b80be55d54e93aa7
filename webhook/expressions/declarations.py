"""The variables of an expression and their types: those of a ValidatingAdmissionPolicy, from the schemas, and `tag`."""

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from marshmallow.fields import Field as Declared

from webhook.expressions.tag import TAG
from webhook.expressions.types import (
    BOOL,
    DYN,
    INT,
    STRING,
    Field,
    ListOf,
    MapOf,
    Record,
    Type,
    nullable,
    one_of,
)
from webhook.schemas import fields
from webhook.schemas.envelope import AdmissionRequest, GroupVersionKind, GroupVersionResource
from webhook.schemas.image import ObjectMeta
from webhook.schemas.schema import Document, Part, Parts
from webhook.schemas.stream import ImageStream, ImageStreamImport, ImageStreamMapping
from webhook.schemas.tag import ImageStreamTag, ImageTag

_ANY: Final = MapOf(STRING, DYN)
_SIMPLE: Final[Mapping[type[Declared[Any]], Type]] = MappingProxyType(
    {
        fields.Text: STRING,
        fields.Choice: STRING,
        fields.Flag: BOOL,
        fields.Count: INT,
        fields.Strings: MapOf(STRING, nullable(STRING)),
        fields.Texts: ListOf(STRING),
        fields.AnyObject: _ANY,
    }
)
# What the API server writes itself and no schema of ours checks (meta/v1, TypeMeta and ObjectMeta).
_TYPE_META: Final[Mapping[str, Type]] = {"apiVersion": STRING, "kind": STRING}
_OBJECT_META: Final[Mapping[str, Type]] = {
    "uid": STRING,
    "resourceVersion": STRING,
    "generation": INT,
    "deletionTimestamp": STRING,
    "deletionGracePeriodSeconds": INT,
    "selfLink": STRING,
    "finalizers": ListOf(STRING),
    "ownerReferences": ListOf(_ANY),
    "managedFields": ListOf(_ANY),
}
# The resources that the webhook evaluates, without the group (image.openshift.io).
OBJECTS: Final[Mapping[str, type[Document]]] = MappingProxyType(
    {
        "imagestreamtags": ImageStreamTag,
        "imagetags": ImageTag,
        "imagestreams": ImageStream,
        "imagestreams/status": ImageStream,
        "imagestreamimports": ImageStreamImport,
        "imagestreammappings": ImageStreamMapping,
    }
)


def declarations(resources: Iterable[str] = OBJECTS) -> Mapping[str, Type]:
    """Return the types of the variables in the reviews of `resources`.

    A field that the schemas know has their type and may be null, as in the API server's decoder. An object that may be
    of several resources has the fields of them all.
    """
    return _declarations(tuple(dict.fromkeys(OBJECTS[each] for each in resources)))


@cache
def _declarations(schemas: tuple[type[Document], ...]) -> Mapping[str, Type]:
    objects = nullable(one_of(_record(each, _TYPE_META) for each in schemas))
    request = {
        **_record(AdmissionRequest).fields,
        "object": Field(objects),
        "oldObject": Field(objects),
        "requestKind": Field(nullable(_record(GroupVersionKind))),
        "requestResource": Field(nullable(_record(GroupVersionResource))),
        "requestSubResource": Field(nullable(STRING)),
    }
    return MappingProxyType(
        {
            "object": objects,
            "oldObject": objects,
            "request": Record("AdmissionRequest", MappingProxyType(request)),
            "tag": TAG,
        }
    )


def _record(schema: type[Document], more: Mapping[str, Type] = MappingProxyType({})) -> Record:
    """Return the record that a schema describes."""
    declared = {field.data_key or name: _type(field) for name, field in schema().load_fields.items()}
    extra = _OBJECT_META if schema is ObjectMeta else more
    known = {key: Field(nullable(kind)) for key, kind in {**extra, **declared}.items()}
    return Record(schema.__name__, MappingProxyType(known))


def _type(field: Declared[Any]) -> Type:
    if isinstance(field, Part):
        return _record(type(field.document))
    if isinstance(field, Parts):
        return ListOf(_record(type(field.document)))
    return _SIMPLE[type(field)]
