"""The metrics of the service, and the files that combine those of several workers."""

import os
import struct
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from time import sleep
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest, multiprocess, values
from prometheus_client.registry import Collector

from webhook.model.decision import Decision
from webhook.model.review import Review
from webhook.policy.lint.checks import names
from webhook.policy.policy import Policy
from webhook.service.instruments import BUCKETS, ENDS, POLICY, RESULTS, Instruments

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_Labels = tuple[str, ...]


@dataclass(slots=True)
class _Counts:
    """The counts since the last flush.

    Attributes:
        buckets: observed durations, by webhook and position of the bucket.
        seconds: their sums, by webhook.
    """

    requests: Tally[_Labels] = field(default_factory=Tally)
    records: Tally[_Labels] = field(default_factory=Tally)
    findings: Tally[_Labels] = field(default_factory=Tally)
    exemptions: Tally[_Labels] = field(default_factory=Tally)
    buckets: Tally[tuple[str, int]] = field(default_factory=Tally)
    seconds: dict[str, float] = field(default_factory=dict)
    patches: int = 0


class Metrics:
    """The metrics of one worker, in files from which any worker can read those of all."""

    def __init__(self) -> None:
        self._registry = registry()
        self._of = Instruments(self._registry)
        self._counts, self._lock = _Counts(), Lock()
        self._in_force: tuple[str, str] | None = None
        self._ending: set[tuple[str, str]] = set()

    def started(self, version: str) -> None:
        """Record that a worker of `version` started."""
        self._of.starts.inc()
        self._of.build.labels(version).set(1)

    def in_flight(self, requests: int) -> None:
        """Set the number of requests in progress in this worker."""
        self._of.in_flight.set(requests)

    def answered(self, webhook: str, review: Review, decision: Decision, seconds: float, *, written: bool) -> None:
        """Count one answer and its record; updating a shared file costs as much as ten rules, so `flush` does that."""
        verdict, exemption = decision.verdict, decision.exemption
        requested = webhook, review.resource, review.operation, verdict, "true" if review.dry_run else "false"
        with self._lock:
            counts = self._counts
            counts.requests[requested] += 1
            counts.records[RESULTS[written],] += 1
            counts.buckets[webhook, bisect_left(BUCKETS, seconds)] += 1
            counts.seconds[webhook] = counts.seconds.get(webhook, 0.0) + seconds
            for finding in decision.findings:
                counts.findings[finding.rule, finding.mode, verdict, "true" if finding.existing else "false"] += 1
            if exemption is not None:
                counts.exemptions[exemption.name,] += 1
            counts.patches += len(decision.patch)

    def malformed(self, status: int) -> None:
        """Count a request that is not a valid review."""
        self._of.malformed.labels(str(status)).inc()

    def record_failed(self) -> None:
        """Count a record that could not be written, so that the review was answered with an error."""
        self._of.records.labels(RESULTS[False]).inc()

    def policy_loaded(self, policy: Policy, timestamp: float) -> None:
        """Set the current policy, loaded at `timestamp` (seconds since the epoch)."""
        self._of.loads.labels("loaded").inc()
        self._of.loaded.set(timestamp)
        if self._in_force is not None:
            self._of.policy.labels(*self._in_force).set(0)
        self._in_force = (policy.name, policy.digest[:19])
        self._of.policy.labels(*self._in_force).set(1)
        ends = {
            (part, entry.name): entry.period.end.timestamp()
            for part, entries in (("exemptions", policy.exemptions), ("rules", policy.rules))
            for entry in entries
            if entry.period is not None and entry.period.end is not None
        }
        for labels in self._ending - ends.keys():
            self._of.ends.labels(*labels).set(0)
        for labels, end in ends.items():
            self._of.ends.labels(*labels).set(end)
        self._ending = set(ends)

    def policy_warned(self, warnings: Iterable[str]) -> None:
        """Set the warnings about the current policy, by name."""
        found = Tally(warnings)
        for name in names():
            self._of.warnings.labels(name).set(found[name])

    def policy_rejected(self) -> None:
        """Count a policy that could not be loaded."""
        self._of.loads.labels("denied").inc()

    def policy_current(self, *, current: bool) -> None:
        """Set whether the current policy is the one in its files."""
        self._of.last_load.set(1 if current else 0)

    def certificate(self, expiry: float) -> None:
        """Set the expiry of the serving certificate (seconds since the epoch)."""
        self._of.certificate.set(expiry)

    def fault(self) -> None:
        """Count an internal error."""
        self._of.faults.inc()

    def shed(self) -> None:
        """Count a request that was not evaluated because of overload."""
        self._of.shed.inc()

    def flush(self) -> None:
        """Write the counts to the shared files; called once a second from another thread, and before an exposition."""
        with self._lock:
            counts, self._counts = self._counts, _Counts()
        for counter, tally in (
            (self._of.requests, counts.requests),
            (self._of.records, counts.records),
            (self._of.findings, counts.findings),
            (self._of.exemptions, counts.exemptions),
        ):
            for labels, count in tally.items():
                counter.labels(*labels).inc(count)
        if counts.patches:
            self._of.patches.inc(counts.patches)
        for (webhook, bucket), count in counts.buckets.items():
            histogram = self._of.duration.labels(webhook)
            histogram._buckets[bucket].inc(count)  # noqa: SLF001 - the library has no call for many observations
        for webhook, seconds in counts.seconds.items():
            self._of.duration.labels(webhook)._sum.inc(seconds)  # noqa: SLF001 - as above

    def exposition(self) -> bytes:
        """Return the metrics of all workers in Prometheus' text format."""
        self.flush()
        return exposition(self._registry)


# The directory of the shared files. prometheus_client reads this variable on import, so it must be set before that.
_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
_READS: Final = 20
_READ_SECONDS: Final = 0.01


def registry() -> CollectorRegistry:
    """Return the registry of this worker; its metrics go to shared files if there is a directory for them."""
    if _DIRECTORY in os.environ:
        # A worker never forks, so the library need not read the pid for each count.
        pid = os.getpid()
        values.ValueClass = values.MultiProcessValue(process_identifier=lambda: pid)  # type: ignore[no-untyped-call]
    return CollectorRegistry()


def exposition(own: CollectorRegistry) -> bytes:
    """Return the metrics of all workers in Prometheus' text format, or only those of `own` if none are shared."""
    shared = _DIRECTORY in os.environ
    everything = _Current(multiprocess.MultiProcessCollector(None) if shared else own)  # type: ignore[no-untyped-call]
    for _ in range(_READS):
        try:
            return generate_latest(everything)
        except struct.error:  # another worker has created its file, and not filled it yet
            sleep(_READ_SECONDS)
    return generate_latest(everything)


def forget(pid: int) -> None:
    """Remove the gauges of an ended worker; its counters stay, because a sum must not decrease."""
    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


class _Current(Collector):
    """Hides in another collector what is no longer of the current policy, because a shared file keeps every label."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterable[Metric]:
        """Yield each metric."""
        for metric in self._collector.collect():
            if metric.name in (POLICY, ENDS):
                metric.samples = [sample for sample in metric.samples if sample.value]
            yield metric
