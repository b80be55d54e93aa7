"""Defines the metrics: their labels, their buckets, and how those of several workers are combined."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

POLICY: Final = "istag_webhook_policy_info"
ENDS: Final = "istag_webhook_policy_ends_timestamp_seconds"
# From half a millisecond, the time of a decision, to ten seconds, the API server's default timeout.
BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# The label for whether a record was written.
RESULTS: Final = {True: "written", False: "failed"}


class Instruments:
    """The metrics of one worker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "istag_webhook_admission_requests_total",
            "Reviews answered.",
            ("webhook", "resource", "operation", "verdict", "dry_run"),
            registry=registry,
        )
        self.duration = Histogram(
            "istag_webhook_admission_review_duration_seconds",
            "Time from receiving a request to writing its record.",
            ("webhook",),
            buckets=BUCKETS,
            registry=registry,
        )
        self.findings = Counter(
            "istag_webhook_findings_total",
            "Findings, by rule, mode, verdict of the review, and whether the violation existed before the change.",
            ("rule", "mode", "verdict", "existing"),
            registry=registry,
        )
        self.exemptions = Counter(
            "istag_webhook_exemptions_total", "Exemptions applied.", ("exemption",), registry=registry
        )
        self.patches = Counter(
            "istag_webhook_patch_operations_total", "JSON Patch operations returned.", registry=registry
        )
        self.malformed = Counter(
            "istag_webhook_malformed_reviews_total",
            "Requests that are not a valid review.",
            ("status",),
            registry=registry,
        )
        self.records = Counter("istag_webhook_records_total", "Records, by result.", ("result",), registry=registry)
        self.loads = Counter(
            "istag_webhook_policy_loads_total", "Policy loads, by result.", ("result",), registry=registry
        )
        self.last_load = Gauge(
            "istag_webhook_policy_last_load_successful",
            "1 if every worker uses the policy in its files, 0 if the files are invalid and an older policy is in use.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.loaded = Gauge(
            "istag_webhook_policy_loaded_timestamp_seconds",
            "When the current policy was loaded; the earliest time of all workers.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.policy = Gauge(
            POLICY,
            "The current policy; more than one series if the workers disagree.",
            ("policy", "digest"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.warnings = Gauge(
            "istag_webhook_policy_warnings",
            "Warnings about the current policy, by name; `istag-webhook policy explain NAME` explains one.",
            ("warning",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.ends = Gauge(
            ENDS,
            "When an exemption or a rule of the current policy ends (`until`).",
            ("part", "entry"),
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.in_flight = Gauge(
            "istag_webhook_admission_requests_in_flight",
            "Requests received and not answered yet, updated every second.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.certificate = Gauge(
            "istag_webhook_certificate_expiry_timestamp_seconds",
            "When the serving certificate expires.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.faults = Counter("istag_webhook_faults_total", "Internal errors, answered with 500.", registry=registry)
        self.shed = Counter(
            "istag_webhook_shed_requests_total",
            "Requests answered with 503 without evaluation, because of --patience or the memory limit.",
            registry=registry,
        )
        self.starts = Counter(
            "istag_webhook_worker_starts_total", "Workers started, including replacements.", registry=registry
        )
        self.build = Gauge(
            "istag_webhook_build_info",
            "The running version.",
            ("version",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        for counter, results in ((self.records, RESULTS.values()), (self.loads, ("loaded", "denied"))):
            for result in results:
                # Start each series at 0, because increase() does not see the first count of a series that starts later.
                counter.labels(result)
