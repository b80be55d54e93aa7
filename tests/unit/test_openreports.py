"""The reports that OpenReports and its predecessor define: what counts as what, and how much of it is kept."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from webhook.documents.document import Mark
from webhook.model.decision import Finding, Mode
from webhook.report.header import Header
from webhook.report.outcome import ALLOW, DENY, ERROR, SKIP, Origin, Outcome
from webhook.report.shape import writer
from webhook.report.tally import Tally

_HEAD = Header("scan", "platform", "sha256:" + "a" * 64, "1.2.3", "2026-01-02T03:04:05Z")


def _outcome(namespace: str, tag: str, *modes: Mode) -> Outcome:
    findings = tuple(
        Finding(f"rule-{mode}", mode, f"{mode} is not liked", "spec.tags[0]", existing=True) for mode in modes
    )
    return Outcome(
        Origin(),
        DENY if Mode.ENFORCE in modes else ALLOW,
        "imagestreams",
        namespace=namespace,
        name="app",
        tags=({"path": "spec.tags[0]", "tag": f"{namespace}/app:{tag}", "from": "", "to": ""},) if tag else (),
        findings=findings,
        marks=(Mark(),) * len(findings),
    )


def _reports(
    outcomes: Iterable[Outcome], form: str = "openreports", *, listed: bool = True
) -> dict[str, dict[str, Any]]:
    """Return the reports by namespace; outcomes without findings are counted, and passed to a format that lists them."""
    tally = Tally()
    counted = (each for each in tally.counting(outcomes) if listed or each.findings)
    document = json.loads("".join(writer(form)(_HEAD, counted, tally)))
    assert (document["apiVersion"], document["kind"]) == ("v1", "List")
    return {item["metadata"].get("namespace", ""): item for item in document["items"]}


@pytest.mark.parametrize(
    ("mode", "result", "severity", "scored"),
    [(Mode.ENFORCE, "fail", "high", True), (Mode.WARN, "warn", "medium", False), (Mode.AUDIT, "warn", "info", False)],
)
def test_a_finding(mode: Mode, result: str, severity: str, scored: bool) -> None:
    """Enforced findings fail and are scored, all others warn."""
    assert _reports([_outcome("app", "live", mode)])["app"]["results"] == [
        {
            "source": "istag-webhook",
            "policy": "platform",
            "rule": f"rule-{mode}",
            "category": "Image Stream Tags",
            "result": result,
            "severity": severity,
            "scored": scored,
            "message": f"spec.tags[0]: {mode} is not liked",
            "resources": [
                {
                    "apiVersion": "image.openshift.io/v1",
                    "kind": "ImageStreamTag",
                    "namespace": "app",
                    "name": "app:live",
                }
            ],
            "properties": {"field": "spec.tags[0]", "mode": str(mode), "existing": "true"},
            "timestamp": {"seconds": 1767323045, "nanos": 0},
        }
    ]


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "counted"])
def test_what_is_counted(listed: bool) -> None:
    """A tag without findings passes, whether it is in the report or only in its summary."""
    outcomes = [_outcome("app", "a"), _outcome("app", "b", Mode.ENFORCE, Mode.AUDIT), _outcome("other", "c")]
    reports = _reports(outcomes, listed=listed)
    assert reports["app"]["summary"] == {"pass": 1, "fail": 1, "warn": 1, "error": 0, "skip": 0}
    assert (reports["other"]["summary"]["pass"], reports["other"]["results"]) == (1, [])


def test_what_cannot_be_evaluated() -> None:
    """An input that cannot be read is an error without a namespace; other objects are skipped."""
    outcomes = [Outcome(Origin("a.yaml", 3), ERROR, message="expected a name"), Outcome(Origin("b.yaml", 1), SKIP)]
    report = _reports(outcomes)[""]
    assert report["summary"] == {"pass": 0, "fail": 0, "warn": 0, "error": 1, "skip": 1}
    assert [(each["result"], each["severity"], each["message"]) for each in report["results"]] == [
        ("error", "critical", "a.yaml:3: expected a name")
    ]


def test_a_stream_as_a_whole() -> None:
    """A finding about a stream is a result of the stream."""
    (result,) = _reports([_outcome("app", "", Mode.WARN)])["app"]["results"]
    assert (result["resources"][0]["kind"], result["resources"][0]["name"]) == ("ImageStream", "app")


def test_a_report_is_capped() -> None:
    """A report holds 500 results, the gravest first; its summary counts all, and the rest is said to be left out."""
    outcomes = [_outcome("app", f"v{number}", Mode.AUDIT, Mode.WARN) for number in range(400)]
    outcomes += [_outcome("app", f"x{number}", Mode.ENFORCE) for number in range(300)]
    report = _reports(outcomes)["app"]
    assert report["summary"] == {"pass": 0, "fail": 300, "warn": 800, "error": 0, "skip": 0}
    assert [result["severity"] for result in report["results"]] == ["high"] * 300 + ["medium"] * 200
    assert report["metadata"]["annotations"]["istag-webhook/omitted"] == "600"
    assert report["configuration"] == {"limits": {"maxResults": 500}}


def test_the_other_api() -> None:
    """A PolicyReport says the same, in the fields that its API has."""
    outcomes = [_outcome("app", "live", Mode.ENFORCE)]
    ours, theirs = _reports(outcomes)["app"], _reports(outcomes, "wgpolicyk8s")["app"]
    assert (theirs["apiVersion"], theirs["kind"]) == ("wgpolicyk8s.io/v1alpha2", "PolicyReport")
    assert ours.keys() - theirs.keys() == {"source", "configuration"}
    assert {key: ours[key] for key in ("metadata", "scope", "summary", "results")} == {
        key: theirs[key] for key in ("metadata", "scope", "summary", "results")
    }
