"""Reports: what a format writes, its own reader and the readers of others read."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped
from tests.support.builders import decoded, docker, policy_of, review_of
from tests.support.examples import examples
from tests.support.paths import DATA

from webhook.admission import engine
from webhook.documents.document import Mark
from webhook.errors import ReportError
from webhook.model.decision import Exemption, Finding, Mode, PatchOp
from webhook.model.review import Reason
from webhook.policy.policy import Policy
from webhook.report import table
from webhook.report.header import Header, header
from webhook.report.json import read
from webhook.report.outcome import ALLOW, DENY, ERROR, SKIP, Origin, Outcome, outcome
from webhook.report.shape import FORMATS, writer
from webhook.report.table import columns
from webhook.report.tally import Tally

SARIF = jsonschema.Draft4Validator(
    json.loads((DATA / "schemas" / "sarif-2.1.0-rtm.5.json").read_text()),
    format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER,
)
_HOSTILE = ("<script>", 'a"b', "a\nb", "]]>", "%0A::error::", "\x1b[31m", "\u202e", "é", "|", "&amp;", "\\")
_TEXT = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(_HOSTILE)
_LINE = st.integers(0, 10**6)
_FINDING = st.builds(
    Finding, _TEXT, st.sampled_from([Mode.ENFORCE, Mode.WARN, Mode.AUDIT]), _TEXT, _TEXT, st.booleans(),
    st.sampled_from(Reason),
)  # fmt: skip
_TAG = st.fixed_dictionaries(
    {"path": _TEXT, "tag": _TEXT, "from": st.none() | _TEXT, "to": st.none() | _TEXT}, optional={"digest": _TEXT}
)
_VALUE = st.booleans() | _TEXT | st.dictionaries(_TEXT, _TEXT, max_size=2)


@st.composite
def _outcomes(draw: st.DrawFn) -> Outcome:
    findings = tuple(draw(st.lists(_FINDING, max_size=3)))
    return Outcome(
        origin=Origin(draw(_TEXT), draw(_LINE), draw(_LINE)),
        verdict=draw(st.sampled_from([ALLOW, DENY, SKIP, ERROR])),
        before=draw(st.sampled_from(["", ALLOW, DENY])),
        **{
            key: draw(_TEXT)
            for key in ("resource", "operation", "namespace", "name", "user", "time", "message", "policy")
        },
        tags=tuple(draw(st.lists(_TAG, max_size=2))),
        findings=findings,
        marks=tuple(Mark(draw(_LINE), draw(_LINE)) for _ in findings),
        patch=tuple(draw(st.lists(st.builds(PatchOp, st.just("add"), _TEXT, _VALUE), max_size=2))),
        exemption=draw(st.none() | st.builds(Exemption, _TEXT, _TEXT)),
        findings_before=tuple(draw(st.lists(_FINDING, max_size=1))),
        patch_before=tuple(draw(st.lists(st.builds(PatchOp, st.just("add"), _TEXT, _VALUE), max_size=1))),
    )


@pytest.fixture
def head(shipped: Policy) -> Header:
    """The head of a report on the shipped policy."""
    return header("check", shipped, "1.2.3", "2026-01-02T03:04:05Z")


def _written(name: str, head: Header, *outcomes: Outcome) -> str:
    tally = Tally()
    return "".join(writer(name)(head, tally.counting(outcomes), tally))


@examples(50)
@given(st.lists(_outcomes(), max_size=4))
def test_json_round_trip(outcomes: list[Outcome]) -> None:
    """For any outcomes, the report is one JSON document, one outcome per line, and can be read back."""
    head = Header("check", "p", "sha256:0", "1", "2026-01-02T03:04:05Z")
    text = _written("json", head, *outcomes)
    assert [each["verdict"] for each in json.loads(text)["outcomes"]] == [each.verdict for each in outcomes]
    tally, counted = Tally(), Tally()
    found, again = read("report.json", text.encode().splitlines(keepends=True), tally)
    assert (found, list(again)) == (head, outcomes)
    for each in outcomes:
        counted.count(each)
    assert tally.as_json() == counted.as_json()


def test_json_says_what_a_decision_says(head: Header) -> None:
    """An outcome has the names that the record has, and the summary counts it."""
    policy = policy_of("spec: {rules: [{name: no-quay, mode: warn, registries: {deny: [quay.io]}}]}")
    review = decoded(review_of(docker("quay.io/acme/app:1"), old=docker("docker.io/acme/app:1")))
    decision = engine.validate(review, policy)
    report = json.loads(_written("json", head, outcome(Origin("tag.yaml", 3), review, decision)))
    assert {key: report[key] for key in ("apiVersion", "kind", "command", "version", "time")} == {
        "apiVersion": "istag-webhook/v1", "kind": "Report", "command": "check", "version": "1.2.3",
        "time": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    assert report["rules"][1]["name"] == "no-insecure-imports"
    assert report["outcomes"] == [
        {
            "file": "tag.yaml", "line": 3, "column": 0, "verdict": "allow", "before": "", "resource": "imagestreamtags",
            "operation": "UPDATE", "namespace": "app", "name": "app:live", "user": "alice", "time": "",
            "tags": [
                {
                    "path": "tag", "tag": "app/app:live", "from": "DockerImage docker.io/acme/app:1",
                    "to": "DockerImage quay.io/acme/app:1",
                }
            ],
            "findings": [
                {
                    "rule": "no-quay", "mode": "warn", "field": "tag.from.name", "line": 3, "column": 0,
                    "message": decision.findings[0].message, "existing": False, "reason": "FieldValueForbidden",
                }
            ],
            "patch": [], "exemption": None, "message": "", "policy": "", "findingsBefore": [], "patchBefore": [],
        }
    ]  # fmt: skip
    assert report["summary"] == {
        "allowed": 1, "denied": 0, "skipped": 0, "errors": 0, "newlyAllowed": 0, "newlyDenied": 0,
        "newlyCompleted": 0, "namespaces": {"app": {"allow": 1}}, "users": {"alice": {"allow": 1}}, "hours": {},
        "reasons": {}, "notEvaluated": {}, "completed": 0, "exempt": 0, "findings": {"enforce": 0, "warn": 1, "audit": 0}, "rules": {"no-quay": 1},
    }  # fmt: skip


def _cut(text: str, **changes: str) -> list[bytes]:
    for old, new in changes.items():
        text = text.replace(old, new)
    return text.encode().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("lines", "line", "sentence"),
    [
        (lambda _: [], 1, "expected the output of --format json"),
        (lambda _: [b"{}\n"], 1, "expected the output of --format json"),
        (lambda text: _cut(text, Report="Other"), 1, "expected the output of --format json"),
        (lambda text: _cut(text, allow="allow", origin="x")[:-1], 3, "the report is incomplete"),
        (lambda text: [*_cut(text)[:2], b'{"verdict":"al'], 3, "expected the output of --format json"),
        (lambda text: _cut(text, FieldValueInvalid="Nonsense"), 2, "expected the output of --format json"),
        (lambda text: [*_cut(text)[:-1], b'],"summ'], 4, "expected the output of --format json"),
    ],
    ids=["empty", "other", "kind", "no-summary", "half-a-line", "reason", "half-a-summary"],
)
def test_json_that_cannot_be_read(head: Header, lines: Any, line: int, sentence: str) -> None:
    """A report that is something else, or was cut off, is denied with file and line, after what could be read."""
    found = Outcome(Origin("a"), DENY, findings=(Finding("r", Mode.ENFORCE, "m", "f"),), marks=(Mark(1),))
    text = _written("json", head, found, found)
    with pytest.raises(ReportError) as caught:
        list(read("part.json", lines(text), Tally())[1])
    assert str(caught.value).startswith(f"part.json:{line}: ")
    assert sentence in str(caught.value)


@pytest.fixture
def outcomes() -> list[Outcome]:
    """One outcome of each sort."""
    tag = {"path": "spec.tags[1]", "tag": "prod/app:a,b", "from": None, "to": "DockerImage x"}
    refused = Finding("no", Mode.ENFORCE, 'the value "50%" is wrong', "spec.tags[1].from.name")
    warned = Finding("soft", Mode.WARN, "it is old", "metadata.name")
    noted = Finding("quiet", Mode.AUDIT, "it is there", "spec.tags[1].annotations")
    return [
        Outcome(Origin("a b/c.yaml", 3), DENY, "imagestreams", "CREATE", "prod", "app", tags=(tag,),
                findings=(noted, refused), marks=(Mark(9, 5), Mark(7, 3))),
        Outcome(Origin("a b/c.yaml", 20), ALLOW, "imagestreams", "UPDATE", "prod", "two", findings=(warned,), marks=(Mark(21),),
                patch=(PatchOp("add", "/spec", {"x": 1}),)),
        Outcome(Origin("a b/c.yaml", 30), SKIP, message="Service of v1"),
        Outcome(Origin("/d.json", 0), ERROR, message="expected UTF-8; byte 3 is invalid"),
        Outcome(Origin(), ALLOW, "imagestreams", namespace="prod", name="three", findings=(noted,), marks=(Mark(),),
                exemption=Exemption("sre", "an incident")),
    ]  # fmt: skip


def test_table(head: Header, outcomes: list[Outcome]) -> None:
    """A person reads verdicts, findings by severity with file, line and field, what is completed, and a summary."""
    text = re.sub("\x1b\\[[0-9]*m", "", _written("table", head, *outcomes))
    assert text.splitlines() == [
        "a b/c.yaml:3: prod/app:a,b: denied",
        '  enforce: a b/c.yaml:7:3: spec.tags[1].from.name: the value "50%" is wrong (rule no)',
        "  audit: a b/c.yaml:9:5: spec.tags[1].annotations: it is there (rule quiet)",
        "a b/c.yaml:20: prod/two: allowed",
        "  warn: a b/c.yaml:21: metadata.name: it is old (rule soft)",
        '  sets /spec to {"x": 1}',
        "prod/three: allowed (exempt: sre)",
        "  audit: spec.tags[1].annotations: it is there (rule quiet)",
        "3 evaluated: 2 allowed, 1 denied; findings: 1 enforce, 1 warn, 2 audit; skipped: 1 (Service of v1: 1); unusable: 1",
    ]
    before = replace(outcomes[1], before=DENY)
    assert "prod/two: allowed (was denied)" in re.sub("\x1b\\[[0-9]*m", "", _written("table", head, before))


def _columns(width: int, *outcomes: Outcome) -> list[str]:
    return [re.sub("\x1b\\[[0-9]*m", "", line) for line in columns(outcomes, width)]


def test_table_on_a_terminal(outcomes: list[Outcome]) -> None:
    """On a terminal a finding is a row, what is set too, and the message is wrapped in its own column."""
    assert _columns(140, *outcomes[:2], outcomes[4]) == [
        "VERDICT  MODE     TAG           RULE   PLACE           MESSAGE",
        'denied   enforce  prod/app:a,b  no     a b/c.yaml:7:3  spec.tags[1].from.name: the value "50%" is wrong',
        "denied   audit    prod/app:a,b  quiet  a b/c.yaml:9:5  spec.tags[1].annotations: it is there",
        "allowed  warn     prod/two      soft   a b/c.yaml:21   metadata.name: it is old",
        'allowed  default  prod/two             a b/c.yaml:20   sets /spec to {"x": 1}',
        "exempt   audit    prod/three    quiet                  spec.tags[1].annotations: it is there (exempt: sre)",
    ]  # fmt: skip
    assert _columns(90, outcomes[0])[1:3] == [
        "denied   enforce  prod/app:a,b  no     a b/c.yaml:7:3  spec.tags[1].from.name: the value",
        '                                                       "50%" is wrong',
    ]
    assert _columns(60, outcomes[0])[:3] == [
        "VERDICT  MODE     TAG           RULE   PLACE",
        "denied   enforce  prod/app:a,b  no     a b/c.yaml:7:3",
        '    spec.tags[1].from.name: the value "50%" is wrong',
    ]
    assert _columns(80, outcomes[4])[0].split() == [
        "VERDICT",
        "MODE",
        "TAG",
        "RULE",
        "MESSAGE",
    ]  # a cluster has no files
    assert _columns(80) == []


@examples(60)
@given(st.lists(_outcomes(), max_size=3), st.integers(20, 300))
def test_whatever_a_terminal_shows(outcomes: list[Outcome], width: int) -> None:
    """Hostile text moves no cursor, and no message is lost: each line is printable, each finding has a row."""
    evaluated = [each for each in outcomes if each.verdict in (ALLOW, DENY)]
    lines = _columns(width, *evaluated)
    assert all(line.isprintable() for line in lines)
    rows = [line for line in lines if line.startswith(("allowed", "denied", "exempt"))]
    assert len(rows) >= sum(len(each.findings) + len(each.patch) for each in evaluated)


def test_columns_hold_few_rows() -> None:
    """Of many rows the first are measured, and the others are written as they come."""
    taken = 0

    def many() -> Iterator[Outcome]:
        nonlocal taken
        for taken in range(1, 10_001):
            yield Outcome(Origin(f"{taken}.yaml", 1), DENY, namespace="a", name="x" * (taken % 90))

    lines = columns(many(), 100)
    assert next(lines).startswith("\x1b[2mVERDICT")
    assert taken <= 502


def test_table_omits_what_has_no_findings(head: Header) -> None:
    """An allowed object without findings is counted, and listed with -v alone."""
    quiet = Outcome(Origin("a.yaml", 1), ALLOW, namespace="prod", name="app", patch=(PatchOp("add", "/spec", {}),))
    denied = replace(quiet, verdict=DENY, name="other")
    summary = "2 evaluated: 1 allowed, 1 denied; findings: 0 enforce, 0 warn, 0 audit"
    assert _written("table", head, quiet, denied).splitlines()[-1] == summary
    assert "prod/app" not in _written("table", head, quiet, denied)
    assert "prod/other" in _written("table", head, quiet, denied)
    tally = Tally()
    assert "a.yaml:1: prod/app: " in "".join(table.write(head, tally.counting([quiet]), tally, verbose=True))


def test_github(head: Header, outcomes: list[Outcome]) -> None:
    """Each finding is a workflow command at its line and column; what would end a command is escaped."""
    hostile = replace(outcomes[3], origin=Origin("a,b:c\n::x.yaml", 1), message="50%\r\n::error::x")
    assert _written("github", head, *outcomes, hostile).splitlines() == [
        "::notice file=a b/c.yaml,line=9,col=5,title=quiet::prod/app:a,b: spec.tags[1].annotations: it is there (rule quiet)",
        '::error file=a b/c.yaml,line=7,col=3,title=no::prod/app:a,b: spec.tags[1].from.name: the value "50%25" is wrong (rule no)',
        "::warning file=a b/c.yaml,line=21,title=soft::prod/two: metadata.name: it is old (rule soft)",
        "::error file=/d.json,title=istag-webhook::expected UTF-8; byte 3 is invalid",
        "::notice title=quiet::prod/three: spec.tags[1].annotations: it is there (rule quiet)",
        "::error file=a%2Cb%3Ac%0A%3A%3Ax.yaml,line=1,title=istag-webhook::50%25%0D%0A::error::x",
    ]


def test_junit(head: Header, outcomes: list[Outcome], tmp_path: Path) -> None:
    """A reader of JUnit finds a suite for each file, and a case for each object, failed, skipped, in error or passed."""
    (tmp_path / "report.xml").write_text(_written("junit", head, *outcomes))
    suites = list(JUnitXml.fromfile(str(tmp_path / "report.xml")))
    assert [(suite.name, suite.tests, suite.failures, suite.errors, suite.skipped) for suite in suites] == [
        ("a b/c.yaml", 3, 1, 0, 1), ("/d.json", 1, 0, 1, 0), ("prod", 1, 0, 0, 0),
    ]  # fmt: skip
    cases = [case for suite in suites for case in suite]
    assert [(case.classname, case.name) for case in cases] == [
        ("a b.c_yaml.imagestreams", "prod/app:a,b"), ("a b.c_yaml.imagestreams", "prod/two"),
        ("a b.c_yaml.document", "a b/c.yaml:30"), ("d_json.document", "/d.json"), ("prod.imagestreams", "prod/three"),
    ]  # fmt: skip
    failure, passed, skipped, error, exempt = (case.result[0] if case.result else None for case in cases)
    assert isinstance(failure, Failure)
    assert (failure.message, failure.type) == ('the value "50%" is wrong', "rule no")
    assert 'enforce: a b/c.yaml:7:3: spec.tags[1].from.name: the value "50%" is wrong (rule no)' in failure.text
    assert isinstance(skipped, Skipped)
    assert (skipped.message, skipped.text) == ("Service of v1", "Service of v1")
    assert isinstance(error, Error)
    assert error.text == "/d.json: expected UTF-8; byte 3 is invalid"
    assert (passed, exempt, cases[1].system_out) == (
        None, None, "warn: a b/c.yaml:21: metadata.name: it is old (rule soft)",
    )  # fmt: skip
    elements = _elements((tmp_path / "report.xml").read_text(), "testcase")
    assert [element.get("file") for element in elements] == ["a b/c.yaml"] * 3 + ["/d.json", None]
    assert {element.get("time") for element in elements} == {"0"}


def _elements(report: str, name: str) -> list[ET.Element]:
    return list(ET.fromstring(report).iter(name))  # noqa: S314 - it is ours


def _known_to_gitlab(report: str) -> list[tuple[str | None, str | None]]:
    return [(each.get("classname"), each.get("name")) for each in _elements(report, "testcase")]


@pytest.mark.parametrize(
    "origins",
    [("dev/is.yaml", "prod/is.yaml"), ("is.yaml", "is.yaml"), ("a.yaml", "a.json"), ("", "is.yaml"), ("", "")],
    ids=["two-directories", "one-file", "two-types", "cluster", "one-namespace"],
)
def test_junit_has_a_name_for_each_case(head: Header, origins: tuple[str, ...]) -> None:
    """GitLab ignores a second case with the same class and name, so objects with the same name differ."""
    found = [Outcome(Origin(each, 1), ALLOW, "imagestreams", namespace="prod", name="app") for each in origins]
    names = _known_to_gitlab(_written("junit", head, *found))
    assert len(set(names)) == len(names) == len(origins)


@pytest.mark.parametrize("rule", ["date", "file", "yaml", "symbol", "array", "integer", "boolean"])
def test_junit_type_is_no_type_of_rails(head: Header, rule: str) -> None:
    """GitLab reads an element's text by its attribute `type`, so a rule called `yaml` must not end the reading."""
    found = Outcome(Origin("a"), DENY, findings=(Finding(rule, Mode.ENFORCE, "m", "f"),), marks=(Mark(1),))
    (failure,) = _elements(_written("junit", head, found), "failure")
    assert failure.get("type") == f"rule {rule}"


