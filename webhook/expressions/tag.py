"""The variable `tag`: the one declaration of its fields, with what each means."""

from types import MappingProxyType
from typing import Final

from webhook.expressions.types import (
    BOOL,
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
)


def _record(name: str, /, **fields: Field) -> Record:
    """Return a record that has these fields and no others; a trailing underscore is not part of a field's name."""
    return Record(name, MappingProxyType({key.rstrip("_"): field for key, field in fields.items()}), open=False)


_STRINGS: Final = MapOf(STRING, STRING)
_FROM: Final = _record(
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
_SIGNATURE: Final = _record(
    "signature",
    type=Field(STRING, "type of the signature"),
    trusted=Field(BOOL, "whether its condition Trusted is True"),
)
_IMAGE: Final = _record(
    "image",
    digest=Field(STRING, "digest of the image"),
    labels=Field(nullable(_STRINGS), "labels of the image configuration; null if the review does not carry it"),
    platforms=Field(ListOf(STRING), "`os/architecture` or `os/architecture/variant` of each manifest"),
    size=Field(nullable(INT), "bytes of all layers together; null if it is not known"),
    layers=Field(nullable(INT), "number of layers; null if it is not known or the image is a manifest list"),
    signatures=Field(ListOf(_SIGNATURE), "signatures of the image"),
)
TAG: Final = _record(
    "tag",
    resource=Field(STRING, "resource of the review, with its subresource: `imagestreamtags`, `imagestreams/status`"),
    namespace=Field(STRING, "namespace of the image stream"),
    stream=Field(STRING, "name of the image stream"),
    name=Field(STRING, "name of the tag; `*` if `everyTag` is true"),
    everyTag=Field(BOOL, "whether a whole repository is imported or followed, so that the names are not known"),
    isNew=Field(BOOL, "whether the tag did not exist before"),
    oldUnknown=Field(BOOL, "whether the review does not say what the tag was before, as in a push or an import"),
    moved=Field(BOOL, "whether the tag is new, removed, or points to another source than before"),
    from_=Field(_FROM, "source that the tag points to"),
    insecure=Field(BOOL, "whether the import may be insecure: `importPolicy.insecure` or the annotation of the stream"),
    scheduled=Field(BOOL, "`importPolicy.scheduled`"),
    importMode=Field(STRING, '`importPolicy.importMode`: `Legacy` or `PreserveOriginal`; "" if unset'),
    referencePolicy=Field(STRING, '`referencePolicy.type`: `Source` or `Local`; "" if unset'),
    annotations=Field(_STRINGS, "annotations of the tag"),
    image=Field(nullable(_IMAGE), "image of a push or of a scan; null for other reviews"),
)


def described() -> list[tuple[str, str, str]]:
    """Return the path, the type and the meaning of each field of `tag`, in their order."""
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
    """Return a type as the documentation names it."""
    names = [_name(each) for each in alternatives(kind) if each != NULL]
    return " or ".join((*names, "null") if NULL in alternatives(kind) else names)


def _name(kind: Type) -> str:
    if isinstance(kind, Record):
        return "object"
    return f"list({_name(kind.item)})" if isinstance(kind, ListOf) else str(kind)
