"""The image streams of a cluster, in chunks: nothing is kept of those that were seen but the last one's name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from webhook.admission.codec import GROUP, VERSION
from webhook.cluster.client import Cluster, Resource
from webhook.errors import ClusterError
from webhook.resources.imagestreams import NAME
from webhook.scan.stream import key_of

STREAMS: Final = Resource(GROUP, VERSION, NAME)
_PATIENCE: Final = 5  # lists that expire one after the other before anything new was seen


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a list.

    Attributes:
        items: image streams as the API server returns them, in the order of their `key_of`.
        remaining: how many there are beside in the same list, None where the API server does not say.
    """

    items: tuple[Mapping[str, Any], ...]
    remaining: int | None


def chunks(cluster: Cluster, namespace: str, *, selector: str, size: int) -> Iterator[Chunk]:
    """Yield the streams of a namespace, each once.

    A list expires (410) where the cluster forgets its version while it is read, which takes minutes. It goes on from
    the token that the API server gives for that, else it begins anew and leaves out what was seen.

    Args:
        cluster: where from.
        namespace: the namespace, "" for all.
        selector: a label selector, "" for all.
        size: how many streams to ask for at a time.

    Raises:
        ClusterError: the API server cannot be reached, or denies.
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
            if not error.expired or expired > _PATIENCE:
                raise
            token = error.token
            if not token:
                seen = last
        else:
            return
