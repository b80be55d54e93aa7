"""The tally: what was asked and answered, and how the service fares.

Labels are bounded: no names, no users, nothing that a caller could make up. What a review says of itself (door,
operation) comes from sets that its codec knows, and the rest from us or from the policy. Counters of a rule that the
policy no longer has stay until the pod ends, as counters must.
"""

import os
import struct
from bisect import bisect_left
from collections import Counter as Tally
from collections import deque
from collections.abc import Iterable, Iterator
from time import sleep
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    generate_latest,
    multiprocess,
    values,
)
from prometheus_client.registry import Collector

from webhook.model import Decision, Review
from webhook.policy import Policy

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# Where the workers share their files; prometheus_client reads it when it is imported, so it is set before this room is.
DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
_READS: Final = 20
_READ_SECONDS: Final = 0.01
_POLICY: Final = "istag_webhook_policy_info"
# Half a millisecond to ten seconds: a decision takes the first, the API server gives up before the last.
_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# Whether a record was written, as a label.
_RESULTS: Final = {True: "written", False: "failed"}
_Labels = tuple[str, ...]
_Answer = tuple[_Labels, float, Iterable[_Labels], str | None, int, str]


class Metrics:
    """The metrics of one worker; those of all workers are read together through files that they share."""

    def __init__(self) -> None:
        if DIRECTORY in os.environ:
            # Made in the worker, which forks no more: the library need not ask for the pid at each count.
            pid = os.getpid()
            values.ValueClass = values.MultiProcessValue(process_identifier=lambda: pid)  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        # What was answered since the last flush: one thread appends, another takes, and nothing is lost between them.
        self._answers: deque[_Answer] = deque()
        registry = self._registry
        self._requests = Counter(
            "istag_webhook_admission_requests_total",
            "Reviews answered.",
            ("webhook", "door", "operation", "verdict", "dry_run"),
            registry=registry,
        )
        self._duration = Histogram(
            "istag_webhook_admission_review_duration_seconds",
            "Time from the body's arrival to the record's end.",
            ("webhook",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._findings = Counter(
            "istag_webhook_findings_total",
            "Findings, by rule, mode, the review's verdict and whether the change left it as it was.",
            ("rule", "mode", "verdict", "existing"),
            registry=registry,
        )
        self._exemptions = Counter(
            "istag_webhook_exemptions_total", "Exemptions used.", ("exemption",), registry=registry
        )
        self._patches = Counter(
            "istag_webhook_patch_operations_total", "JSON Patch operations answered.", registry=registry
        )
        self._malformed = Counter(
            "istag_webhook_malformed_reviews_total", "Requests that were no review.", ("status",), registry=registry
        )
        self._records = Counter(
            "istag_webhook_records_total", "Records, written and failed.", ("result",), registry=registry
        )
        self._loads = Counter(
            "istag_webhook_policy_loads_total", "Policy loads, by result.", ("result",), registry=registry
        )
        self._last_load = Gauge(
            "istag_webhook_policy_last_load_successful",
            "Whether every worker could load the policy as it is now: 0 where an older one stands in for it.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._loaded = Gauge(
            "istag_webhook_policy_loaded_timestamp_seconds",
            "When the policy in force was loaded, by the worker that has it longest.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._policy = Gauge(
            _POLICY,
            "The policy in force; more than one where the workers do not agree.",
            ("policy", "digest"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._in_force: tuple[str, str] | None = None
        self._in_flight = Gauge(
            "istag_webhook_admission_requests_in_flight",
            "Requests whose head has come and whose answer has not left, as of the last second.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._certificate = Gauge(
            "istag_webhook_certificate_expiry_timestamp_seconds",
            "When the serving certificate expires.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._faults = Counter("istag_webhook_faults_total", "Faults of ours, answered with 500.", registry=registry)
        self._shed = Counter(
            "istag_webhook_shed_requests_total",
            "Requests that waited for longer than --patience, answered with 503 and not judged.",
            registry=registry,
        )
        self._starts = Counter(
            "istag_webhook_worker_starts_total", "Workers that began, those that replace others too.", registry=registry
        )
        self._build = Gauge(
            "istag_webhook_build_info",
            "The version that runs.",
            ("version",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        for counter, results in ((self._records, _RESULTS.values()), (self._loads, ("loaded", "refused"))):
            for result in results:
                counter.labels(
                    result
                )  # a series that begins at 0: increase() does not see the first count of one that does not

    def started(self, version: str) -> None:
        """Note that a worker of `version` began."""
        self._starts.inc()
        self._build.labels(version).set(1)

    def in_flight(self, requests: int) -> None:
        """Note how many requests this worker has in its hands."""
        self._in_flight.set(requests)

    def answered(self, webhook: str, review: Review, decision: Decision, seconds: float, *, written: bool) -> None:
        """Count one answer and its record, with the next `flush`: sharing it costs as much as ten rules."""
        verdict, exemption = decision.verdict, decision.exemption
        self._answers.append(
            (
                (webhook, review.door, review.operation, verdict, "true" if review.dry_run else "false"),
                seconds,
                [
                    (finding.rule, finding.mode, verdict, "true" if finding.existing else "false")
                    for finding in decision.findings
                ]
                if decision.findings
                else (),
                exemption.name if exemption is not None else None,
                len(decision.patch),
                _RESULTS[written],
            )
        )

    def malformed(self, status: int) -> None:
        """Count a request that was no review."""
        self._malformed.labels(str(status)).inc()

    def record_failed(self) -> None:
        """Count a record that could not be written, and whose review was not answered for it."""
        self._records.labels(_RESULTS[False]).inc()

    def policy_loaded(self, policy: Policy, timestamp: float) -> None:
        """Note the policy now in force, loaded at `timestamp` (seconds since the epoch)."""
        self._loads.labels("loaded").inc()
        self._loaded.set(timestamp)
        if self._in_force is not None:
            self._policy.labels(*self._in_force).set(0)
        self._in_force = (policy.name, policy.digest[:19])
        self._policy.labels(*self._in_force).set(1)

    def policy_refused(self) -> None:
        """Count a policy that could not be loaded."""
        self._loads.labels("refused").inc()

    def policy_current(self, *, current: bool) -> None:
        """Note whether the policy in force is the one that stands in its files."""
        self._last_load.set(1 if current else 0)

    def certificate(self, expiry: float) -> None:
        """Note when the serving certificate expires (seconds since the epoch)."""
        self._certificate.set(expiry)

    def fault(self) -> None:
        """Count a fault of ours."""
        self._faults.inc()

    def shed(self) -> None:
        """Count a request that was not judged, for there were too many."""
        self._shed.inc()

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
            (self._requests, requests),
            (self._findings, findings),
            (self._exemptions, exemptions),
            (self._records, records),
        ):
            for key, count in tally.items():
                counter.labels(*key).inc(count)
        if operations:
            self._patches.inc(operations)
        for webhook, observed in durations.items():
            _observe(self._duration.labels(webhook), observed)

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
        shared = DIRECTORY in os.environ
        everything = _Current(multiprocess.MultiProcessCollector(None) if shared else self._registry)  # type: ignore[no-untyped-call]
        for _ in range(_READS):
            try:
                return generate_latest(everything)
            except struct.error:  # another worker has just made its file, and not yet filled it
                sleep(_READ_SECONDS)
        return generate_latest(everything)


def _observe(histogram: Histogram, observed: Iterable[float]) -> None:
    """Add many observations to `histogram` at once: the library would lock and share each by itself."""
    values, buckets = list(observed), Tally[int]()
    for each in values:
        buckets[bisect_left(_BUCKETS, each)] += 1
    histogram._sum.inc(sum(values))  # noqa: SLF001 - the library has no call for this
    for bucket, count in buckets.items():
        histogram._buckets[bucket].inc(count)  # noqa: SLF001 - as above


class _Current(Collector):
    """What another collector has, less the policies that are no longer in force: a shared file forgets no label."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterable[Metric]:
        """Yield each metric."""
        for metric in self._collector.collect():
            if metric.name == _POLICY:
                metric.samples = [sample for sample in metric.samples if sample.value]
            yield metric


def forget(pid: int) -> None:
    """Drop the gauges of a worker that ended."""
    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]
