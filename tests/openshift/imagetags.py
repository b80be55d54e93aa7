"""The resource imagetags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from . import bodies, ownership, patches, strategy, tagging
from .objects import NOW, Document, History, InputError, Meta, Path, SpecTag, Stream
from .server import Call
from .wire import API_VERSION, decode_history, decode_meta, decode_tag, encode_history, encode_meta, encode_tag, member


@dataclass(frozen=True)
class Tag:
    """An ImageTag; its image is kept as it was sent, and a stream shows none here."""

    meta: Meta
    spec: SpecTag | None
    status: History | None = None
    owners: Mapping[str, frozenset[Path]] = field(default_factory=dict)
    image: Document | None = None


def decode(document: Document, owners: Mapping[str, frozenset[Path]] | None = None) -> Tag:
    """Read an ImageTag."""
    return Tag(
        meta=decode_meta(document),
        spec=None if document.get("spec") is None else decode_tag(member(document, "spec")),
        status=None if document.get("status") is None else decode_history(member(document, "status")),
        owners=owners or {},
        image=document.get("image"),
    )


def encode(itag: Tag) -> dict[str, Any]:
    """Write an ImageTag."""
    return {
        "kind": "ImageTag",
        "apiVersion": API_VERSION,
        "metadata": encode_meta(itag.meta, managed=bool(itag.owners)),
        "spec": None if itag.spec is None else encode_tag(itag.spec),
        "status": None if itag.status is None else encode_history(itag.meta.name.partition(":")[2], itag.status),
        "image": itag.image,
    }


def view(stream: Stream, tag: str) -> Tag:
    """Show a tag of a stream as an ImageTag: the metadata are the stream's."""
    meta = replace(stream.meta, name=f"{stream.meta.name}:{tag}")
    return Tag(meta, stream.tags.get(tag), stream.history.get(tag), stream.owners)


def post(call: Call) -> int:
    """Create a tag."""
    itag = decode(bodies.sent(call.request))
    name = itag.meta.name
    itag = _prepared_new(call, call.mutated("CREATE", itag, (encode, decode)))
    call.validate("CREATE", name, encode(itag), None)
    call.answer = encode(view(*tagging.create(call, name, itag.spec)))
    return 201


def _prepared_new(call: Call, itag: Tag) -> Tag:
    """Prepare an ImageTag for creation, and validate it."""
    name, spec = itag.meta.name, itag.spec
    if spec is None:
        raise InputError(422, "spec: is a required field during creation")
    spec = spec if spec.name else replace(spec, name=name.partition(":")[2] or "latest")
    tagging.check_name(name)
    _check_spec(name, spec)
    return Tag(replace(itag.meta, uid=call.tick(), created=NOW), spec)


def _check_spec(name: str, spec: SpecTag) -> None:
    _, colon, tag = name.partition(":")
    if not colon or spec.name != (tag or "latest"):
        raise InputError(422, "spec.name: must match image tag name")
    strategy.check_tag(spec)


def put(call: Call) -> int:
    """Replace or patch a tag; one that is not there is made, with its stream. No spec removes the spec tag."""
    stream, tag, new = tagging.behind(call)
    old = view(stream, tag)
    name = call.request.name
    before = encode(old)
    itag = decode(bodies.written(call.request, before), old.owners)
    managed = call.request.content_type == patches.APPLY or _is_noted(old, before, encode(itag))
    itag = call.mutated("UPDATE", itag, (encode, lambda document: decode(document, old.owners)), before)
    tagging.check_version(itag.meta.version, stream)
    itag = replace(itag, meta=replace(itag.meta, version=stream.meta.version))
    if new:
        itag = _prepared_new(call, itag)
        call.validate("CREATE", name, encode(itag), None)
    else:
        itag = _prepared(itag, old)
        if managed:
            raise InputError(422, "metadata: may not update fields other than spec")
        call.validate("UPDATE", name, encode(itag), before)
    exists = tag in stream.tags
    if itag.spec is None:
        stream = replace(stream, tags={known: value for known, value in stream.tags.items() if known != tag})
    else:
        stream = stream.with_tag(tag, itag.spec)
    call.answer = encode(view(tagging.stored(call, stream, new=new), tag))
    return 200 if exists else 201


def _is_noted(old: Tag, before: Document, after: Document) -> bool:
    """Say whether an update would change the managed fields: they are the stream's, so it may not."""
    written, _ = ownership.changed(before, after)
    return bool(old.owners) and bool(written)


def _prepared(itag: Tag, old: Tag) -> Tag:
    """Prepare an ImageTag for an update, and validate it: only the spec may change."""
    meta = replace(
        itag.meta,
        uid=itag.meta.uid or old.meta.uid,
        created=itag.meta.created or old.meta.created,
        generation=old.meta.generation,
    )
    if itag.spec is not None:
        _check_spec(meta.name, itag.spec)
    if meta != old.meta or itag.status != old.status:
        raise InputError(422, "metadata, status: may not update fields other than spec")
    return replace(itag, meta=meta, image=None)
