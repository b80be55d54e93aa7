"""The v1 JSON of the image API: decoding with its defaults, encoding, and a form in which documents are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from .objects import (
    Condition,
    Document,
    Event,
    History,
    ImportPolicy,
    InputError,
    Meta,
    Path,
    Source,
    SpecTag,
    Stream,
)
from .references import parsed

T = TypeVar("T")
API_VERSION = "image.openshift.io/v1"
# The cluster's default; images.config/cluster may name another one.
IMPORT_MODE = "Legacy"
_META = ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "labels", "annotations")


def _typed(value: Any, kind: type[T], name: str) -> T:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InputError(400, f"cannot unmarshal {type(value).__name__} into {name} of type {kind.__name__}")
    return value


def member(document: Document, name: str) -> Document:
    """Read an object-valued field; absent and null read as empty."""
    return {} if document.get(name) is None else _typed(document[name], dict, name)


def members(document: Document, name: str) -> list[Document]:
    """Read a list of objects; absent and null read as empty."""
    items = [] if document.get(name) is None else _typed(document[name], list, name)
    return [{} if item is None else _typed(item, dict, name) for item in items]


def text(document: Document, name: str) -> str:
    """Read a string; absent and null read as empty."""
    return "" if document.get(name) is None else _typed(document[name], str, name)


def flag(document: Document, name: str) -> bool:
    """Read a boolean; absent and null read as false."""
    return False if document.get(name) is None else _typed(document[name], bool, name)


def number(document: Document, name: str) -> int:
    """Read an integer; absent and null read as zero."""
    return 0 if document.get(name) is None else _typed(document[name], int, name)


def strings(document: Document, name: str) -> dict[str, str]:
    """Read a map of strings; absent and null read as empty, and a null value as an empty string."""
    entries = member(document, name)
    return {key: "" if value is None else _typed(value, str, name) for key, value in entries.items()}


def decode_meta(document: Document) -> Meta:
    """Read the metadata of an object."""
    meta = member(document, "metadata")
    return Meta(
        name=text(meta, "name"),
        namespace=text(meta, "namespace"),
        uid=text(meta, "uid"),
        version=text(meta, "resourceVersion"),
        generation=number(meta, "generation"),
        created=text(meta, "creationTimestamp"),
        labels=strings(meta, "labels"),
        annotations=strings(meta, "annotations"),
        rest={key: value for key, value in meta.items() if key not in _META and key != "managedFields" and value},
    )


def encode_meta(meta: Meta, *, managed: bool = False) -> dict[str, Any]:
    """Write metadata, without fields that are empty."""
    values = (meta.name, meta.namespace, meta.uid, meta.version, meta.generation, meta.created)
    known = dict(zip(_META, (*values, dict(meta.labels), dict(meta.annotations)), strict=True))
    return (
        {key: value for key, value in known.items() if value}
        | dict(meta.rest)
        | ({"managedFields": []} if managed else {})
    )


def decode_policy(document: Document) -> ImportPolicy:
    """Read an `importPolicy`, with the cluster's default import mode."""
    policy = member(document, "importPolicy")
    return ImportPolicy(flag(policy, "insecure"), flag(policy, "scheduled"), text(policy, "importMode") or IMPORT_MODE)


def encode_policy(policy: ImportPolicy) -> dict[str, Any]:
    """Write an `importPolicy`, without what is false."""
    return {
        **({"insecure": True} if policy.insecure else {}),
        **({"scheduled": True} if policy.scheduled else {}),
        **({"importMode": policy.mode} if policy.mode else {}),
    }


def decode_reference_policy(document: Document) -> str:
    """Read a `referencePolicy.type`, `Source` by default."""
    return text(member(document, "referencePolicy"), "type") or "Source"


def decode_source(document: Document) -> Source:
    """Read a `from`."""
    return Source(text(document, "kind"), text(document, "name"), text(document, "namespace"))


def encode_source(source: Source) -> dict[str, str]:
    """Write a `from`, without fields that are empty."""
    parts = {"kind": source.kind, "namespace": source.namespace, "name": source.name}
    return {key: value for key, value in parts.items() if value}


