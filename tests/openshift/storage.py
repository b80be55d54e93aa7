"""Create, update and delete image streams in the store, as all resources do in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from . import aliases, strategy
from .normal import pruned
from .objects import NOW, InputError, Stream
from .server import Call
from .wire import encode_stream

Check = Callable[[Stream], None]


def _nothing(_: Stream) -> None:
    """Ask no webhook: the request asked already."""


def created(call: Call, stream: Stream, *, keep_status: bool = False, check: Check = _nothing) -> Stream:
    """Create a stream.

    Args:
        call: The request.
        stream: The stream as it was sent.
        keep_status: Whether its history counts, which is so for an import.
        check: Asks the validating webhook.

    Returns:
        The stream as it is stored.

    Raises:
        InputError: It is not valid, or exists.
    """
    meta = replace(stream.meta, uid=call.tick(), version="", created=NOW)
    stream = strategy.prepared_new(replace(stream, meta=meta), keep_status=keep_status)
    _check_pulls(call, None, stream)
    ways = [way for state in aliases.resolved({}, stream, _reader(call)) for way in aliases.followed(state, None)]
    stream = call.choices.of(ways)
    strategy.check_stream(stream)
    check(stream)
    if call.stream(stream.meta.name) is not None:
        raise InputError(409, f"imagestreams {stream.meta.name!r} already exists")
    return _stored(call, stream)


def updated(
    call: Call, stream: Stream, *, keep_status: bool, check: Callable[[Stream, Stream], None] | None = None
) -> Stream:
    """Update the spec of a stream.

    Args:
        call: The request.
        stream: The stream as it was sent.
        keep_status: Whether its history counts, which is so for the server's own writes.
        check: Asks the validating webhook about the new and the old stream.

    Returns:
        The stream as it is stored.

    Raises:
        InputError: It is not valid, not there, or not the one that was read.
    """
    old = _current(call, stream)
    stream = strategy.prepared(_settled(stream, old), old, keep_status=keep_status)
    strategy.check_meta(stream, old)
    _check_pulls(call, old, stream)
    states = aliases.resolved(old.tags, stream, _reader(call))
    if keep_status:
        states = [way for state in states for way in aliases.followed(state, old)]
    stream = call.choices.of(states)
    strategy.check_stream(stream)
    if check is not None:
        # With a write of imagestreams, the old and the new stream are one map in the server's memory: the old one
        # shows the new history, and so no alias follows.
        check(stream, old if keep_status else replace(old, history=stream.history))
    return _stored(call, stream, old)


def updated_status(call: Call, stream: Stream, check: Callable[[Stream, Stream], None] | None = None) -> Stream:
    """Update the status of a stream, with its metadata and `spec.lookupPolicy`."""
    old = _current(call, stream)
    stream = strategy.prepared_status(_settled(stream, old), old)
    strategy.check_meta(stream, old)
    strategy.check_history(stream, old)
    if check is not None:
        check(stream, old)
    return _stored(call, stream, old)


def _current(call: Call, stream: Stream) -> Stream:
    old = call.stream(stream.meta.name)
    if old is None:
        raise InputError(404, f"imagestreams {stream.meta.name!r} not found")
    if not stream.meta.version:
        raise InputError(422, "metadata.resourceVersion: must be specified for an update")
    if stream.meta.version != old.meta.version:
        raise InputError(409, "the object has been modified")
    if stream.meta.uid not in ("", old.meta.uid):
        raise InputError(409, "Precondition failed: UID in precondition")
    return old


def _settled(stream: Stream, old: Stream) -> Stream:
    """Fill in what an update may leave out."""
    meta = stream.meta
    own = replace(
        meta, uid=meta.uid or old.meta.uid, created=meta.created or old.meta.created, generation=old.meta.generation
    )
    return replace(stream, meta=own)


def _check_pulls(call: Call, old: Stream | None, stream: Stream) -> None:
    for namespace, name in strategy.foreign(old.tags if old else {}, stream):
        if not call.cluster.rights.may_pull(call.request.user, namespace):
            raise InputError(422, f"from: Forbidden: {namespace}/{name}")


def _reader(call: Call) -> aliases.GetStream:
    return lambda namespace, name: call.stream(name, namespace)


def _stored(call: Call, stream: Stream, old: Stream | None = None) -> Stream:
    """Store a stream; a write that changes nothing leaves its version."""
    if old is not None and pruned(encode_stream(stream)) == pruned(encode_stream(old)) and stream.owners == old.owners:
        return old
    stream = replace(stream, meta=replace(stream.meta, version=call.tick()))
    call.put(stream, stream.meta.name)
    return stream
