"""The selected image streams of a cluster, listed in chunks; only the last chunk stays in memory."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from webhook.cluster.client import Cluster, Resource
from webhook.errors import ClusterError
from webhook.globs.matching import Glob, any_matches
from webhook.report.shape import Shard
from webhook.resources.catalog import STREAM
from webhook.resources.objects import GROUP, VERSION

_NAMESPACES: Final = Resource("", "v1", "namespaces")
STREAMS: Final = Resource(GROUP, VERSION, STREAM.name)
_EVERYWHERE: Final = ""
_MOST_EXPIRED: Final = 5  # consecutive lists that expire without a new item


# Called with the number of streams done, and of the remaining ones if known.
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected part of a cluster.

    Attributes:
        namespaces: globs of namespaces, () for all.
        selector: a label selector of streams, "" for all.
        shard: the selected part of the namespaces; a namespace is never divided.
        chunk: how many streams to list per request.
    """

    namespaces: tuple[Glob, ...] = ()
    selector: str = ""
    shard: Shard = Shard()
    chunk: int = 100

    def holds(self, namespace: str) -> bool:
        """Whether the streams of `namespace` are selected."""
        named = not self.namespaces or any_matches(self.namespaces, namespace)
        return named and self.shard.holds(namespace.encode())

    @property
    def everywhere(self) -> bool:
        """Whether all namespaces are selected."""
        return not self.namespaces and self.shard.count == 1

    def lists(self, cluster: Cluster) -> list[str]:
        """Return the namespaces to list, or only "" for all at once, so that nothing else is read.

        Namespaces are listed if there are globs or a shard, else looked up one by one.

        Raises:
            ClusterError: they cannot be listed, or a named one does not exist.
        """
        if self.everywhere:
            return [_EVERYWHERE]
        patterns = {glob.pattern for glob in self.namespaces}
        found = named = {pattern for pattern in patterns if "*" not in pattern}
        if not named or named != patterns:
            found = {item["metadata"]["name"] for page in cluster.pages(_NAMESPACES) for item in page.items}
        for name in sorted(filter(self.holds, named)):
            _look_up(cluster, name)
        # In the order in which the streams of all of them would be listed: "team-a/" precedes "team/".
        return sorted(filter(self.holds, found), key=lambda name: f"{name}/")


def _look_up(cluster: Cluster, namespace: str) -> None:
    """Raise ClusterError if a namespace does not exist; a user without access to it may still list its streams."""
    try:
        cluster.get(_NAMESPACES, namespace)
    except ClusterError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise


def streams(cluster: Cluster, selection: Selection, progress: Progress) -> Iterator[Mapping[str, Any]]:
    """Yield the selected image streams, grouped by namespace.

    Raises:
        ClusterError: the API server cannot be reached, or denies a request.
    """
    done = 0
    for namespace in selection.lists(cluster):
        for chunk in chunks(cluster, namespace, selector=selection.selector, size=selection.chunk):
            for position, stream in enumerate(chunk.items, 1):
                yield stream
                left = len(chunk.items) - position
                progress(done + position, chunk.remaining + left if chunk.remaining is not None else None)
            done += len(chunk.items)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a list.

    Attributes:
        items: image streams as the API server returns them, in the order of their `key_of`.
        remaining: how many more the list has, None if the API server does not say.
    """

    items: tuple[Mapping[str, Any], ...]
    remaining: int | None


def chunks(cluster: Cluster, namespace: str, *, selector: str, size: int) -> Iterator[Chunk]:
    """Yield the streams of a namespace, each once.

    A list expires (410) if the cluster drops its version while it is read, which takes minutes. The list continues from
    the token in that answer, or else starts over and skips what was seen.

    Args:
        cluster: the cluster.
        namespace: the namespace, "" for all.
        selector: a label selector, "" for all.
        size: how many streams to list per request.

    Raises:
        ClusterError: the API server cannot be reached, or denies a request.
    """
    selectors = {"labelSelector": selector} if selector else {}
    token, last, seen, expired = "", "", "", 0
    while True:
        try:
            for page in cluster.pages(STREAMS, namespace, limit=size, token=token, **selectors):
                items = tuple(item for item in page.items if not seen or key_of(item) > seen)
                if items:
                    last, expired = key_of(items[-1]), 0
                yield Chunk(items, page.remaining)
        except ClusterError as error:
            expired += 1
            if not error.expired or expired > _MOST_EXPIRED:
                raise
            token = error.token
            if not token:
                seen = last
        else:
            return


def key_of(stream: Mapping[str, Any]) -> str:
    """Return `namespace/name`, the order in which an API server lists streams."""
    metadata = stream["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}"
