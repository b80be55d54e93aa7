"""The effect of a written spec tag on the history: aliases are resolved, references noted, followers follow.

Source: `tagsChanged`, `updateChangedTrackingTags` and `UpdateTrackingTags` of openshift-apiserver. The server walks its
tags in no fixed order, and the outcome may depend on it. So these functions return every stream that can come out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from . import references
from .choices import distinct
from .objects import INTERNAL_REGISTRY, Event, InputError, SpecTag, Stream, added

GetStream = Callable[[str, str], "Stream | None"]
ALIASES = ("ImageStreamTag", "ImageStreamImage")


def is_changed(old: SpecTag, new: SpecTag, namespace: str) -> bool:
    """Say whether a spec tag names something else than before, as the server sees it; the kind is not looked at."""
    if new.source is None or not (new.source.kind or new.source.name):
        return False
    before = old.source.name if old.source else ""
    home = (old.source.namespace if old.source else "") or namespace
    return (
        (before, home) != (new.source.name, new.source.namespace or namespace)
        or old.reference != new.reference
        or old.policy.mode != new.policy.mode
        or (new.generation == 0 and old.generation not in (None, 0))
    )


def changed_tags(old: Mapping[str, SpecTag], stream: Stream) -> list[str]:
    """List the spec tags with a source that are new or name something else."""
    namespace = stream.meta.namespace
    return [
        name
        for name, tag in sorted(stream.tags.items())
        if tag.source is not None and (name not in old or is_changed(old[name], tag, namespace))
    ]


def target(stream: Stream, tag: SpecTag) -> tuple[str, str, str]:
    """Split an alias into the namespace, the stream and the tag or image that it names.

    Raises:
        InputError: It is no alias, or its name has too many parts.
    """
    source = tag.source
    if source is None or source.kind not in ALIASES:
        raise InputError(422, "from.kind: only ImageStreamTag and ImageStreamImage are allowed")
    parts = source.name.split(":" if source.kind == "ImageStreamTag" else "@")
    if len(parts) > 2:
        raise InputError(422, "from.name: must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>")
    return source.namespace or stream.meta.namespace, *(
        (stream.meta.name, parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    )


def resolved(old: Mapping[str, SpecTag], stream: Stream, get: GetStream) -> list[Stream]:
    """Resolve the spec tags that changed.

    Args:
        old: The spec tags before.
        stream: The stream as it is to be written.
        get: Reads another stream.

    Returns:
        Each stream that can come out.

    Raises:
        InputError: A tag names a stream or an image that is not there.
    """
    names = [name for name in changed_tags(old, stream) if not _is_imported(stream.tags[name])]
    return _in_any_order(names, stream, lambda state, name: _resolve(state, name, get))


def _is_imported(tag: SpecTag) -> bool:
    source = tag.source
    return source is not None and source.kind == "DockerImage" and bool(source.name) and not tag.reference


def _in_any_order(names: Iterable[str], stream: Stream, step: Callable[[Stream, str], list[Stream]]) -> list[Stream]:
    states = [(frozenset(names), stream)]
    while states[0][0]:
        states = distinct(
            (left - {name}, after) for left, state in states for name in sorted(left) for after in step(state, name)
        )
    return distinct(state for _, state in states)


def _resolve(stream: Stream, name: str, get: GetStream) -> list[Stream]:
    tag = replace(stream.tags[name], generation=stream.meta.generation)
    source, generation = tag.source, stream.meta.generation
    if source is None:
        return [stream]
    if source.kind == "DockerImage" and source.name:
        event = Event("", source.name, generation)
        return [added(stream.with_tag(name, tag), name, event)]
    namespace, other, wanted = target(stream, tag)
    here = (namespace, other) == (stream.meta.namespace, stream.meta.name)
    found = stream if here else get(namespace, other)
    if found is None:
        raise InputError(422, f"from.name: {source.name!r} not found")
    if source.kind == "ImageStreamImage":
        events = [replace(event, generation=generation) for event in _images(found, wanted)]
    else:
        newest = found.latest(wanted)
        if newest is None:
            return [stream]
        events = [replace(newest, generation=generation)]
        if here:
            # The server changes the target's own event: the newest item of the target gets the new generation.
            history = stream.history[wanted or "latest"]
            stream = stream.with_history(wanted or "latest", replace(history, events=(events[0], *history.events[1:])))
    stream = stream.with_tag(name, tag)
    return [added(stream, name, event if tag.reference else _localised(event, found, stream)) for event in events]


def _images(stream: Stream, wanted: str) -> list[Event]:
    """Find the image that an id or its beginning names; one image can stand in history with several references."""
    found: list[Event] = []
    for history in stream.history.values():
        matching = [
            event
            for event in history.events
            if event.image.startswith(wanted) or event.image.partition(":")[2].startswith(wanted)
        ]
        found += matching[-1:]
        if len({event.image for event in (*matching, *found)}) > 1:
            raise InputError(422, f"multiple images match {wanted!r}")
    if not found:
        raise InputError(422, f"image {wanted!r} not found")
    return distinct(Event(event.image, event.reference) for event in found)


def _localised(event: Event, found: Stream, stream: Stream) -> Event:
    """Make a reference to the other stream's own repository one to this stream's."""
    reference = references.parsed(event.reference)
    if reference is None or reference.registry != INTERNAL_REGISTRY:
        return event
    if (reference.namespace, reference.name) != (found.meta.namespace, found.meta.name):
        return event
    own = replace(reference, namespace=stream.meta.namespace, name=stream.meta.name)
    return replace(event, reference=str(own))


def followed(stream: Stream, old: Stream | None) -> list[Stream]:
    """Let the aliases of each tag whose history moved follow it.

    Args:
        stream: The stream as it is to be written.
        old: The stream before; None if it is new, and then all its history counts as moved.

    Returns:
        Each stream that can come out.
    """
    leaders = {name for tag in stream.tags.values() if (name := _leader(stream, tag)) is not None}
    return _in_any_order(leaders, stream, lambda state, name: [_follow(state, name, old)])


def _leader(stream: Stream, tag: SpecTag) -> str | None:
    """Name the tag of the same stream that an alias follows."""
    if tag.source is None or tag.source.kind != "ImageStreamTag":
        return None
    if (tag.source.namespace or stream.meta.namespace) != stream.meta.namespace:
        return None
    name, colon, wanted = tag.source.name.partition(":")
    if not colon:
        return name
    return (wanted or "latest") if name == stream.meta.name else None


def _follow(stream: Stream, name: str, old: Stream | None) -> Stream:
    newest = stream.history[name].events[:1] if name in stream.history else ()
    if not newest or (old is not None and name in old.history and old.history[name].events[:1] == newest):
        return stream
    return tracked(stream, name, newest[0])


def tracked(stream: Stream, name: str, event: Event) -> Stream:
    """Put a tag's new event on the aliases that follow the tag, but not on those that follow these."""
    for follower, tag in stream.tags.items():
        if _leader(stream, tag) == name:
            stream = added(stream, follower, event)
    return stream
