"""Shared by imagestreamtags and imagetags: names, the stream behind a tag, deletion."""

from __future__ import annotations

from dataclasses import replace

from . import storage
from .objects import NOW, InputError, Meta, SpecTag, Stream
from .server import Call

_FORBIDDEN_NAMES = (".", "..")
_FORBIDDEN_PARTS = ("/", "%")


def split(name: str) -> tuple[str, str]:
    """Split the name in a URL into stream and tag.

    Raises:
        InputError: It is not of the form `stream:tag`.
    """
    parts = name.split(":")
    if "@" in name or len(parts) != 2 or not all(parts):
        raise InputError(400, "must be retrieved with <name>:<tag>")
    return parts[0], parts[1]


def split_new(name: str) -> tuple[str, str]:
    """Split the name in a body into stream and tag; no tag means `latest`, and a tag may hold colons."""
    stream, colon, tag = name.partition(":")
    if not colon:
        raise InputError(500, f"{name!r} must be of the form <stream_name>:<tag>")
    return stream, tag or "latest"


def check_name(name: str) -> None:
    """Validate the name of a new tag object, as that of any object that is a segment of a path."""
    if not name or name in _FORBIDDEN_NAMES or any(part in name for part in _FORBIDDEN_PARTS):
        raise InputError(422, f"metadata.name: {name!r} may not be a path segment")


def behind(call: Call) -> tuple[Stream, str, bool]:
    """Find the stream behind the tag of a PUT or PATCH; one that is not there is begun.

    Returns:
        The stream, the tag, and whether the stream is new.
    """
    name, tag = split(call.request.name)
    stream = call.read(name)
    if stream is not None:
        return stream, tag, False
    return Stream(Meta(name, call.request.namespace, uid="begun", created=NOW)), tag, True


def check_version(sent: str, stream: Stream) -> None:
    """Hold the resource version of a tag object against its stream's; none is as good as the right one."""
    if sent and not stream.meta.version:
        raise InputError(404, "not found")
    if sent and sent != stream.meta.version:
        raise InputError(409, "another caller has updated the resource version")


def stored(call: Call, stream: Stream, *, new: bool) -> Stream:
    """Write the stream behind a tag."""
    return storage.created(call, stream) if new else storage.updated(call, stream, keep_status=True)


def create(call: Call, name: str, tag: SpecTag | None) -> tuple[Stream, str]:
    """Create a spec tag, with its stream if there is none.

    Returns:
        The stream as it is stored, and the tag's name.
    """
    stream_name, tag_name = split_new(name)
    stream = call.read(stream_name)
    base = stream or Stream(Meta(stream_name, call.request.namespace))
    if tag_name in base.tags:
        raise InputError(409, f"{name!r} already exists")
    return stored(call, base if tag is None else base.with_tag(tag_name, tag), new=stream is None), tag_name


def delete(call: Call) -> int:
    """Delete a tag, its history with it; webhooks are not asked."""
    name, tag = split(call.request.name)
    stream = call.read(name)
    if stream is None or (tag not in stream.tags and tag not in stream.history):
        raise InputError(404, f"{call.request.name!r} not found")
    tags = {known: value for known, value in stream.tags.items() if known != tag}
    history = {known: value for known, value in stream.history.items() if known != tag}
    stored(call, replace(stream, tags=tags, history=history), new=False)
    return 200


def pulled_from(stream: Stream, tag: str) -> str:
    """Say where a tag is pulled from: with the reference policy `Local` from the stream's own repository."""
    newest = stream.latest(tag)
    if newest is None:
        return ""
    spec = stream.tags.get(tag)
    if spec is not None and spec.reference_policy == "Local" and newest.image and stream.shown[0]:
        return f"{stream.shown[0]}@{newest.image}"
    return newest.reference
