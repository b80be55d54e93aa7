"""The objects of the model: image streams with tags and history, as openshift-apiserver holds them in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

NOW = "2000-01-01T00:00:00Z"  # the recorded sequences have this in place of the time of the run
INTERNAL_REGISTRY = "image-registry.openshift-image-registry.svc:5000"
EXTERNAL_REGISTRY = "default-route-openshift-image-registry.apps.example.test"

Document = Mapping[str, Any]


class InputError(Exception):
    """The API server answers with an error.

    Args:
        code: The HTTP status code.
        message: Why, in our words; messages are not part of the model.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Source:
    """A tag's `from`."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


@dataclass(frozen=True)
class ImportPolicy:
    """A tag's `importPolicy`."""

    insecure: bool = False
    scheduled: bool = False
    mode: str = ""


@dataclass(frozen=True)
class SpecTag:
    """An entry of `spec.tags`, the `tag` of an ImageStreamTag, the `spec` of an ImageTag."""

    name: str = ""
    source: Source | None = None
    reference: bool = False
    generation: int | None = None
    policy: ImportPolicy = ImportPolicy()
    reference_policy: str = ""
    annotations: Mapping[str, str] | None = None

    def differs(self, other: SpecTag) -> bool:
        """Say whether two tags differ as Kubernetes compares them: no annotations equal an empty map."""
        mine, theirs = (replace(tag, name="", annotations=tag.annotations or None) for tag in (self, other))
        return mine != theirs


@dataclass(frozen=True)
class Event:
    """An item of a tag's history."""

    image: str
    reference: str
    generation: int = 0
    created: str = NOW


@dataclass(frozen=True)
class Condition:
    """A condition of a tag."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    generation: int = 0
    since: str = NOW

    def repeats(self, other: Condition) -> bool:
        """Say whether the same was reported before, at whatever time and generation."""
        mine, theirs = (replace(condition, generation=0, since="") for condition in (self, other))
        return mine == theirs


@dataclass(frozen=True)
class History:
    """An entry of `status.tags`: the newest event is the first."""

    events: tuple[Event, ...] = ()
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Meta:
    """The parts of `metadata` that the model knows; `rest` holds the others as they were sent."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    version: str = ""
    generation: int = 0
    created: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    rest: Document = field(default_factory=dict)


Path = tuple[str, ...]


@dataclass(frozen=True)
class Stream:
    """An image stream.

    Args:
        meta: Its metadata.
        repository: `spec.dockerImageRepository`.
        local: `spec.lookupPolicy.local`.
        tags: `spec.tags` by name.
        history: `status.tags` by tag.
        shown: The two names of its own repository in the status; a status write stores what it was given.
        owners: `metadata.managedFields`: the fields that each manager owns.
    """

    meta: Meta
    repository: str = ""
    local: bool = False
    tags: Mapping[str, SpecTag] = field(default_factory=dict)
    history: Mapping[str, History] = field(default_factory=dict)
    shown: tuple[str, str] = ("", "")
    owners: Mapping[str, frozenset[Path]] = field(default_factory=dict)

    @property
    def own_repository(self) -> str:
        """The repository of this stream in the internal registry."""
        return f"{INTERNAL_REGISTRY}/{self.meta.namespace}/{self.meta.name}"

    def latest(self, tag: str) -> Event | None:
        """Return the newest event of a tag; no tag means `latest`."""
        events = self.history.get(tag or "latest", History()).events
        return events[0] if events else None

    def decorated(self) -> Stream:
        """Fill in the names of the stream's own repository, as reading it does."""
        meta = self.meta
        return replace(self, shown=(self.own_repository, f"{EXTERNAL_REGISTRY}/{meta.namespace}/{meta.name}"))

    def with_history(self, tag: str, history: History) -> Stream:
        """Return the stream with another history of one tag."""
        return replace(self, history={**self.history, tag: history})

    def with_tag(self, name: str, tag: SpecTag) -> Stream:
        """Return the stream with another spec tag."""
        return replace(self, tags={**self.tags, name: replace(tag, name=name)})


def added(stream: Stream, tag: str, event: Event) -> Stream:
    """Put an event on a tag's history: repetitions collapse, and whatever succeeds clears the conditions.

    Args:
        stream: The stream.
        tag: The name of the tag.
        event: What the tag means from now on.

    Returns:
        The stream with the event; the same one if nothing changed.
    """
    history = stream.history.get(tag, History())
    if not history.events:
        return stream.with_history(tag, History((event,)))
    newest, *older = history.events
    if (newest.reference, newest.image, newest.generation) == (event.reference, event.image, event.generation):
        return stream
    if newest.reference == event.reference or newest.image == event.image:
        same = replace(newest, reference=event.reference, image=event.image, generation=event.generation)
        return stream.with_history(tag, History((same, *older)))
    return stream.with_history(tag, History((event, *history.events)))