def _sarif(head: Header, *outcomes: Outcome) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(_written("sarif", head, *outcomes))
    SARIF.validate(log)
    (run,) = log["runs"]
    return dict(run)


def test_sarif(head: Header, outcomes: list[Outcome]) -> None:
    """The log is valid by the schema of SARIF 2.1.0, and has the rules and the place of each finding's field."""
    run = _sarif(head, *outcomes)
    assert run["columnKind"] == "unicodeCodePoints"
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"], driver["rules"][1]["id"]) == (
        "istag-webhook",
        "1.2.3",
        "no-insecure-imports",
    )
    results = [
        (each["ruleId"], each["level"], each["message"]["text"], each["locations"][0].get("physicalLocation"))
        for each in run["results"]
    ]
    at = {"uri": "a%20b/c.yaml"}
    assert results == [
        ("quiet", "note", "prod/app:a,b: spec.tags[1].annotations: it is there",
         {"artifactLocation": at, "region": {"startLine": 9, "startColumn": 5}}),
        ("no", "error", 'prod/app:a,b: spec.tags[1].from.name: the value "50%" is wrong',
         {"artifactLocation": at, "region": {"startLine": 7, "startColumn": 3}}),
        ("soft", "warning", "prod/two: metadata.name: it is old", {"artifactLocation": at, "region": {"startLine": 21}}),
        ("quiet", "note", "prod/three: spec.tags[1].annotations: it is there",
         {"artifactLocation": {"uri": "prod/imagestreams/three"}, "region": {"startLine": 1}}),
    ]  # fmt: skip
    assert run["results"][3]["suppressions"] == [{"kind": "external", "justification": "exemption sre: an incident"}]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "file:///d.json"}, "region": {"startLine": 1},
    }  # fmt: skip
    assert len({each["partialFingerprints"]["finding/v1"] for each in run["results"]}) == 4
    # For a file the upload action computes it, and warns of each that is there already.
    hashes = [each["partialFingerprints"].get("primaryLocationLineHash") for each in run["results"]]
    assert hashes[:3] == [None] * 3
    assert re.fullmatch("[0-9a-f]{16}:1", hashes[3])


