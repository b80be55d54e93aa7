"""What the policy's defaults would complete in a cluster, and the PATCH that does it.

A completion is planned of one version of a stream and written against that version alone: where somebody else was
faster, the stream is read and planned again. So it may be broken off at any time and repeated.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from webhook.cluster import Cluster
from webhook.cluster.client import JSON_PATCH
from webhook.errors import ClusterRefused
from webhook.model import PatchOp
from webhook.policy import Policy
from webhook.review import operation
from webhook.scan.listing import STREAMS
from webhook.scan.stream import completion, key_of
from webhook.text import printable

_TRIES: Final = 5  # as often as client-go's RetryOnConflict
_OVERTAKEN: Final = (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)


@dataclass(frozen=True, slots=True)
class Fix:
    """What one stream lacks.

    Attributes:
        stream: the stream as it was read.
        patch: what completes it.
    """

    stream: Mapping[str, Any]
    patch: tuple[PatchOp, ...]

    @classmethod
    def of(cls, stream: Mapping[str, Any], policy: Policy) -> "Fix | None":
        """Return what `policy` completes in `stream`, None where nothing is missing."""
        patch = completion(stream, policy)
        return cls(stream, patch) if patch else None

    def lines(self) -> Iterator[tuple[str, str, Any]]:
        """Yield the tag, the field and the value of each operation, as `namespace/stream:tag`, a path and JSON."""
        for each in self.patch:
            _, _, _, index, *field = (part.replace("~1", "/").replace("~0", "~") for part in each.path.split("/"))
            tag = self.stream["spec"]["tags"][int(index)].get("name")
            yield printable(f"{key_of(self.stream)}:{tag}"), ".".join(field), each.value

    def body(self) -> list[dict[str, Any]]:
        """Return the JSON Patch; the version that it sets is the one it is for: the API server refuses any other."""
        version = PatchOp("add", "/metadata/resourceVersion", self.stream["metadata"]["resourceVersion"])
        return [operation(each) for each in (version, *self.patch)]


def apply(cluster: Cluster, key: str, policy: Policy, tries: int = _TRIES) -> Fix | None:
    """Complete one stream as it is now, and return what was set; None where nothing is missing, or it is gone.

    Args:
        cluster: where it is.
        key: its `namespace/name`.
        policy: whose defaults are applied.
        tries: how often to plan anew where somebody else was faster.

    Raises:
        ClusterRefused: the API server does not take it, or a webhook that it asks, or it changes faster than we plan.
    """
    namespace, _, name = key.partition("/")
    try:
        planned = Fix.of(cluster.get(STREAMS, name, namespace), policy)
        if planned is None:
            return None
        try:
            cluster.patch(STREAMS, name, planned.body(), namespace, content_type=JSON_PATCH)
        except ClusterRefused as error:
            # A patch of tags that are not there any more is refused (422) before its version is looked at (409).
            if error.status not in _OVERTAKEN or tries == 1 or cluster.get(STREAMS, name, namespace) == planned.stream:
                raise
            return apply(cluster, key, policy, tries - 1)
    except ClusterRefused as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    return planned