def decode_tag(document: Document) -> SpecTag:
    """Read a tag, with its defaults."""
    return SpecTag(
        name=text(document, "name"),
        source=None if document.get("from") is None else decode_source(member(document, "from")),
        reference=flag(document, "reference"),
        generation=None if document.get("generation") is None else number(document, "generation"),
        policy=decode_policy(document),
        reference_policy=decode_reference_policy(document),
        annotations=None if document.get("annotations") is None else strings(document, "annotations"),
    )


def encode_tag(tag: SpecTag) -> dict[str, Any]:
    """Write a tag."""
    return {
        "name": tag.name,
        "annotations": None if tag.annotations is None else dict(tag.annotations),
        **({} if tag.source is None else {"from": encode_source(tag.source)}),
        **({"reference": True} if tag.reference else {}),
        "generation": tag.generation,
        "importPolicy": encode_policy(tag.policy),
        "referencePolicy": {"type": tag.reference_policy},
    }


def decode_history(document: Document) -> History:
    """Read the history of a tag."""
    events = (
        Event(
            text(item, "image"), text(item, "dockerImageReference"), number(item, "generation"), text(item, "created")
        )
        for item in members(document, "items")
    )
    conditions = (
        Condition(
            text(item, "type"),
            text(item, "status"),
            text(item, "reason"),
            text(item, "message"),
            number(item, "generation"),
            text(item, "lastTransitionTime"),
        )
        for item in members(document, "conditions")
    )
    return History(tuple(events), tuple(conditions))


def encode_history(tag: str, history: History) -> dict[str, Any]:
    """Write the history of a tag."""
    items = [
        {
            "created": event.created or None,
            "dockerImageReference": event.reference,
            "image": event.image,
            "generation": event.generation,
        }
        for event in history.events
    ]
    return {"tag": tag, "items": items or None, **encode_conditions(history)}


def encode_conditions(history: History) -> dict[str, Any]:
    """Write the conditions of a tag, if it has any."""
    conditions = [
        {
            "type": condition.type,
            "status": condition.status,
            "lastTransitionTime": condition.since or None,
            **({"reason": condition.reason} if condition.reason else {}),
            **({"message": condition.message} if condition.message else {}),
            "generation": condition.generation,
        }
        for condition in history.conditions
    ]
    return {"conditions": conditions} if conditions else {}


def decode_stream(document: Document, owners: Mapping[str, frozenset[Path]] | None = None) -> Stream:
    """Read an image stream; of two tags of one name the last one counts."""
    spec, status = member(document, "spec"), member(document, "status")
    return Stream(
        meta=decode_meta(document),
        repository=text(spec, "dockerImageRepository"),
        local=flag(member(spec, "lookupPolicy"), "local"),
        tags={text(tag, "name"): decode_tag(tag) for tag in members(spec, "tags")},
        history={text(entry, "tag"): decode_history(entry) for entry in members(status, "tags")},
        shown=(text(status, "dockerImageRepository"), text(status, "publicDockerImageRepository")),
        owners=owners or {},
    )


def encode_stream(stream: Stream) -> dict[str, Any]:
    """Write an image stream, its tags in order of their names."""
    tags = [encode_tag(stream.tags[name]) for name in sorted(stream.tags)]
    history = [encode_history(tag, stream.history[tag]) for tag in sorted(stream.history)]
    shown = zip(("dockerImageRepository", "publicDockerImageRepository"), stream.shown, strict=True)
    return {
        "kind": "ImageStream",
        "apiVersion": API_VERSION,
        "metadata": encode_meta(stream.meta, managed=bool(stream.owners)),
        "spec": {
            "lookupPolicy": {"local": stream.local},
            **({"dockerImageRepository": _repository(stream.repository)} if stream.repository else {}),
            **({"tags": tags} if tags else {}),
        },
        "status": {
            "dockerImageRepository": stream.shown[0],
            **{key: value for key, value in shown if value},
            **({"tags": history} if history else {}),
        },
    }


def _repository(name: str) -> str:
    """Leave out a tag and a digest: they are never shown, though they are denied."""
    reference = parsed(name)
    return name if reference is None else str(replace(reference, tag="", digest=""))
