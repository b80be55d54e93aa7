"""How an image stream is written: what is put back, which generations rise, what is valid.

Source: `registry/imagestream/strategy.go` and `apis/image/validation` of openshift-apiserver.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from . import references
from .aliases import ALIASES, changed_tags, is_changed, target
from .objects import History, ImportPolicy, InputError, SpecTag, Stream

_STREAM_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", re.ASCII)
_LONGEST_NAME = 255
_IMPORT_MODES = ("", "Legacy", "PreserveOriginal")
_REFERENCE_POLICIES = ("Source", "Local")


def prepared_new(stream: Stream, *, keep_status: bool) -> Stream:
    """Prepare a stream for creation: generation 1, and no status unless an import wrote it."""
    tags = {name: replace(tag, name=name, generation=1) for name, tag in stream.tags.items()}
    history = stream.history if keep_status else {}
    return replace(stream, meta=replace(stream.meta, generation=1), tags=tags, history=history).decorated()


def prepared(new: Stream, old: Stream, *, keep_status: bool) -> Stream:
    """Prepare a stream for an update of its spec.

    Args:
        new: The stream as it was sent.
        old: The stream as it is stored.
        keep_status: Whether the history that was sent counts: only for the server's own writes.

    Returns:
        The stream with its generations.
    """
    tags = {name: _kept_generation(tag, old.tags.get(name)) for name, tag in new.tags.items()}
    rose = (new.repository, new.local) != (old.repository, old.local) or _differ(tags, old.tags)
    generation = old.meta.generation + (1 if rose else 0)
    for name, tag in tags.items():
        before = old.tags.get(name)
        if before is None or is_changed(before, tag, new.meta.namespace) or not tag.generation:
            tags[name] = replace(tag, generation=generation)
    history = _collapsed(new.history) if keep_status else old.history
    return replace(new, meta=replace(new.meta, generation=generation), tags=tags, history=history).decorated()


def _kept_generation(tag: SpecTag, old: SpecTag | None) -> SpecTag:
    """Put a generation back unless it is 0, which asks for a new import."""
    return tag if tag.generation == 0 or old is None else replace(tag, generation=old.generation)


def _differ(tags: Mapping[str, SpecTag], old: Mapping[str, SpecTag]) -> bool:
    return tags.keys() != old.keys() or any(tag.differs(old[name]) for name, tag in tags.items())


def _collapsed(history: Mapping[str, History]) -> Mapping[str, History]:
    return {tag: entry for tag, entry in history.items() if entry.events or entry.conditions}


def prepared_status(new: Stream, old: Stream) -> Stream:
    """Prepare a stream for a status write: tags and repository are put back; a generation of 0 is filled in."""
    stream = replace(new, tags=old.tags, repository=old.repository)
    for tag, history in new.history.items():
        if not history.events or history.events[0].generation:
            continue
        newest, before = history.events[0], old.latest(tag)
        spec = stream.tags.get(tag)
        moved = before is not None and (
            (before.image, before.reference) != (newest.image, newest.reference) or before.generation > 0
        )
        own = moved and spec is not None and spec.generation is not None
        generation = spec.generation if own and spec is not None else new.meta.generation
        filled = replace(newest, generation=generation or 0)
        stream = stream.with_history(tag, replace(history, events=(filled, *history.events[1:])))
    return stream


def check_meta(new: Stream, old: Stream) -> None:
    """Hold the metadata of an update against what cannot change."""
    if new.meta.uid != old.meta.uid or new.meta.name != old.meta.name or new.meta.created != old.meta.created:
        raise InputError(422, "metadata: field is immutable")


def check_stream(stream: Stream) -> None:
    """Validate a stream.

    Raises:
        InputError: It is not valid.
    """
    name, namespace = stream.meta.name, stream.meta.namespace
    if not _STREAM_NAME.fullmatch(name) or len(f"{namespace}/{name}") > _LONGEST_NAME:
        raise InputError(422, f"metadata.name: {name!r} is not the name of an image stream")
    if stream.repository:
        reference = references.parsed(stream.repository)
        if reference is None or reference.tag or reference.digest:
            raise InputError(422, "spec.dockerImageRepository: is no repository")
    for tag in stream.tags.values():
        check_tag(tag)
    check_history(stream)


def check_history(stream: Stream, old: Stream | None = None) -> None:
    """Validate the references in the history, but not those that were there before."""
    known = {event.reference for history in old.history.values() for event in history.events} if old else set()
    for history in stream.history.values():
        for event in history.events:
            if event.reference not in known and references.parsed(event.reference) is None:
                raise InputError(422, f"status.tags: {event.reference!r} is no reference")


def check_tag(tag: SpecTag) -> None:
    """Validate a spec tag.

    Raises:
        InputError: It is not valid.
    """
    source = tag.source
    if source is not None:
        if not source.name:
            raise InputError(422, "from.name: required")
        if source.kind == "DockerImage":
            if references.parsed(source.name) is None:
                raise InputError(422, f"from.name: {source.name!r} is no reference")
        elif source.kind not in ALIASES:
            raise InputError(422, "from.kind: valid values are DockerImage, ImageStreamImage, ImageStreamTag")
        elif tag.policy.scheduled:
            raise InputError(422, "importPolicy.scheduled: only tags pointing to Docker repositories may be scheduled")
    if tag.reference_policy not in _REFERENCE_POLICIES:
        raise InputError(422, "referencePolicy.type: valid values are Source, Local")
    check_policy(tag.policy)


def check_policy(policy: ImportPolicy) -> None:
    """Validate an import policy."""
    if policy.mode not in _IMPORT_MODES:
        raise InputError(422, "importPolicy.importMode: valid modes are '', 'Legacy', 'PreserveOriginal'")


def foreign(old: Mapping[str, SpecTag], stream: Stream) -> set[tuple[str, str]]:
    """List the streams of other namespaces that changed tags name: who writes must be allowed to pull from them."""
    return {
        target(stream, tag)[:2]
        for name in changed_tags(old, stream)
        if (source := (tag := stream.tags[name]).source) and source.namespace not in ("", stream.meta.namespace)
    }
