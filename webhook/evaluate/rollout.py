"""Carries out a fix: one image stream after the other, imports in batches with pauses between them.

A fix is planned for one version of a stream and written for that version only. After a conflict, the stream is read
and planned again. So it is safe to interrupt and rerun.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from http import HTTPStatus
from threading import Event
from typing import Final

from webhook.cluster.client import JSON_PATCH, Cluster
from webhook.errors import ClusterError
from webhook.evaluate.fix import Fix
from webhook.evaluate.streams import STREAMS
from webhook.policy.policy import Policy

_TRIES: Final = 5  # as often as client-go's RetryOnConflict
_OVERTAKEN: Final = (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)


@dataclass(frozen=True, slots=True)
class Pace:
    """How many tags may be imported, and how fast.

    Attributes:
        limit: the maximum number of tags of a run, None for any number.
        batch: the maximum number of tags between two pauses.
        pause: seconds between two batches.
    """

    limit: int | None = None
    batch: int = 10
    pause: int = 30


class Budget:
    """The remainder of a Pace."""

    def __init__(self, pace: Pace | None, tell: Callable[[str], object]) -> None:
        """Take a pace, None if nothing may be imported, and a function that reports a pause."""
        self._tell = tell
        self._pause = pace.pause if pace else 0
        self._batch = pace.batch if pace else 0
        self._left: float = 0 if pace is None else float("inf") if pace.limit is None else pace.limit
        self._now = self._batch

    @property
    def spent(self) -> bool:
        """Whether nothing more may be imported in this run."""
        return self._left <= 0

    @property
    def most(self) -> int:
        """How many tags may be imported before the next pause."""
        return int(min(self._now, self._left))

    def spend(self, tags: int) -> None:
        """Subtract imported tags."""
        self._now -= tags
        self._left -= tags

    def wait(self, interrupted: Event) -> None:
        """If this batch is used up and another is allowed, begin it after the pause or an interrupt."""
        if self._now > 0 or self.spent:
            return
        if self._pause:
            self._tell(f"waiting {self._pause} s before the next {self._batch} tags")
        _sleep(interrupted, self._pause)
        self._now = self._batch


def _sleep(interrupted: Event, seconds: float) -> None:
    """Wait; an interrupt ends it."""
    until = time.monotonic() + seconds
    while not interrupted.is_set() and (left := until - time.monotonic()) > 0:
        interrupted.wait(left)


@dataclass(frozen=True, slots=True)
class Applied:
    """The result for one stream.

    Attributes:
        done: the settings that were made.
        rest: the settings that were left.
        spent: how many tags may have been imported: if an answer is lost, its tags are found already set.
    """

    done: Fix
    rest: Fix
    spent: int


def apply(
    cluster: Cluster, key: str, policy: Policy, planned: Collection[str] = (), most: int = 0, tries: int = _TRIES
) -> Applied | None:
    """Make the settings that the tags of one stream lack now; None if the stream no longer exists.

    Args:
        cluster: the cluster.
        key: the `namespace/name` of the stream.
        policy: the policy with the defaults.
        planned: the tags that may be imported.
        most: how many of them may be imported now.
        tries: how often to plan again after a conflict.

    Raises:
        ClusterError: the API server or a webhook denies it, or the stream changes faster than it can be planned.
    """
    namespace, _, name = key.partition("/")
    try:
        plan = Fix.of(cluster.get(STREAMS, name, namespace), policy)
        allowed = [tag for tag in plan.importing if tag in planned][:most]
        done, rest = plan.divided(allowed)
        if done.tags:
            try:
                cluster.patch(STREAMS, name, done.patch(), namespace, content_type=JSON_PATCH)
            except ClusterError as error:
                # A patch of tags that no longer exist is denied (422) before its version is compared (409).
                now = error.status in _OVERTAKEN and cluster.get(STREAMS, name, namespace)
                if not now or tries == 1 or now == plan.stream:
                    raise
                again = apply(cluster, key, policy, allowed, most, tries - 1)
                return again and replace(again, spent=len(allowed))
    except ClusterError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    return Applied(done, rest, len(allowed))


def complete(
    cluster: Cluster,
    key: str,
    policy: Policy,
    tags: Collection[str],
    budget: Budget,
    interrupted: Event,
    told: Callable[[Fix], object],
) -> Fix | None:
    """Complete one stream, in as many batches as needed, and return what was left, None if nothing was.

    Args:
        cluster: the cluster.
        key: the `namespace/name` of the stream.
        policy: the policy with the defaults.
        tags: the tags that may be imported.
        budget: how many of them may be imported, and how fast.
        interrupted: is set when no further batch may begin.
        told: is called with each part that was set.

    Raises:
        ClusterError: the API server or a webhook denies it.
    """
    while True:
        if tags:
            budget.wait(interrupted)
        applied = apply(cluster, key, policy, tags, 0 if interrupted.is_set() else budget.most)
        if applied is None:
            return None
        told(applied.done)
        budget.spend(applied.spent)
        if not applied.rest.tags:
            return None
        if budget.spent or interrupted.is_set() or not set(tags).intersection(applied.rest.importing):
            return applied.rest