def _accepted_by_code_scanning(run: dict[str, Any]) -> None:
    """Hold a run against what docs.github.com says that code scanning requires, and rejects a whole file without."""
    for rule in run["tool"]["driver"]["rules"]:
        for text in ("shortDescription", "fullDescription", "help"):
            assert rule[text]["text"]
        assert len(rule["shortDescription"]["text"]) <= 1_024
        assert rule["defaultConfiguration"]["level"] in ("note", "warning", "error")
        assert len(rule["properties"]["tags"]) <= 10
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(ids) == len(set(ids))
    assert len(run["results"]) <= 25_000
    notified = [each for one in run["invocations"] for each in one["toolExecutionNotifications"] if "locations" in each]
    for each in (*run["results"], *notified):
        (location,) = each["locations"]
        uri = urlsplit(location["physicalLocation"]["artifactLocation"]["uri"])
        assert uri.scheme in ("", "file")
        assert uri.scheme == "file" or not uri.path.startswith(("/", "./"))
        assert uri.path
        assert location["physicalLocation"]["region"]["startLine"] >= 1


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("./a/../b.yaml", "b.yaml"), ("a:b.yaml", "a%3Ab.yaml"), ("//x/y.yaml", "file:///x/y.yaml"), ("-", "-"),
        ("é#?.yaml", "%C3%A9%23%3F.yaml"), ("../b.yaml", "../b.yaml"), ("", "prod/imagestreams-status/a%20b"),
    ],
)  # fmt: skip
def test_sarif_uris(head: Header, file: str, uri: str) -> None:
    """A path is a normal URI, relative to the checkout; an object of a cluster has the path of its namespace and kind."""
    finding = Finding("r", Mode.WARN, "m", "f")
    found = Outcome(Origin(file), ALLOW, "imagestreams/status", "", "prod", "a b", findings=(finding,), marks=(Mark(),))
    run = _sarif(head, found)
    _accepted_by_code_scanning(run)
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_sarif_leaves_room_for_errors(head: Header) -> None:
    """Code scanning accepts 25,000 results and shows the 5,000 gravest: errors fit in after any number of warnings."""
    modes = (*[Mode.AUDIT] * 13_000, *[Mode.WARN] * 13_000, *[Mode.ENFORCE] * 5_001)
    found = (Outcome(Origin("a"), ALLOW, findings=(Finding("r", mode, "m", "f"),), marks=(Mark(1),)) for mode in modes)
    (run,) = json.loads(_written("sarif", head, *found))["runs"]
    _accepted_by_code_scanning(run)
    levels = Counter(each["level"] for each in run["results"])
    assert levels == {"note": 13_000, "warning": 7_000, "error": 5_000}
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"].startswith("6,001 results omitted: code scanning accepts 25,000 results")


