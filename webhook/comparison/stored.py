"""What stands in a cluster, evaluated by two policies."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from webhook.cluster.client import Cluster
from webhook.comparison import Pair
from webhook.policy.loading import Policy
from webhook.report.outcome import ALLOW, Origin, Outcome
from webhook.scan.stream import completion, judged, key_of
from webhook.scan.walk import Selection, streams


def compare_cluster(cluster: Cluster, before: Policy, after: Policy) -> Iterator[Pair]:
    """Evaluate every image stream of `cluster`, and every tag of it, by both policies as a scan does.

    Raises:
        ClusterError: the cluster cannot be asked.
    """
    for stream in streams(cluster, Selection(), lambda *_: None):
        yield from _pairs(stream, before, after)


def _pairs(stream: Mapping[str, Any], before: Policy, after: Policy) -> Iterator[Pair]:
    """Yield a pair for the stream, with what the defaults would set in it, and one for each tag."""
    first, second = (dict(_outcomes(stream, policy)) for policy in (before, after))
    for title, outcome in second.items():
        yield Pair(first[title], outcome)


def _outcomes(stream: Mapping[str, Any], policy: Policy) -> Iterator[tuple[str, Outcome]]:
    """Yield what comes of a stream and of each of its tags, by what a person calls it."""
    found = {each.title: each for each in judged(stream, policy.for_stored_streams(), {})}
    key = key_of(stream)
    namespace, _, name = key.partition("/")
    nothing = Outcome(Origin(), ALLOW, "imagestreams", namespace=namespace, name=name)
    yield key, replace(found.pop(key, nothing), patch=completion(stream, policy))
    yield from found.items()
