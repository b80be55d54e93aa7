"""The import controller: which import it sends for a stream as it is.

Source: `pkg/image/controller` of openshift-controller-manager.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import references
from .imports import CHECKED
from .objects import History, ImportPolicy, Meta, Source, SpecTag, Stream
from .wanted import Import, Wanted, encode

INSECURE = "openshift.io/image.insecureRepository"


def wanted(stream: Stream) -> dict[str, Any] | None:
    """Say what the controller imports when it sees a stream.

    Args:
        stream: The stream.

    Returns:
        The body of its request; None if it needs nothing.
    """
    checked = bool(stream.meta.annotations.get(CHECKED))
    follows = bool(stream.repository) and not checked
    pending = {name: tag for name, tag in stream.tags.items() if _importable(tag) and _is_pending(stream, name, tag)}
    if not follows and not pending:
        return None
    tags = {name: tag for name, tag in stream.tags.items() if _importable(tag)} if follows else pending
    return _request(stream, tags, follows=follows)


def scheduled(stream: Stream) -> dict[str, Any] | None:
    """Say what the controller imports when a stream's scheduled tags are due."""
    due = replace(stream, tags={name: _due(stream, name, tag) for name, tag in stream.tags.items()})
    return wanted(due) if due.tags != stream.tags else None


def _importable(tag: SpecTag) -> bool:
    return tag.source is not None and tag.source.kind == "DockerImage" and not tag.reference


def _is_pending(stream: Stream, name: str, tag: SpecTag) -> bool:
    history = stream.history.get(name, History())
    seen = [event.generation for event in history.events[:1]]
    seen += [condition.generation for condition in history.conditions if condition.type == "ImportSuccess"][:1]
    return (tag.generation or 0) > max(seen, default=0)


def _due(stream: Stream, name: str, tag: SpecTag) -> SpecTag:
    """Make a scheduled tag ask for an import; one with a digest asks only until it has been imported."""
    if tag.source is None or not _importable(tag) or not tag.policy.scheduled:
        return tag
    reference, newest = references.parsed(tag.source.name), stream.latest(name)
    if reference is None or (reference.digest and newest is not None and newest.generation == tag.generation):
        return tag
    return replace(tag, generation=stream.meta.generation + 1)


def _request(stream: Stream, tags: dict[str, SpecTag], *, follows: bool) -> dict[str, Any]:
    images = tuple(
        Wanted(tag.source or Source(), name, tag.policy, tag.reference_policy) for name, tag in sorted(tags.items())
    )
    insecure = stream.meta.annotations.get(INSECURE) == "true"
    repository = Wanted(Source("DockerImage", stream.repository), None, ImportPolicy(insecure), "") if follows else None
    meta = stream.meta
    own = Meta(meta.name, meta.namespace, meta.uid, meta.version)
    return encode(Import(own, stores=True, images=images, repository=repository))
