"""The tally: what was asked and answered, and how the service fares.

Labels are bounded: no names, no users, nothing that a caller could make up. What a review says of itself (resource,
operation) comes from sets that its codec knows, and the rest from us or from the policy. Counters of a rule that the
policy no longer has stay until the pod ends, as counters must.
"""

from bisect import bisect_left
from collections import Counter as Tally
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import Histogram

from webhook.metrics.instruments import BUCKETS, RESULTS, Instruments
from webhook.metrics.shared import exposition, forget, registry
from webhook.model import Decision, Review
from webhook.policy import Policy
from webhook.policy.lint.catalogue import names

__all__ = ["CONTENT_TYPE", "Metrics", "forget"]
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_Labels = tuple[str, ...]
_Answer = tuple[_Labels, float, Iterable[_Labels], str | None, int, str]


class Metrics:
    """The metrics of one worker; those of all workers are read together through files that they share."""

    def __init__(self) -> None:
        self._registry = registry()
        self._of = Instruments(self._registry)
        # What was answered since the last flush: one thread appends, another takes, and nothing is lost between them.
        self._answers: deque[_Answer] = deque()
        self._in_force: tuple[str, str] | None = None

    def started(self, version: str) -> None:
        """Note that a worker of `version` began."""
        self._of.starts.inc()
        self._of.build.labels(version).set(1)

    def in_flight(self, requests: int) -> None:
        """Note how many requests this worker has in its hands."""
        self._of.in_flight.set(requests)

    def answered(self, webhook: str, review: Review, decision: Decision, seconds: float, *, written: bool) -> None:
        """Count one answer and its record, with the next `flush`: sharing it costs as much as ten rules."""
        verdict, exemption = decision.verdict, decision.exemption
        self._answers.append(
            (
                (webhook, review.resource, review.operation, verdict, "true" if review.dry_run else "false"),
                seconds,
                [
                    (finding.rule, finding.mode, verdict, "true" if finding.existing else "false")
                    for finding in decision.findings
                ]
                if decision.findings
                else (),
                exemption.name if exemption is not None else None,
                len(decision.patch),
                RESULTS[written],
            )
        )

    def malformed(self, status: int) -> None:
        """Count a request that was no review."""
        self._of.malformed.labels(str(status)).inc()

    def record_failed(self) -> None:
        """Count a record that could not be written, and whose review was not answered for it."""
        self._of.records.labels(RESULTS[False]).inc()

    def policy_loaded(self, policy: Policy, timestamp: float) -> None:
        """Note the policy now in force, loaded at `timestamp` (seconds since the epoch)."""
        self._of.loads.labels("loaded").inc()
        self._of.loaded.set(timestamp)
        if self._in_force is not None:
            self._of.policy.labels(*self._in_force).set(0)
        self._in_force = (policy.name, policy.digest[:19])
        self._of.policy.labels(*self._in_force).set(1)

    def policy_warned(self, warnings: Iterable[str]) -> None:
        """Note the warnings about the policy now in force, by their names."""
        found = Tally(warnings)
        for name in names():
            self._of.warnings.labels(name).set(found[name])

    def policy_refused(self) -> None:
        """Count a policy that could not be loaded."""
        self._of.loads.labels("denied").inc()

    def policy_current(self, *, current: bool) -> None:
        """Note whether the policy in force is the one that stands in its files."""
        self._of.last_load.set(1 if current else 0)

    def certificate(self, expiry: float) -> None:
        """Note when the serving certificate expires (seconds since the epoch)."""
        self._of.certificate.set(expiry)

    def fault(self) -> None:
        """Count a fault of ours."""
        self._of.faults.inc()

    def shed(self) -> None:
        """Count a request that was not evaluated, for there were too many."""
        self._of.shed.inc()

    def flush(self) -> None:
        """Share what was counted since; called about once a second, from another thread, and before it is shown."""
        requests, findings, exemptions, records = (Tally[_Labels]() for _ in range(4))
        durations: dict[str, list[float]] = {}
        operations = 0
        for labels, seconds, found, exemption, patched, result in self._taken():
            requests[labels] += 1
            records[result,] += 1
            findings.update(found)
            durations.setdefault(labels[0], []).append(seconds)
            operations += patched
            if exemption is not None:
                exemptions[exemption,] += 1
        for counter, tally in (
            (self._of.requests, requests),
            (self._of.findings, findings),
            (self._of.exemptions, exemptions),
            (self._of.records, records),
        ):
            for key, count in tally.items():
                counter.labels(*key).inc(count)
        if operations:
            self._of.patches.inc(operations)
        for webhook, observed in durations.items():
            _observe(self._of.duration.labels(webhook), observed)

    def _taken(self) -> Iterator[_Answer]:
        """Take what is there now; another flush may take some of it."""
        for _ in range(len(self._answers)):
            try:
                yield self._answers.popleft()
            except IndexError:
                return

    def exposition(self) -> bytes:
        """Return the metrics of all workers in Prometheus's text format."""
        self.flush()
        return exposition(self._registry)


def _observe(histogram: Histogram, observed: Iterable[float]) -> None:
    """Add many observations to `histogram` at once: the library would lock and share each by itself."""
    values, buckets = list(observed), Tally[int]()
    for each in values:
        buckets[bisect_left(BUCKETS, each)] += 1
    histogram._sum.inc(sum(values))  # noqa: SLF001 - the library has no call for this
    for bucket, count in buckets.items():
        histogram._buckets[bucket].inc(count)  # noqa: SLF001 - as above
