"""The variables of an expression and their types: those of a ValidatingAdmissionPolicy, from the schemas, and `tag`."""

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from marshmallow.fields import Field as Declared

from webhook.expressions.types import (
    BOOL,
    DYN,
    INT,
    NULL,
    STRING,
    Field,
    ListOf,
    MapOf,
    Record,
    Type,
    alternatives,
    nullable,
    one_of,
)
from webhook.resources.catalog import RESOURCES
from webhook.schemas import fields
from webhook.schemas.envelope import AdmissionRequest, GroupVersionKind, GroupVersionResource
from webhook.schemas.image import ObjectMeta
from webhook.schemas.schema import Document, Part, Parts

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
# Fields that the API server writes itself, and no schema here checks (meta/v1, TypeMeta and ObjectMeta).
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


def _closed(name: str, /, **fields: Field) -> Record:
    """Return a record with only these fields; a trailing underscore is not part of a field's name."""
    return Record(name, MappingProxyType({key.rstrip("_"): field for key, field in fields.items()}), open=False)


_STRINGS: Final = MapOf(STRING, STRING)
_FROM: Final = _closed(
    "source",
    kind=Field(
        STRING, 'kind of the source: `DockerImage`, `ImageStreamTag` or `ImageStreamImage`; "" without a source'
    ),
    name=Field(STRING, "name of the source as it was sent"),
    namespace=Field(STRING, 'namespace of the source, "" if none was sent'),
    registry=Field(STRING, 'registry of a DockerImage, such as `docker.io` for `busybox`; "" for other kinds'),
    repository=Field(STRING, 'repository of a DockerImage, such as `library/busybox`; "" for other kinds'),
    tag=Field(STRING, 'tag of a DockerImage, `latest` if its pull spec has neither tag nor digest; "" for other kinds'),
    digest=Field(STRING, 'digest of a DockerImage, "" if its pull spec has none'),
)
_SIGNATURE: Final = _closed(
    "signature",
    type=Field(STRING, "type of the signature"),
    trusted=Field(BOOL, "whether its condition Trusted is True"),
)
_IMAGE: Final = _closed(
    "image",
    digest=Field(STRING, "digest of the image"),
    labels=Field(nullable(_STRINGS), "labels of the image configuration; null if the review does not carry it"),
    platforms=Field(ListOf(STRING), "`os/architecture` or `os/architecture/variant` of each manifest"),
    size=Field(nullable(INT), "total bytes of all layers; null if unknown"),
    layers=Field(nullable(INT), "number of layers; null if unknown or the image is a manifest list"),
    signatures=Field(ListOf(_SIGNATURE), "signatures of the image"),
)
TAG: Final = _closed(
    "tag",
    resource=Field(STRING, "resource of the review, with its subresource: `imagestreamtags`, `imagestreams/status`"),
    namespace=Field(STRING, "namespace of the image stream"),
    stream=Field(STRING, "name of the image stream"),
    name=Field(STRING, "name of the tag; `*` if `everyTag` is true"),
    everyTag=Field(BOOL, "whether a whole repository is imported or followed, so that the names are unknown"),
    isNew=Field(BOOL, "whether the tag did not exist before"),
    oldUnknown=Field(BOOL, "whether the review lacks the old tag, as in a push or an import"),
    moved=Field(BOOL, "whether the tag is new, removed, or points to another source than before"),
    from_=Field(_FROM, "source that the tag points to"),
    insecure=Field(BOOL, "whether the import may be insecure: `importPolicy.insecure` or the annotation of the stream"),
    scheduled=Field(BOOL, "`importPolicy.scheduled`"),
    importMode=Field(STRING, '`importPolicy.importMode`: `Legacy` or `PreserveOriginal`; "" if unset'),
    referencePolicy=Field(STRING, '`referencePolicy.type`: `Source` or `Local`; "" if unset'),
    annotations=Field(_STRINGS, "annotations of the tag"),
    image=Field(nullable(_IMAGE), "image of a push or of a scan; null for other reviews"),
)


def declarations(resources: Iterable[str] = RESOURCES) -> Mapping[str, Type]:
    """Return the types of the variables in the reviews of `resources`.

    A field of the schemas has its type there and may be null, as in the API server's decoder. An object of several
    possible resources has the fields of all.
    """
    return _declarations(tuple(dict.fromkeys(RESOURCES[each].schema for each in resources)))


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
    """Return the record of a schema."""
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


def described() -> list[tuple[str, str, str]]:
    """Return the path, the type and the meaning of each field of `tag`, in order."""
    return _described("tag", TAG)


def _described(path: str, record: Record) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for key, field in record.fields.items():
        found.append((f"{path}.{key}", _written(field.type), field.doc))
        for each in alternatives(field.type):
            below = each.item if isinstance(each, ListOf) else each
            if isinstance(below, Record):
                found += _described(f"{path}.{key}{'[]' if isinstance(each, ListOf) else ''}", below)
    return found


def _written(kind: Type) -> str:
    """Return the name of a type in the documentation."""
    names = [_name(each) for each in alternatives(kind) if each != NULL]
    return " or ".join((*names, "null") if NULL in alternatives(kind) else names)


def _name(kind: Type) -> str:
    if isinstance(kind, Record):
        return "object"
    return f"list({_name(kind.item)})" if isinstance(kind, ListOf) else str(kind)
