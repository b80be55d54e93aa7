"""`openreports`: a Report (openreports.io/v1alpha1) for each namespace, in a List for `kubectl apply`.

`wgpolicyk8s` writes PolicyReports (wgpolicyk8s.io/v1alpha2), which OpenReports replaces.

wgpolicyk8s.io/v1alpha2 shares the fields of the OpenReports API: enforced findings fail and are scored, all others
warn. The number of results of a report is limited, the most severe first; its summary counts all.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from webhook.model.decision import Finding, Mode
from webhook.report.header import Header
from webhook.report.outcome import ALLOW, DENY, ERROR, SKIP, Outcome
from webhook.report.tally import Tally
from webhook.resources.catalog import STREAM, TAG
from webhook.resources.objects import GROUP, VERSION

NAME: Final = "istag-webhook"  # of the report, its source and its manager
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
_POLICY: Final = "istag-webhook/policy"
_OMITTED: Final = "istag-webhook/omitted"
_MOST: Final = 500  # results of a report: half a MiB; etcd accepts 1.5 MiB
_CATEGORY: Final = "Image Stream Tags"
_RESULTS: Final[Mapping[Mode, tuple[str, str]]] = {
    Mode.ENFORCE: ("fail", "high"),
    Mode.WARN: ("warn", "medium"),
    Mode.AUDIT: ("warn", "info"),
}
_ORDER: Final = (("error", "critical"), *_RESULTS.values())


@dataclass(frozen=True, slots=True)
class Api:
    """An API of reports: its group and version, the kind and its resource, and whether it states its limits."""

    group: str
    version: str
    kind: str
    plural: str
    configured: bool


OPENREPORTS: Final = Api("openreports.io", "v1alpha1", "Report", "reports", configured=True)
WGPOLICYK8S: Final = Api("wgpolicyk8s.io", "v1alpha2", "PolicyReport", "policyreports", configured=False)
APIS: Final[Mapping[str, Api]] = {"openreports": OPENREPORTS, "wgpolicyk8s": WGPOLICYK8S}


@dataclass(slots=True)
class Gathered:
    """The report on a namespace while it is collected, limited to the results of a report for each severity.

    Attributes:
        listed: outcomes by verdict.
        summary: results by their sort.
        results: results by their sort and severity.
    """

    listed: Counter[str] = field(default_factory=Counter)
    summary: Counter[str] = field(default_factory=Counter)
    results: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=lambda: {each: [] for each in _ORDER})

    def add(self, outcome: Outcome, header: Header) -> None:
        """Add one outcome."""
        self.listed[outcome.verdict] += 1
        if outcome.verdict == ERROR:
            where = f"{outcome.origin}: " if outcome.origin.file else ""
            self._result(("error", "critical"), outcome, header, {"message": f"{where}{outcome.message}"})
        elif outcome.verdict == SKIP:
            self.summary["skip"] += 1
        elif not outcome.findings:
            self.summary["pass"] += 1
        for finding in outcome.findings:
            self._result(_RESULTS[finding.mode], outcome, header, _of_finding(finding))

    def _result(self, kind: tuple[str, str], outcome: Outcome, header: Header, details: Mapping[str, Any]) -> None:
        result, severity = kind
        self.summary[result] += 1
        kept = self.results[kind]
        if len(kept) < _MOST:
            seconds = int(datetime.fromisoformat(header.time).timestamp())
            kept.append(
                {
                    "source": NAME,
                    "policy": header.policy,
                    "category": _CATEGORY,
                    "result": result,
                    "severity": severity,
                    "scored": result == "fail",
                    **({"resources": [_subject(outcome)]} if outcome.name else {}),
                    "timestamp": {"seconds": seconds, "nanos": 0},
                    **details,
                }
            )

    def document(self, api: Api, header: Header, namespace: str) -> dict[str, Any]:
        """Return the report."""
        found = [result for kind in _ORDER for result in self.results[kind]]
        counted = sum(self.summary[result] for result in ("error", "fail", "warn"))
        annotations = {_POLICY: f"{header.policy}@{header.digest}"}
        if counted > (kept := min(len(found), _MOST)):
            annotations[_OMITTED] = str(counted - kept)
        return {
            "apiVersion": f"{api.group}/{api.version}",
            "kind": api.kind,
            "metadata": {
                "name": NAME,
                **({"namespace": namespace} if namespace else {}),
                "labels": {MANAGED_BY: NAME},
                "annotations": annotations,
            },
            **({"source": NAME, "configuration": {"limits": {"maxResults": _MOST}}} if api.configured else {}),
            **({"scope": {"apiVersion": "v1", "kind": "Namespace", "name": namespace}} if namespace else {}),
            "summary": {result: self.summary[result] for result in ("pass", "fail", "warn", "error", "skip")},
            "results": found[:_MOST],
        }


def write(header: Header, outcomes: Iterable[Outcome], tally: Tally, api: Api = OPENREPORTS) -> Iterator[str]:
    """Yield the List; one report per namespace is kept until the end."""
    namespaces: dict[str, Gathered] = {}
    for outcome in outcomes:
        namespaces.setdefault(outcome.namespace, Gathered()).add(outcome, header)
    for namespace, counted in tally.namespaces.items():
        gathered = namespaces.setdefault(namespace, Gathered())
        # Outcomes that were counted but not reported had no findings.
        gathered.summary["pass"] += sum(counted[verdict] - gathered.listed[verdict] for verdict in (ALLOW, DENY))
    yield '{"apiVersion":"v1","kind":"List","items":['
    separator = "\n"
    for namespace in sorted(namespaces):
        yield f"{separator}{orjson.dumps(namespaces[namespace].document(api, header, namespace)).decode()}"
        separator = ",\n"
    yield "\n]}\n"


def write_wgpolicyk8s(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield the List of PolicyReports."""
    return write(header, outcomes, tally, WGPOLICYK8S)


def _of_finding(finding: Finding) -> dict[str, Any]:
    existing = "true" if finding.existing else "false"
    return {
        "rule": finding.rule,
        "message": f"{finding.field}: {finding.message}",
        "properties": {"field": finding.field, "mode": str(finding.mode), "existing": existing},
    }


def _subject(outcome: Outcome) -> dict[str, str]:
    """Return the subject: the tag if there is one, else the image stream."""
    names = [str(tag["tag"]).partition("/")[2] for tag in outcome.tags]
    resource, name = (TAG, names[0]) if len(names) == 1 else (STREAM, outcome.name)
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": resource.kind, "namespace": outcome.namespace, "name": name}
