"""The tally: what was asked and answered, and how the service fares.

Labels are bounded: no names, no users, nothing that a caller could make up. What a review says of itself (door,
operation) comes from sets that its codec knows, and the rest from us or from the policy. Counters of a rule that the
policy no longer has stay until the pod ends, as counters must.
"""

import os
import struct
from collections import defaultdict
from collections.abc import Iterable
from threading import Lock
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


class Metrics:
    """The metrics of one worker; those of all workers are read together through files that they share."""

    def __init__(self) -> None:
        if DIRECTORY in os.environ:
            # Made in the worker, which forks no more: the library need not ask for the pid at each count.
            pid = os.getpid()
            values.ValueClass = values.MultiProcessValue(process_identifier=lambda: pid)  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._lock = Lock()
        self._begin()
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
        for counter, results in ((self._records, ("written", "failed")), (self._loads, ("loaded", "refused"))):
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

    def answered(self, webhook: str, review: Review, decision: Decision, seconds: float) -> None:
        """Count one answer, with the next `flush`: sharing what is counted costs as much as a rule."""
        key = (webhook, review.door, review.operation, decision.verdict, "true" if review.dry_run else "false")
        with self._lock:
            self._answers[key] += 1
            self._seconds[webhook].append(seconds)
            for finding in decision.findings:
                self._found[finding.rule, finding.mode, decision.verdict, "true" if finding.existing else "false"] += 1
        if decision.exemption is not None:
            self._exemptions.labels(decision.exemption.name).inc()
        if decision.patch:
            self._patches.inc(len(decision.patch))

    def malformed(self, status: int) -> None:
        """Count a request that was no review."""
        self._malformed.labels(str(status)).inc()

    def recorded(self, *, written: bool) -> None:
        """Count a record that was written, or that failed, with the next `flush`."""
        with self._lock:
            self._kept["written" if written else "failed",] += 1

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

    def flush(self) -> None:
        """Share what was counted since; called about once a second, from another thread, and before it is shown."""
        with self._lock:
            counted = ((self._requests, self._answers), (self._findings, self._found), (self._records, self._kept))
            seconds = self._seconds
            self._begin()
        for counter, tally in counted:
            for labels, count in tally.items():
                counter.labels(*labels).inc(count)
        for webhook, found in seconds.items():
            observe = self._duration.labels(webhook).observe
            for each in found:
                observe(each)

    def _begin(self) -> None:
        """Begin to count from nothing."""
        self._answers: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self._found: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self._kept: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)

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