def test_sarif_names_a_finding_alike_wherever_it_stands(head: Header, outcomes: list[Outcome]) -> None:
    """A finding that moves to another line is the same finding to code scanning."""
    moved = replace(outcomes[0], marks=(Mark(90), Mark(70)))
    here, there = (_sarif(head, each)["results"][1]["partialFingerprints"] for each in (outcomes[0], moved))
    assert here == there


@examples(60)
@given(st.lists(_outcomes(), max_size=3))
def test_whatever_outcomes_hold(outcomes: list[Outcome]) -> None:
    """Hostile text breaks no format: each reader finds as many outcomes as there are."""
    head = Header("check", "p\ufffe", "sha256:0", "1", "2026-01-02T03:04:05Z")
    findings = sum(len(outcome.findings) for outcome in outcomes)
    run = _sarif(head, *outcomes)
    _accepted_by_code_scanning(run)
    assert len(run["results"]) == findings
    suites = JUnitXml.fromstring(_written("junit", head, *outcomes))
    assert sum(len(list(suite)) for suite in suites) == len(outcomes)
    report = yaml.safe_load(_written("yaml", head, *outcomes))
    assert report["outcomes"] == [outcome.as_json() for outcome in outcomes]
    commands = _written("github", head, *outcomes).split("\n")[:-1]
    assert len(commands) == findings + sum(outcome.verdict == ERROR for outcome in outcomes)
    assert all(re.fullmatch("::(error|warning|notice) [^\r]*::[^\r]*", command) for command in commands)


