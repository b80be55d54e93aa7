"""The tally: what was asked and answered, and how the service fares. Labels are bounded: no names, no users."""

import os
import struct
from collections import defaultdict
from threading import Lock
from time import sleep
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess, values

from webhook.model import Decision, Review
from webhook.policy import Policy

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# Where the workers share their files; prometheus_client reads it when it is imported, so it is set before this room is.
DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
# Half a millisecond to ten seconds: a decision takes the first, the API server gives up before the last.
_READS: Final = 20
_READ_SECONDS: Final = 0.01
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
            "Findings, by rule, mode and whether the change left it as it was.",
            ("rule", "mode", "existing"),
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
        self._policy = Gauge(
            "istag_webhook_policy_loaded_timestamp_seconds",
            "When the policy now in force was loaded, by its digest.",
            ("digest",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._certificate = Gauge(
            "istag_webhook_certificate_expiry_timestamp_seconds",
            "When the serving certificate expires.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._faults = Counter("istag_webhook_faults_total", "Faults of ours, answered with 500.", registry=registry)

    def answered(self, webhook: str, review: Review, decision: Decision, seconds: float) -> None:
        """Count one answer, with the next `flush`: sharing what is counted costs as much as a rule."""
        key = (webhook, review.door, review.operation, decision.verdict, "true" if review.dry_run else "false")
        with self._lock:
            self._answers[key] += 1
            self._seconds[webhook].append(seconds)
            for finding in decision.findings:
                self._found[finding.rule, finding.mode, "true" if finding.existing else "false"] += 1
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
        self._policy.labels(policy.digest[:19]).set(timestamp)

    def policy_refused(self) -> None:
        """Count a policy that could not be loaded."""
        self._loads.labels("refused").inc()

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
        if DIRECTORY not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        for _ in range(_READS):
            try:
                return generate_latest(registry)
            except struct.error:  # another worker has just made its file, and not yet filled it
                sleep(_READ_SECONDS)
        return generate_latest(registry)


def forget(pid: int) -> None:
    """Drop the gauges of a worker that ended."""
    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]
