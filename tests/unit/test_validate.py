"""`policy validate` in every format: errors and warnings with file, line and column."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from junitparser import Error, Failure, JUnitXml
from tests.support.builders import HEAD
from tests.unit.test_report import SARIF

from webhook.cli.main import main
from webhook.policy.lint.checks import names

_WARNED = (
    HEAD + "spec:\n  rules:\n    - name: signed\n      existing: audit\n      signatures: {}\n"
    "    - {name: b, mode: warn, immutable: {}}\n"
)
_PATH, _SENTENCE = (
    "spec.rules[0].signatures",
    "no review carries the fields that signatures reads; only scans evaluate the rule",
)
_WRONG = HEAD + "spec:\n  rules:\n    - name: A\n      immutable: {x: 1}\n"
# Line, column and sentence of each error.
_ERRORS = [
    (
        6,
        7,
        "spec.rules[0].name: expected a name of at most 63 lower-case letters, digits and '-', got \"A\"",
    ),
    (7, 19, "spec.rules[0].immutable.x: unknown key; expected one of unknown"),
]


@pytest.fixture
def warned(tmp_path: Path) -> Path:
    """A policy with one warning."""
    path = tmp_path / "policy.yaml"
    path.write_text(_WARNED)
    return path


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A policy with two errors."""
    path = tmp_path / "wrong.yaml"
    path.write_text(_WRONG)
    return path


def _run(path: Path, form: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["policy", "validate", "--format", form, *arguments, str(path)])


def test_json(warned: Path, wrong: Path) -> None:
    """JSON has an outcome for each entry with its warnings, or one for each error."""
    report = json.loads(_run(warned, "json").stdout)
    assert (report["command"], report["policy"]["name"], report["summary"]["findings"]["warn"]) == (
        "policy validate",
        "test",
        1,
    )
    signed, other = report["outcomes"]
    assert (signed["name"], signed["verdict"], signed["file"], signed["line"], signed["column"]) == (
        "rules/signed", "allow", str(warned), 6, 7,
    )  # fmt: skip
    (finding,) = signed["findings"]
    assert (finding["rule"], finding["mode"], finding["line"], finding["column"], finding["field"], finding["message"]) == (
        "nothing-to-evaluate", "warn", 8, 7, _PATH, _SENTENCE,
    )  # fmt: skip
    assert (other["name"], other["findings"]) == ("rules/b", [])
    done = _run(wrong, "json")
    report = json.loads(done.stdout)
    assert [
        (each["verdict"], each["file"], each["line"], each["column"], each["message"]) for each in report["outcomes"]
    ] == [("error", str(wrong), *error) for error in _ERRORS]
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [f"{wrong}:{line}:{column}: {sentence}" for line, column, sentence in _ERRORS]


def _sarif(done: Result) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(done.stdout)
    SARIF.validate(log)
    (run,) = log["runs"]
    known = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert known == {"invalid-policy", *names()}
    assert {result["ruleId"] for result in run["results"]} <= known
    return dict(run)


def test_sarif(warned: Path, wrong: Path) -> None:
    """SARIF has a result for each error and warning, with a region, and the documentation of each warning."""
    run = _sarif(_run(warned, "sarif"))
    (result,) = run["results"]
    assert (result["ruleId"], result["level"], result["message"]["text"]) == (
        "nothing-to-evaluate", "warning", f"rules/signed: {_PATH}: {_SENTENCE}",
    )  # fmt: skip
    (location,) = result["locations"]
    assert location["physicalLocation"]["region"] == {"startLine": 8, "startColumn": 7}
    run = _sarif(_run(wrong, "sarif"))
    found = [
        (*each["locations"][0]["physicalLocation"]["region"].values(), each["message"]["text"])
        for each in run["results"]
    ]
    assert found == _ERRORS
    assert {(each["ruleId"], each["level"]) for each in run["results"]} == {("invalid-policy", "error")}
    assert run["invocations"][0]["executionSuccessful"] is True
    assert len({each["partialFingerprints"]["finding/v1"] for each in run["results"]}) == 2


