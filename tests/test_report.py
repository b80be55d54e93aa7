"""Reports: what a format writes, its own reader and the readers of others read."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import decoded, docker, policy_of, review_of

from webhook import admission
from webhook.errors import ReportRefused
from webhook.model import Exemption, Finding, Mode, PatchOp, Reason
from webhook.policy import Policy
from webhook.report import FORMATS, writer
from webhook.report.header import Header, header
from webhook.report.json import read
from webhook.report.outcome import ALLOW, DENY, ERROR, SKIP, Origin, Outcome, outcome

_HOSTILE = ("<script>", 'a"b', "a\nb", "]]>", "%0A::error::", "\x1b[31m", "\u202e", "é", "|", "&amp;", "\\")
_TEXT = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(_HOSTILE)
_LINE = st.integers(0, 10**6)
_FINDING = st.builds(
    Finding, _TEXT, st.sampled_from([Mode.ENFORCE, Mode.WARN, Mode.AUDIT]), _TEXT, _TEXT, st.booleans(),
    st.sampled_from(Reason),
)  # fmt: skip
_TAG = st.fixed_dictionaries({"path": _TEXT, "tag": _TEXT, "from": st.none() | _TEXT, "to": st.none() | _TEXT})
_VALUE = st.booleans() | _TEXT | st.dictionaries(_TEXT, _TEXT, max_size=2)


@st.composite
def _outcomes(draw: st.DrawFn) -> Outcome:
    findings = tuple(draw(st.lists(_FINDING, max_size=3)))
    return Outcome(
        origin=Origin(draw(_TEXT), draw(_LINE)),
        verdict=draw(st.sampled_from([ALLOW, DENY, SKIP, ERROR])),
        before=draw(st.sampled_from(["", ALLOW, DENY])),
        **{key: draw(_TEXT) for key in ("door", "operation", "namespace", "name", "user", "time", "message")},
        tags=tuple(draw(st.lists(_TAG, max_size=2))),
        findings=findings,
        lines=tuple(draw(_LINE) for _ in findings),
        patch=tuple(draw(st.lists(st.builds(PatchOp, st.just("add"), _TEXT, _VALUE), max_size=2))),
        exemption=draw(st.none() | st.builds(Exemption, _TEXT, _TEXT)),
    )


@pytest.fixture
def head(shipped: Policy) -> Header:
    """The head of a report on the shipped policy."""
    return header("check", shipped, "1.2.3", "2026-01-02T03:04:05Z")


def _written(name: str, head: Header, *outcomes: Outcome) -> str:
    return "".join(writer(name)(head, outcomes))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_outcomes(), max_size=4))
def test_json_round_trip(outcomes: list[Outcome]) -> None:
    """Whatever outcomes hold, the report is one JSON document, one outcome a line, and is read back as it was."""
    head = Header("check", "p", "sha256:0", "1", "t")
    text = _written("json", head, *outcomes)
    assert [each["verdict"] for each in json.loads(text)["outcomes"]] == [each.verdict for each in outcomes]
    found, again = read("report.json", text.encode().splitlines(keepends=True))
    assert (found, list(again)) == (head, outcomes)


def test_json_says_what_a_decision_says(head: Header) -> None:
    """An outcome has the names that the record has, and the summary counts it."""
    policy = policy_of("spec: {rules: [{name: no-quay, mode: warn, registries: {deny: [quay.io]}}]}")
    review = decoded(review_of(docker("quay.io/acme/app:1"), old=docker("docker.io/acme/app:1")))
    decision = admission.validate(review, policy)
    report = json.loads(_written("json", head, outcome(Origin("tag.yaml", 3), review, decision)))
    assert {key: report[key] for key in ("apiVersion", "kind", "command", "version", "time")} == {
        "apiVersion": "istag-webhook/v1", "kind": "Report", "command": "check", "version": "1.2.3",
        "time": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    assert report["rules"][1]["name"] == "no-insecure-imports"
    assert report["outcomes"] == [
        {
            "file": "tag.yaml", "line": 3, "verdict": "allow", "before": "", "door": "imagestreamtags",
            "operation": "UPDATE", "namespace": "app", "name": "app:live", "user": "alice", "time": "",
            "tags": [
                {
                    "path": "tag", "tag": "app/app:live", "from": "DockerImage docker.io/acme/app:1",
                    "to": "DockerImage quay.io/acme/app:1",
                }
            ],
            "findings": [
                {
                    "rule": "no-quay", "mode": "warn", "field": "tag.from.name", "line": 3,
                    "message": decision.findings[0].message, "existing": False, "reason": "FieldValueForbidden",
                }
            ],
            "patch": [], "exemption": None, "message": "",
        }
    ]  # fmt: skip
    assert report["summary"] == {
        "allowed": 1, "denied": 0, "skipped": 0, "errors": 0, "newlyAllowed": 0, "newlyDenied": 0,
        "completed": 0, "exempt": 0, "findings": {"enforce": 0, "warn": 1, "audit": 0}, "rules": {"no-quay": 1},
    }  # fmt: skip


def _cut(text: str, **changes: str) -> list[bytes]:
    for old, new in changes.items():
        text = text.replace(old, new)
    return text.encode().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("lines", "line", "sentence"),
    [
        (lambda _: [], 1, "expected a report as --format json writes it"),
        (lambda _: [b"{}\n"], 1, "expected a report as --format json writes it"),
        (lambda text: _cut(text, Report="Other"), 1, "expected a report as --format json writes it"),
        (lambda text: _cut(text, allow="allow", origin="x")[:-1], 3, "it was cut off"),
        (lambda text: [*_cut(text)[:2], b'{"verdict":"al'], 3, "expected a report as --format json writes it"),
        (lambda text: _cut(text, FieldValueInvalid="Nonsense"), 2, "expected a report as --format json writes it"),
        (lambda text: [*_cut(text)[:-1], b'],"summ'], 4, "expected a report as --format json writes it"),
    ],
    ids=["empty", "other", "kind", "no-summary", "half-a-line", "reason", "half-a-summary"],
)
def test_json_that_cannot_be_read(head: Header, lines: Any, line: int, sentence: str) -> None:
    """A report that is something else, or was cut off, is refused with file and line, after what could be read."""
    found = Outcome(Origin("a"), DENY, findings=(Finding("r", Mode.ENFORCE, "m", "f"),), lines=(1,))
    text = _written("json", head, found, found)
    with pytest.raises(ReportRefused) as caught:
        list(read("part.json", lines(text))[1])
    assert str(caught.value).startswith(f"part.json:{line}: ")
    assert sentence in str(caught.value)


def test_formats() -> None:
    """Every format that is listed is there."""
    assert all(callable(writer(name)) for name in FORMATS)
