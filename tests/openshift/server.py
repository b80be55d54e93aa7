"""The server's state, a request to it, an outcome, and a request that is under way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from .admission import Admission, Review
from .choices import Choices
from .objects import Document, InputError, Stream
from .registry import Registries

T = TypeVar("T")
Key = tuple[str, str]
Codec = tuple[Callable[[T], Document], Callable[[Document], T]]


@dataclass(frozen=True)
class Rights:
    """Additional rights of users besides writing image resources in their own namespaces.

    Args:
        status_writers: Who may write `imagestreams/status`.
        pullers: For each namespace, who may pull from it; a namespace that is not listed is open to all.
    """

    status_writers: frozenset[str] = frozenset()
    pullers: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def may_pull(self, user: str, namespace: str) -> bool:
        """Say whether a user may pull from a namespace."""
        return namespace not in self.pullers or user in self.pullers[namespace]


@dataclass(frozen=True)
class Cluster:
    """The state.

    Args:
        streams: The image streams, by namespace and name.
        images: The names of the image objects.
        hidden_images: Whether there may be image objects that are not known.
        registries: What imports find.
        rights: What users may do.
        clock: Counts the writes; it makes resource versions and uids.
    """

    streams: Mapping[Key, Stream] = field(default_factory=dict)
    images: frozenset[str] = frozenset()
    hidden_images: bool = False
    registries: Registries = field(default_factory=Registries)
    rights: Rights = Rights()
    clock: int = 0


@dataclass(frozen=True)
class Request:
    """A request to the API server; all its parts as they go over the wire."""

    user: str
    method: str
    resource: str
    namespace: str
    name: str = ""
    body: Any = None
    content_type: str = "application/json"
    dry_run: bool = False
    selector: str = ""


@dataclass(frozen=True)
class Outcome:
    """One way in which a request can end.

    Args:
        code: The HTTP status code.
        reviews: What webhooks were asked, in order.
        cluster: The state after it.
        answer: The object that is answered, or what an import found; None for the others.
        message: Why it was denied, in our words.
    """

    code: int
    reviews: tuple[Review, ...]
    cluster: Cluster
    answer: Any = None
    message: str = ""


class Call:
    """One request under way: it reads and writes a state of its own, and asks webhooks."""

    def __init__(self, cluster: Cluster, request: Request, admission: Admission, choices: Choices) -> None:
        self.cluster = cluster
        self.request = request
        self.admission = admission
        self.choices = choices
        self.reviews: list[Review] = []
        self.answer: Any = None

    def mutate(self, operation: str, name: str, new: Document | None, old: Document | None) -> Document | None:
        """Ask the mutating webhook.

        Returns:
            The object after its patch; None if it patched nothing.
        """
        after = self.admission.mutate(self._review("mutate", operation, name, new, old))
        return None if after == new else after

    def mutated(self, operation: str, thing: T, codec: Codec[T], old: Document | None = None) -> T:
        """Call the mutating webhook with an object in memory, and read it again if it was patched."""
        encode, decode = codec
        document = encode(thing)
        name = self.request.name or document["metadata"].get("name", "")
        after = self.mutate(operation, name, document, old)
        return thing if after is None else decode(after)

    def validate(self, operation: str, name: str, new: Document | None, old: Document | None) -> None:
        """Ask the validating webhook.

        Raises:
            InputError: It denies the request.
        """
        denial = self.admission.validate(self._review("validate", operation, name, new, old))
        if denial is not None:
            raise InputError(422, denial)

    def _review(self, webhook: str, operation: str, name: str, new: Document | None, old: Document | None) -> Review:
        request = self.request
        kind = (new or old or {}).get("kind", "")
        review = Review(
            webhook, operation, request.resource, kind, name, request.namespace, request.user, request.dry_run, new, old
        )
        self.reviews.append(review)
        return review

    def stream(self, name: str, namespace: str | None = None) -> Stream | None:
        """Read a stream of the request's namespace, or of another one."""
        return self.cluster.streams.get((namespace or self.request.namespace, name))

    def read(self, name: str) -> Stream | None:
        """Read a stream as a client does."""
        stream = self.stream(name)
        return None if stream is None else stream.decorated()

    def tick(self) -> str:
        """Return something that no object has had as its version or uid."""
        self.cluster = replace(self.cluster, clock=self.cluster.clock + 1)
        return f"new-{self.cluster.clock}"

    def put(self, stream: Stream | None, name: str) -> None:
        """Store a stream, or delete it."""
        key = self.request.namespace, name
        streams = {known: value for known, value in self.cluster.streams.items() if known != key}
        self.cluster = replace(self.cluster, streams=streams if stream is None else {**streams, key: stream})