def test_empty_reports(head: Header) -> None:
    """A report of nothing is whole in every format."""
    assert _sarif(head)["results"] == []
    assert list(JUnitXml.fromstring(_written("junit", head))) == []
    assert yaml.safe_load(_written("yaml", head))["outcomes"] == []
    assert json.loads(_written("json", head))["outcomes"] == []
    assert _written("github", head) == ""
    assert _written("table", head) == "0 evaluated: 0 allowed, 0 denied; findings: 0 enforce, 0 warn, 0 audit\n"


_COUNTED = ("html", "openreports", "wgpolicyk8s")


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in _COUNTED])
def test_formats_stream(head: Header, name: str) -> None:
    """A format writes while outcomes come: of many files it holds one at most; only a page and a report count first."""
    taken = 0

    def many() -> Iterator[Outcome]:
        nonlocal taken
        for taken in range(1, 1001):
            finding = Finding("r", Mode.WARN, "m", "f")
            yield Outcome(Origin(f"{taken}.yaml", 1), ALLOW, findings=(finding,), marks=(Mark(1),))

    pieces = writer(name)(head, many(), Tally())
    while "500.yaml" not in next(pieces):
        pass
    assert taken <= 502


def test_a_stream_of_many_tags_has_a_short_title() -> None:
    """Three tags are named, a thousand are their stream; a finding says which tag it means."""
    tags = tuple(
        {"path": f"spec.tags[{index}]", "tag": f"prod/app:{index}", "from": None, "to": ""} for index in range(20)
    )
    few, many = (Outcome(Origin(), DENY, namespace="prod", name="app", tags=some) for some in (tags[:3], tags))
    assert (few.title, many.title) == ("prod/app:0, prod/app:1, prod/app:2", "prod/app")
    fields = ("spec.tags[1].from.name", "spec.tags[10]", "spec.lookupPolicy")
    findings = tuple(Finding("r", Mode.WARN, "m", field) for field in fields)
    found = [subject for _, _, subject in replace(many, findings=findings, marks=(Mark(),) * 3).subjects()]
    assert found == ["prod/app:1", "prod/app:10", "prod/app"]