def test_github(warned: Path, wrong: Path) -> None:
    """A pull request has an annotation at the line and column of each error and warning."""
    assert _run(warned, "github").stdout == (
        f"::warning file={warned},line=8,col=7,title=nothing-to-evaluate::"
        f"rules/signed: {_PATH}: {_SENTENCE} (warning nothing-to-evaluate)\n"
    )
    assert _run(wrong, "github").stdout.splitlines() == [
        f"::error file={wrong},line={line},col={column},title=istag-webhook::{sentence}"
        for line, column, sentence in _ERRORS
    ]


def test_junit(warned: Path, wrong: Path, tmp_path: Path) -> None:
    """A test report has a case for each entry, which fails on a warning if warnings fail, or for each error."""
    report = tmp_path / "report.xml"
    done = _run(warned, "junit", "--output", str(report))
    assert (done.exit_code, done.stdout) == (0, "")
    (suite,) = JUnitXml.fromfile(str(report))
    assert (suite.name, suite.tests, suite.failures, suite.errors) == (str(warned), 2, 0, 0)
    case, _ = suite
    sentence = f"{warned}:8:7: {_PATH}: {_SENTENCE} (warning nothing-to-evaluate)"
    assert (case.name, case.system_out) == ("rules/signed", f"warn: {sentence}")
    assert _run(warned, "junit", "--output", str(report), "--fail-on-warn").exit_code == 1
    (suite,) = JUnitXml.fromfile(str(report))
    (failure,) = next(iter(suite)).result
    assert isinstance(failure, Failure)
    assert (failure.type, failure.message, failure.text) == (
        "warning nothing-to-evaluate",
        _SENTENCE,
        f"warn: {sentence}",
    )
    assert _run(wrong, "junit", "--output", str(report)).exit_code == 2
    (suite,) = JUnitXml.fromfile(str(report))
    errors = [case.result[0] for case in suite]
    assert all(isinstance(error, Error) for error in errors)
    assert [error.text for error in errors] == [
        f"{wrong}:{line}:{column}: {sentence}" for line, column, sentence in _ERRORS
    ]


def test_table(warned: Path, wrong: Path, tmp_path: Path) -> None:
    """A person reads a line for each error on standard error, or the summary and a line for each warning."""
    done = _run(wrong, "table", "--output", str(tmp_path / "table"))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [f"{wrong}:{line}:{column}: {sentence}" for line, column, sentence in _ERRORS]
    assert not (tmp_path / "table").exists()
    done = _run(warned, "table", "--output", str(tmp_path / "table"))
    assert (done.exit_code, done.stdout) == (0, "")
    assert (tmp_path / "table").read_text().splitlines()[1:] == [
        f"{warned}:8:7: warning: {_PATH}: {_SENTENCE} (warning nothing-to-evaluate)"
    ]


@pytest.mark.parametrize("form", ["table", "json", "sarif", "github", "junit"])
def test_each_format_says_which_file(form: str, warned: Path, wrong: Path) -> None:
    """A policy of several files reports each error in its own file, however it cannot be read."""
    (warned.parent / "broken.yaml").write_text("a: [\n")
    (warned.parent / "binary.yaml").write_bytes(b"\xff")
    done = _run(warned.parent, form)
    assert done.exit_code == 2
    said = done.stderr if form == "table" else done.stdout
    for name in (wrong.name, "broken.yaml", "binary.yaml"):
        assert name in said


def test_nothing_to_warn_of() -> None:
    """The shipped policy passes with warnings that fail, in every format."""
    for form in ("table", "json", "sarif", "github", "junit"):
        done = CliRunner().invoke(main, ["policy", "validate", "--fail-on-warn", "--format", form])
        assert (done.exit_code, done.stderr) == (0, "")
    assert CliRunner().invoke(main, ["policy", "validate", "--format", "yaml"]).exit_code == 2
