"""The resource imagestreamtags."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from . import bodies, patches, strategy, tagging
from .objects import NOW, Document, History, InputError, Meta, SpecTag, Stream
from .server import Call
from .wire import (
    API_VERSION,
    decode_meta,
    decode_tag,
    encode_conditions,
    encode_meta,
    encode_tag,
    flag,
    member,
    number,
    text,
)


@dataclass(frozen=True)
class StreamTag:
    """An ImageStreamTag; of its image only what a stream knows of it."""

    meta: Meta
    tag: SpecTag | None
    generation: int = 0
    local: bool = False
    conditions: Any = None
    image: str = ""
    reference: str = ""
    managed: bool = False


def decode(document: Document) -> StreamTag:
    """Read an ImageStreamTag."""
    image = member(document, "image")
    return StreamTag(
        meta=decode_meta(document),
        tag=None if document.get("tag") is None else decode_tag(member(document, "tag")),
        generation=number(document, "generation"),
        local=flag(member(document, "lookupPolicy"), "local"),
        conditions=document.get("conditions"),
        image=text(member(image, "metadata"), "name"),
        reference=text(image, "dockerImageReference"),
    )


def encode(istag: StreamTag) -> dict[str, Any]:
    """Write an ImageStreamTag."""
    return {
        "kind": "ImageStreamTag",
        "apiVersion": API_VERSION,
        "metadata": encode_meta(istag.meta, managed=istag.managed),
        "tag": None if istag.tag is None else encode_tag(istag.tag),
        "generation": istag.generation,
        "lookupPolicy": {"local": istag.local},
        **({"conditions": istag.conditions} if istag.conditions else {}),
        "image": {
            "metadata": {"name": istag.image} if istag.image else {},
            **({"dockerImageReference": istag.reference} if istag.reference else {}),
        },
    }


def view(stream: Stream, tag: str) -> StreamTag:
    """Show a tag of a stream as an ImageStreamTag, whether it has history or not."""
    newest, spec = stream.latest(tag), stream.tags.get(tag)
    event = newest if newest is not None and newest.image else None
    return StreamTag(
        meta=Meta(
            f"{stream.meta.name}:{tag}",
            stream.meta.namespace,
            stream.meta.uid,
            stream.meta.version,
            created=event.created if event else stream.meta.created,
            labels=stream.meta.labels,
            annotations=(spec.annotations if spec else None) or {},
        ),
        tag=spec,
        generation=event.generation if event else 0,
        local=stream.local,
        conditions=encode_conditions(stream.history.get(tag, History())).get("conditions"),
        image=event.image if event else "",
        reference=tagging.pulled_from(stream, tag) if event else "",
    )


def post(call: Call) -> int:
    """Create a tag."""
    istag = decode(bodies.sent(call.request))
    name = istag.meta.name
    istag = _prepared_new(call, call.mutated("CREATE", istag, (encode, decode)))
    call.validate("CREATE", name, encode(istag), None)
    call.answer = encode(view(*tagging.create(call, name, istag.tag)))
    return 201


def _prepared_new(call: Call, istag: StreamTag) -> StreamTag:
    """Prepare an ImageStreamTag for creation, and validate it."""
    name = istag.meta.name
    tag = istag.tag
    if tag is not None and not tag.name:
        tag = replace(tag, name=name.partition(":")[2] or "latest")
    meta = replace(istag.meta, uid=call.tick(), created=NOW)
    istag = StreamTag(meta, tag, istag.generation, istag.local, managed=istag.managed)
    tagging.check_name(name)
    if tag is not None:
        strategy.check_tag(tag)
        if tag.annotations is not None and dict(tag.annotations) != dict(istag.meta.annotations):
            raise InputError(
                422, "tag.annotations: must not be provided or must be equal to the object meta annotations"
            )
    return istag


def put(call: Call) -> int:
    """Replace or patch a tag; one that is not there is made, with its stream."""
    stream, tag, new = tagging.behind(call)
    old = view(stream, tag)
    name = call.request.name
    istag = decode(bodies.written(call.request, encode(old)))
    managed = call.request.content_type == patches.APPLY
    istag = call.mutated("UPDATE", replace(istag, managed=managed), (encode, decode), encode(old))
    istag = replace(istag, managed=managed)
    tagging.check_version(istag.meta.version, stream)
    meta = replace(istag.meta, version=stream.meta.version, labels=istag.meta.labels or stream.meta.labels)
    istag = replace(istag, meta=meta)
    if new:
        istag = _prepared_new(call, istag)
        call.validate("CREATE", name, encode(istag), None)
    else:
        istag = _prepared(istag, old)
        call.validate("UPDATE", name, encode(istag), encode(old))
    exists = tag in stream.tags
    if not exists and istag.tag is None:
        raise InputError(400, f"{name} is not a spec tag, cannot be updated")
    spec = replace(istag.tag or stream.tags[tag], name=tag, annotations=istag.meta.annotations or None)
    call.answer = encode(view(tagging.stored(call, stream.with_tag(tag, spec), new=new), tag))
    return 200 if exists else 201


def _prepared(istag: StreamTag, old: StreamTag) -> StreamTag:
    """Prepare an ImageStreamTag for an update, and validate it: only tag and annotations may change."""
    meta = replace(
        istag.meta,
        uid=istag.meta.uid or old.meta.uid,
        created=istag.meta.created or old.meta.created,
        generation=old.meta.generation,
    )
    tag = istag.tag if istag.tag is None else replace(istag.tag, annotations=meta.annotations)
    istag = replace(istag, meta=meta, tag=tag, conditions=old.conditions, image=old.image, reference=old.reference)
    if tag is not None:
        strategy.check_tag(tag)
    if replace(meta, annotations={}) != replace(old.meta, annotations={}) or istag.managed:
        raise InputError(422, "metadata: may not update fields other than metadata.annotations")
    return istag
