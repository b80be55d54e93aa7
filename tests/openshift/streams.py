"""The resources imagestreams and imagestreams/status."""

from __future__ import annotations

from dataclasses import replace
from operator import itemgetter

from . import bodies, ownership, patches, storage
from .objects import Document, InputError, Meta, Stream
from .server import Call, Codec
from .wire import decode_stream, encode_stream


def post(call: Call) -> int:
    """Create a stream."""
    return _create(call, bodies.sent(call.request), applied=False)


def _create(call: Call, body: Document, *, applied: bool) -> int:
    stream = decode_stream(body)
    empty = encode_stream(Stream(Meta()))
    owners = ownership.applied({}, body) if applied else ownership.created(empty, encode_stream(stream))
    name = stream.meta.name
    stream = call.mutated("CREATE", replace(stream, owners=owners), _codec(owners))
    stored = storage.created(call, stream, check=lambda new: call.validate("CREATE", name, encode_stream(new), None))
    call.answer = encode_stream(stored)
    return 201


def put(call: Call) -> int:
    """Replace or patch a stream; only a server-side apply makes one that is not there."""
    old = call.stream(call.request.name)
    if old is None:
        if call.request.content_type != patches.APPLY:
            raise InputError(404, f"imagestreams {call.request.name!r} not found")
        return _create(call, bodies.sent(call.request), applied=True)
    stream = _written(call, old, "")
    stored = storage.updated(
        call,
        stream,
        keep_status=False,
        check=lambda new, before: call.validate("UPDATE", call.request.name, encode_stream(new), encode_stream(before)),
    )
    call.answer = encode_stream(stored)
    return 200


def put_status(call: Call) -> int:
    """Write the status of a stream."""
    if call.request.user not in call.cluster.rights.status_writers:
        raise InputError(403, "cannot write imagestreams/status")
    old = call.stream(call.request.name)
    if old is None:
        raise InputError(404, f"imagestreams {call.request.name!r} not found")
    stream = _written(call, old, "status")
    stored = storage.updated_status(
        call,
        stream,
        check=lambda new, before: call.validate("UPDATE", call.request.name, encode_stream(new), encode_stream(before)),
    )
    call.answer = encode_stream(stored)
    return 200


def _written(call: Call, old: Stream, manager: str) -> Stream:
    """Read the stream as it was sent, and ask the mutating webhook about it."""
    before = encode_stream(old)
    body = bodies.written(call.request, before)
    if call.request.content_type == patches.APPLY:
        body = ownership.given_up(body, old.owners, call.request.body)
        owners = ownership.applied(old.owners, call.request.body)
    else:
        owners = ownership.updated(old.owners, manager, before, encode_stream(decode_stream(body)))
    return call.mutated("UPDATE", decode_stream(body, owners), _codec(owners), before)


def _codec(owners: ownership.Owners) -> Codec[Stream]:
    return encode_stream, lambda document: decode_stream(document, owners)


def delete(call: Call) -> int:
    """Delete a stream, or all streams of the namespace."""
    name, namespace = call.request.name, call.request.namespace
    known = sorted(call.cluster.streams.items(), key=itemgetter(0))
    names = [name] if name else [key[1] for key, each in known if key[0] == namespace and _is_selected(call, each)]
    for each in names:
        stream = call.stream(each)
        if stream is None:
            raise InputError(404, f"imagestreams {each!r} not found")
        for ask in (call.mutate, call.validate):
            ask("DELETE", name, None, encode_stream(stream))
        call.put(None, each)
    call.answer = names
    return 200


def _is_selected(call: Call, stream: Stream) -> bool:
    """Match the labels of a stream against a selector: `key=value` and `key!=value`, separated by commas."""
    for part in filter(None, call.request.selector.split(",")):
        key, operator, value = part.partition("!=" if "!=" in part else "=")
        if (stream.meta.labels.get(key) == value.lstrip("=")) != (operator == "="):
            return False
    return True
