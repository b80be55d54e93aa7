"""The service's metrics, and the files through which those of several workers are read together."""

import os
import struct
from bisect import bisect_left
from collections import Counter as Tally
from collections import deque
from collections.abc import Iterable, Iterator
from time import sleep
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, Metric, generate_latest, multiprocess, values
from prometheus_client.registry import Collector

from webhook.model.decision import Decision
from webhook.model.review import Review
from webhook.policy.lint.catalogue import names
from webhook.policy.loading import Policy
from webhook.service.instruments import BUCKETS, POLICY, RESULTS, Instruments

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

    def policy_rejected(self) -> None:
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


# Where the workers share their files; prometheus_client reads it when it is imported, so it is set before this room is.
_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
_READS: Final = 20
_READ_SECONDS: Final = 0.01


def registry() -> CollectorRegistry:
    """Return the registry of this worker, whose metrics go into its own files where there is a directory for them."""
    if _DIRECTORY in os.environ:
        # Made in the worker, which forks no more: the library need not ask for the pid at each count.
        pid = os.getpid()
        values.ValueClass = values.MultiProcessValue(process_identifier=lambda: pid)  # type: ignore[no-untyped-call]
    return CollectorRegistry()


def exposition(own: CollectorRegistry) -> bytes:
    """Return the metrics of all workers in Prometheus's text format, those of `own` alone where none are shared."""
    shared = _DIRECTORY in os.environ
    everything = _Current(multiprocess.MultiProcessCollector(None) if shared else own)  # type: ignore[no-untyped-call]
    for _ in range(_READS):
        try:
            return generate_latest(everything)
        except struct.error:  # another worker has just made its file, and not yet filled it
            sleep(_READ_SECONDS)
    return generate_latest(everything)


def forget(pid: int) -> None:
    """Drop the gauges of a worker that ended; its counters stay until the pod ends, for a sum may not fall."""
    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


class _Current(Collector):
    """What another collector has, less the policies that are no longer in force: a shared file forgets no label."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterable[Metric]:
        """Yield each metric."""
        for metric in self._collector.collect():
            if metric.name == POLICY:
                metric.samples = [sample for sample in metric.samples if sample.value]
            yield metric
