"""What is measured: each metric with its labels, its buckets, and how those of several workers become one."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

POLICY: Final = "istag_webhook_policy_info"
# Half a millisecond to ten seconds: a decision takes the first, the API server gives up before the last.
BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# Whether a record was written, as a label.
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
            "Time from the body's arrival to the record's end.",
            ("webhook",),
            buckets=BUCKETS,
            registry=registry,
        )
        self.findings = Counter(
            "istag_webhook_findings_total",
            "Findings, by rule, mode, the review's verdict and whether the change left it as it was.",
            ("rule", "mode", "verdict", "existing"),
            registry=registry,
        )
        self.exemptions = Counter(
            "istag_webhook_exemptions_total", "Exemptions used.", ("exemption",), registry=registry
        )
        self.patches = Counter(
            "istag_webhook_patch_operations_total", "JSON Patch operations answered.", registry=registry
        )
        self.malformed = Counter(
            "istag_webhook_malformed_reviews_total", "Requests that were no review.", ("status",), registry=registry
        )
        self.records = Counter(
            "istag_webhook_records_total", "Records, written and failed.", ("result",), registry=registry
        )
        self.loads = Counter(
            "istag_webhook_policy_loads_total", "Policy loads, by result.", ("result",), registry=registry
        )
        self.last_load = Gauge(
            "istag_webhook_policy_last_load_successful",
            "Whether every worker could load the policy as it is now: 0 where an older one stands in for it.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.loaded = Gauge(
            "istag_webhook_policy_loaded_timestamp_seconds",
            "When the policy in force was loaded, by the worker that has it longest.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.policy = Gauge(
            POLICY,
            "The policy in force; more than one where the workers do not agree.",
            ("policy", "digest"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.warnings = Gauge(
            "istag_webhook_policy_warnings",
            "Warnings about the policy in force, by name; `istag-webhook policy explain NAME` explains one.",
            ("warning",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.in_flight = Gauge(
            "istag_webhook_admission_requests_in_flight",
            "Requests whose head has come and whose answer has not left, as of the last second.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.certificate = Gauge(
            "istag_webhook_certificate_expiry_timestamp_seconds",
            "When the serving certificate expires.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.faults = Counter("istag_webhook_faults_total", "Faults of ours, answered with 500.", registry=registry)
        self.shed = Counter(
            "istag_webhook_shed_requests_total",
            "Requests answered with 503 and not evaluated: there was no time within --patience, or no memory.",
            registry=registry,
        )
        self.starts = Counter(
            "istag_webhook_worker_starts_total", "Workers that began, those that replace others too.", registry=registry
        )
        self.build = Gauge(
            "istag_webhook_build_info",
            "The version that runs.",
            ("version",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        for counter, results in ((self.records, RESULTS.values()), (self.loads, ("loaded", "denied"))):
            for result in results:
                # A series that begins at 0: increase() does not see the first count of one that does not.
                counter.labels(result)
