"""`test`: policy tests, the comparison for a failed case, and coverage."""

import json
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result
from junitparser import Failure, JUnitXml
from tests.support.builders import HEAD, docker, istag_of, review_of, tag_of, without_columns

from webhook.cli.main import main
from webhook.evaluate.cases import schema
from webhook.policy.loading import load, shipped

_TEST_HEAD = "apiVersion: istag-webhook/v1\nkind: ImageTagPolicyTest\nmetadata: {name: test}\n"
_POLICY = """\
spec:
  exemptions:
  - {name: break-glass, groups: [sre], annotation: istag-webhook/reason}
  defaults:
  - {name: keep, match: {namespaces: [prod]}, set: {importPolicy: {importMode: PreserveOriginal}}}
  rules:
  - {name: no-quay, registries: {deny: [quay.io]}}
  - {name: by-digest, mode: warn, match: {exclude: {namespaces: [dev]}}, pin: {digest: true}}
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with a policy."""
    (tmp_path / "policy.yaml").write_text(HEAD + _POLICY)
    return tmp_path


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["test", *map(str, arguments)])


def _cases(directory: Path, *cases: str, name: str = "policy.test.yaml", spec: str = "") -> Path:
    path = directory / name
    lines = "".join(f"  - {case}\n" for case in cases)
    path.write_text(f"{_TEST_HEAD}spec:\n{spec}  cases:\n{lines}")
    return path


def test_the_shipped_policy_has_tests() -> None:
    """The shipped policy comes out as its tests expect, and no entry of it is left out."""
    done = _run("--coverage", "--fail-uncovered")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-4:] == [
        "shipped: 6 of 6 rules covered", "shipped: 1 of 1 defaults covered", "shipped: 1 of 1 exemptions covered",
        "14 cases: 14 passed, 0 failed",
    ]  # fmt: skip


_DIGEST = "docker.io/a/b@sha256:" + "a" * 64


def test_a_failing_case_shows_both_sides(directory: Path) -> None:
    """A failed case shows the expected and the reported findings, and exits with 1."""
    path = _cases(
        directory,
        "{name: one, change: {from: quay.io/a/b}, expect: {verdict: allow, findings: [{rule: by-digest, mode: enforce}]}}",
        "{name: two, change: {from: docker.io/a/b}, expect: {verdict: allow}}",
        "{name: three, change: {from: docker.io/a/b}, expect: {verdict: deny}}",
        "{name: four, change: {from: docker.io/a/b, namespace: prod}, expect: {findings: [{rule: none}, {rule: by-digest}],"
        " patch: [{path: /tag/importPolicy/importMode, value: Legacy}], exemption: break-glass}}",
    )
    done = _run(path)
    assert done.output.splitlines() == [
        f"{path}:6: one: failed",
        "                  expected        reported",
        "  ~ verdict       allow           deny",
        "    finding rule  by-digest       by-digest",
        "  ~   mode        enforce         warn",
        "      field       (not compared)  tag.from.name",
        '      message     (not compared)  "quay.io/a/b" has no digest; expected name@digest',
        "  + finding rule                  no-quay",
        "  +   mode                        enforce",
        "  +   field                       tag.from.name",
        '  +   message                     "quay.io/a/b" is a denied repository; denied: quay.io',
        f"{path}:7: two: passed",
        f"{path}:8: three: failed",
        "                  expected        reported",
        "  ~ verdict       deny            allow",
        "    finding rule  (not compared)  by-digest",
        "      mode        (not compared)  warn",
        "      field       (not compared)  tag.from.name",
        '      message     (not compared)  "docker.io/a/b" has no digest; expected name@digest',
        f"{path}:9: four: failed",
        "                  expected                                 reported",
        "    verdict       (not compared)                           allow",
        "  - finding rule  none",
        "    finding rule  by-digest                                by-digest",
        "      mode        (not compared)                           warn",
        "      field       (not compared)                           tag.from.name",
        '      message     (not compared)                           "docker.io/a/b" has no digest; expected name@digest',
        '  ~ patch         /tag/importPolicy/importMode = "Legacy"  /tag/importPolicy/importMode = "PreserveOriginal"',
        "  ~ exemption     break-glass                              none",
        "4 cases: 1 passed, 3 failed",
    ]
    assert done.exit_code == 1


def test_a_long_expectation_is_wrapped(directory: Path) -> None:
    """However long what was expected is, what was reported begins within 80 columns."""
    words = "a message that no rule of this policy has ever reported, " * 3
    path = _cases(
        directory,
        f"{{name: x, change: {{from: docker.io/a/b}}, expect: {{findings: [{{rule: by-digest, message: '{words}'}}]}}}}",
    )
    (line,) = (each for each in _run(path).output.splitlines() if each.startswith("  ~   message"))
    assert line.index('"docker.io/a/b" has no digest') < 80


_NAMED = [
    f"{{name: '{name}', change: {{from: quay.io/a/b:1}}, expect: {{verdict: {verdict}}}}}"
    for name, verdict in (
        ("Quay is denied", "deny"),
        ("quay is allowed", "allow"),
        ("the digest [a]", "deny"),
        ("100%", "deny"),
    )
]


@pytest.mark.parametrize(
    ("options", "names", "code"),
    [
        ([], ["Quay is denied", "quay is allowed", "the digest [a]", "100%"], 1),
        (["-k", "denied"], ["Quay is denied"], 0),
        (["-k", "QUAY"], ["Quay is denied", "quay is allowed"], 1),
        (["-k", "quay*"], ["Quay is denied", "quay is allowed"], 1),
        (["-k", "*is d*"], ["Quay is denied"], 0),
        (["-k", "1?0%"], ["100%"], 0),
        (["-k", "[r-t]*"], ["the digest [a]"], 0),
        (["-k", "[a]"], ["the digest [a]"], 0),
        (["-k", "digest", "-k", "100"], ["the digest [a]", "100%"], 0),
        (["-k", ""], ["Quay is denied", "quay is allowed", "the digest [a]", "100%"], 1),
        (["-k", "uay*"], [], 2),
        (["-k", "denied", "--coverage"], ["Quay is denied"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("form", ["table", "json", "junit"])
def test_selected(directory: Path, options: list[str], names: list[str], code: int, form: str) -> None:
    """`-k` selects by a part of the name or by a glob; every format has the selected cases only; none is an error."""
    path = _cases(directory, *_NAMED)
    done = _run(path, "--format", form, *options)
    assert done.exit_code == code
    left = len(_NAMED) - len(names)
    failed = names.count("quay is allowed")
    if form == "table":
        found = [line.split(": ")[1] for line in done.stdout.splitlines() if line.startswith(f"{path}:")]
        summary = f"{len(names)} case{'s' * (len(names) != 1)}: {len(names) - failed} passed, {failed} failed"
        assert done.stdout.splitlines()[-1] == summary + (f", {left} deselected" if left else "")
    elif form == "json":
        report = json.loads(done.stdout)
        found = [case["name"] for case in report["cases"]]
        assert report["summary"] == {
            "cases": len(names),
            "passed": len(names) - failed,
            "failed": failed,
            "deselected": left,
        }
    else:
        suites = list(JUnitXml.fromstring(done.stdout.encode()))
        found = [case.name for suite in suites for case in suite]
        assert [(suite.tests, suite.failures) for suite in suites] == ([(len(names), failed)] if names else [])
    assert found == names
    wanted = '-k: expected the name of a case to contain or match "uay*", got none among 4 cases\n'
    assert done.stderr == ("" if names else wanted)


def test_a_policy_without_a_selected_case_is_not_loaded(directory: Path) -> None:
    """A deselected case needs no policy; a document that cannot be read is still an error."""
    _cases(directory, *_NAMED)
    _cases(
        directory,
        "{name: other, change: {from: a}, expect: {verdict: deny}}",
        name="a.test.yaml",
        spec="  policies: [missing.yaml]\n",
    )
    assert _run(directory, "-k", "denied").exit_code == 0
    (directory / "b.test.yaml").write_text("a: [")
    assert _run(directory, "-k", "denied").exit_code == 2


def test_quiet(directory: Path) -> None:
    """`-q` leaves out what passed; what failed is shown with both sides."""
    lines = _run(_cases(directory, *_NAMED), "-q").output.splitlines()
    assert lines[0] == f"{directory}/policy.test.yaml:7: quay is allowed: failed"
    assert [line for line in lines if ": passed" in line] == []
    assert (lines[2], lines[-1]) == ("  ~ verdict       allow           deny", "4 cases: 3 passed, 1 failed")
    assert _run(directory, "-q", "-k", "denied").output == "1 case: 1 passed, 0 failed, 3 deselected\n"


def test_verbose(directory: Path) -> None:
    """`-v` shows the verdict, the findings, what the defaults set and the exemption of each case."""
    path = _cases(
        directory,
        "{name: one, change: {from: quay.io/a/b:1, namespace: prod, annotations: {istag-webhook/reason: fire}}, groups: [sre], expect: {verdict: allow}}",
        f"{{name: two, change: {{from: '{_DIGEST}', namespace: prod}}, expect: {{verdict: allow}}}}",
    )
    assert _run(path, "-v").output.splitlines() == [
        f"{path}:6: one: passed",
        "  verdict: allow (exempt: break-glass)",
        '  audit: tag.from.name: "quay.io/a/b" is a denied repository; denied: quay.io (rule no-quay)',
        '  audit: tag.from.name: "quay.io/a/b:1" has no digest; expected name@digest (rule by-digest)',
        f"{path}:7: two: passed",
        "  verdict: allow",
        '  sets /tag/importPolicy/importMode to "PreserveOriginal"',
        "2 cases: 2 passed, 0 failed",
    ]


def test_another_policy(directory: Path) -> None:
    """`--policy` takes the place of the policies that the documents name, and is loaded once."""
    path = _cases(directory, *_NAMED, spec="  policies: [missing.yaml]\n")
    assert _run(path).exit_code == 2
    assert _run(path, "--policy", directory / "policy.yaml", "-k", "denied").exit_code == 0
    for name, rule in (("a", "registries: {deny: [ghcr.io]}"), ("b", "registries: {deny: [quay.io]}")):
        (directory / f"{name}.yaml").write_text(f"{HEAD}spec:\n  rules:\n  - {{name: {name}, {rule}}}\n")
    assert _run(path, "--policy", directory / "a.yaml", "-k", "denied").exit_code == 1
    done = _run(path, "--policy", directory / "a.yaml", "--policy", directory / "b.yaml", "-k", "denied", "-v")
    assert (done.exit_code, "(rule b)" in done.output) == (0, True)
    _cases(directory, *_NAMED, name="second.test.yaml")
    done = _run(path, directory / "second.test.yaml", "--policy", directory / "none.yaml")
    assert (done.exit_code, done.stderr) == (2, f"{directory}/none.yaml: cannot be read: No such file or directory\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-q", "-v"], "expected one of -q and -v, got both"),
        (["-k"], "Option '-k' requires an argument"),
        (["--policy"], "Option '--policy' requires an argument"),
        (["--format", "sarif"], "'sarif' is not one of 'table', 'json', 'junit'"),
    ],
    ids=["both", "k", "policy", "format"],
)
def test_wrong_arguments(options: list[str], said: str) -> None:
    """Wrong arguments end with 2 and a sentence."""
    done = _run(*options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_colours_on_a_terminal(directory: Path) -> None:
    """On a terminal differences are coloured and columns aligned; elsewhere there are no colours."""
    path = _cases(directory, "{name: one, change: {from: quay.io/a/b}, expect: {verdict: allow}}")
    coloured = CliRunner().invoke(main, ["test", str(path)], color=True).output
    assert "\x1b[31m~\x1b[0m verdict       \x1b[32mallow\x1b[0m           \x1b[31mdeny\x1b[0m\n" in coloured
    assert click.unstyle(coloured) == _run(path).output


def test_json(directory: Path) -> None:
    """The JSON report has each case with its findings, both sides of it, and what is not covered."""
    path = _cases(
        directory, "{name: one, change: {from: quay.io/a/b:1}, expect: {verdict: allow, findings: [{rule: by-digest}]}}"
    )
    done = _run(path, "--format", "json", "--coverage")
    report = json.loads(done.output)
    (case,) = report["cases"]
    assert (done.exit_code, report["kind"], report["coverage"][0]["uncovered"]["defaults"]) == (
        1,
        "PolicyTestReport",
        ["keep"],
    )
    assert [case[key] for key in ("file", "line", "name", "passed", "verdict", "exemption")] == [
        str(path),
        6,
        "one",
        False,
        "deny",
        None,
    ]
    assert [finding["rule"] for finding in case["findings"]] == ["no-quay", "by-digest"]
    rows = [tuple(row.values()) for row in case["comparison"]]
    assert ("verdict", "different", "allow", "deny") in rows
    assert ("finding rule", "same", "by-digest", "by-digest") in rows
    assert ("finding mode", "not compared", None, "warn") in rows
    assert ("finding rule", "unexpected", None, "no-quay") in rows


@pytest.mark.parametrize(
    ("case", "passes"),
    [
        ("change: {from: docker.io/a/b:1}, expect: {findings: [{rule: by-digest, mode: warn}]}", True),
        ("change: {from: docker.io/a/b:1}, expect: {findings: [{rule: by-digest, mode: enforce}]}", False),
        ("change: {from: docker.io/a/b:1}, expect: {findings: [{rule: by-digest, message: no digest}]}", True),
        ("change: {from: docker.io/a/b:1}, expect: {findings: [{rule: by-digest, message: something}]}", False),
        ("change: {from: docker.io/a/b:1}, expect: {findings: [{rule: by-digest, field: tag.from.name}]}", True),
        ("change: {from: docker.io/a/b:1}, expect: {findings: [{rule: by-digest, field: tag}]}", False),
        ("change: {from: docker.io/a/b:1}, expect: {findings: []}", False),
        ("change: {from: docker.io/a/b:1}, expect: {findings: [{rule: by-digest}, {rule: by-digest}]}", False),
        ("change: {from: quay.io/a/b:1}, expect: {findings: [{rule: by-digest}, {rule: no-quay, mode: enforce}]}", True),
        ("change: {from: docker.io/a/b:1, namespace: dev}, expect: {findings: [], patch: []}", True),
        ("change: {from: docker.io/a/b:1, namespace: dev, resource: imagetags}, expect: {findings: []}", True),
        ("change: {from: docker.io/a/b:1, namespace: prod}, expect: {patch: []}", False),
        ("change: {from: docker.io/a/b:1, namespace: prod, resource: imagestreams}, expect: "
         "{patch: [{path: /spec/tags/0/importPolicy/importMode, value: PreserveOriginal}]}", True),
        ("change: {from: docker.io/a/b:1, namespace: prod, resource: imagestreamimports}, expect: "
         "{patch: [{op: add, path: /spec/images/0/importPolicy/importMode, value: Legacy}]}", False),
        ("change: {from: docker.io/a/b:1, old: {from: docker.io/a/b:1}}, expect: {findings: [{rule: by-digest, mode: audit}]}", True),
        ("change: {old: {from: quay.io/a/b:1}, resource: imagestreams}, expect: {verdict: allow, findings: []}", True),
        ("change: {from: {kind: Nonsense, name: a}}, expect: {verdict: deny}", True),
        ("change: {from: quay.io/a/b:1}, groups: [sre], expect: {verdict: deny}", True),
        ("change: {from: quay.io/a/b:1, annotations: {istag-webhook/reason: fire}}, groups: [sre], "
         "expect: {verdict: allow, exemption: break-glass}", True),
        ("change: {from: quay.io/a/b:1, annotations: {istag-webhook/reason: fire}}, user: sre, "
         "expect: {exemption: break-glass}", False),
        (f"object: {json.dumps(istag_of(tag_of(docker('quay.io/a/b:1'))))}, expect: {{verdict: deny}}", True),
        (f"object: {json.dumps(istag_of(tag_of(docker('quay.io/a/b:1'))))}, "
         f"oldObject: {json.dumps(istag_of(tag_of(docker('quay.io/a/b:1'))))}, expect: {{verdict: allow}}", True),
        ("review: review.json, expect: {verdict: deny}", True),
    ],
)  # fmt: skip
def test_expectations(directory: Path, case: str, passes: bool) -> None:
    """Verdict, findings, patch and exemption are compared as far as something is expected of them."""
    (directory / "review.json").write_text(json.dumps(review_of(docker("quay.io/a/b:1"))))
    done = _run(_cases(directory, f"{{name: x, {case}}}"))
    assert done.stderr == ""
    assert done.exit_code == (0 if passes else 1), done.output
    jsonschema.Draft202012Validator(schema()).validate(yaml.safe_load((directory / "policy.test.yaml").read_text()))


def test_coverage_names_what_no_case_meets(directory: Path) -> None:
    """A rule that says nothing in any case, a default that sets nothing, an exemption that is not used: each is named."""
    path = _cases(directory, "{name: x, change: {from: docker.io/a/b:1}, expect: {verdict: allow}}")
    done = _run(path, "--coverage")
    assert done.output.splitlines()[1:] == [
        "test: 1 of 2 rules covered; not: no-quay",
        "test: 0 of 1 defaults covered; not: keep",
        "test: 0 of 1 exemptions covered; not: break-glass",
        "1 case: 1 passed, 0 failed",
    ]
    assert done.exit_code == 0
    assert _run(path, "--fail-uncovered").exit_code == 1


def test_finds_tests_beside_policies(directory: Path) -> None:
    """A directory is searched for files of tests; each names its policy, or is named for it; the loader leaves them out."""
    case = "{name: x, change: {from: quay.io/a/b:1}, expect: {verdict: deny}}"
    _cases(directory, case)
    _cases(directory, case, name="other_test.yml", spec="  policies: [policy.yaml]\n")
    (directory / "deep").mkdir()
    _cases(directory / "deep", case, name="all.test.yaml", spec="  policies: [..]\n")
    done = _run(directory, "--coverage")
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "3 cases: 3 passed, 0 failed")
    assert load(directory).digest == load(directory / "policy.yaml").digest
    validated = CliRunner().invoke(main, ["policy", "validate", str(directory)])
    assert (validated.exit_code, validated.output.split(",")[:2]) == (0, ["ok: test", " 2 rules"])
    validated = CliRunner().invoke(main, ["policy", "validate", str(directory / "policy.test.yaml")])
    assert (validated.exit_code, validated.output) == (
        2,
        f"{directory}/policy.test.yaml: expected an ImageTagPolicy document, got none\n",
    )


@pytest.mark.parametrize(
    ("cases", "faults"),
    [
        (["{name: x}"], ["6: spec.cases[0]: expected exactly one of change, object, review; got none",
                         "6: spec.cases[0].expect: is required; expected a map"]),
        (["{name: x, change: {from: 1}, expect: {verdict: maybe}}"],
         ["6: spec.cases[0].change.from: expected an image reference, or a map with kind and name, got 1",
          '6: spec.cases[0].expect.verdict: expected allow or deny, got "maybe"']),
        (["{name: x, change: {tag: x}, expect: {}}"],
         ["6: spec.cases[0].change: expected at least one of from, old, got none",
          "6: spec.cases[0].expect: expected at least one of verdict, findings, patch, exemption, got none"]),
        (["{name: x, change: {resource: imagestreamimports, from: a, old: {from: b}}, expect: {verdict: allow}}"],
         ["6: spec.cases[0].change.old: a review of imagestreamimports has no old object"]),
        (["{name: x, review: r.json, oldObject: {}, expect: {verdict: allow}}"],
         ["6: spec.cases[0].oldObject: only valid with object"]),
        (["{name: x, change: {from: a}, expect: {verdict: allow}}"] * 2,
         ["7: spec.cases[1].name: duplicate name, first used on line 6"]),
        (["{name: x, change: {from: a}, expect: {findings: [{}], nonsense: 1}}"],
         ["6: spec.cases[0].expect.findings[0].rule: is required; expected a line of printable text",
          "6: spec.cases[0].expect.nonsense: unknown key; expected one of verdict, findings, patch, exemption"]),
        (["{name: x, object: {kind: Pod}, expect: {verdict: allow}}"],
         ["6: x: object: expected one of ImageStreamTag, ImageTag, ImageStream, ImageStreamImport, ImageStreamMapping "
          "of image.openshift.io/v1"]),
    ],
    ids=["nothing", "types", "empty", "import", "old", "twice", "findings", "pod"],
)  # fmt: skip
def test_faults(directory: Path, cases: list[str], faults: list[str]) -> None:
    """Every fault of a test is said at once, with file, line and path, and ends with 2."""
    path = _cases(directory, *cases)
    done = _run(path)
    assert (done.exit_code, without_columns(done.stderr).splitlines()) == (2, [f"{path}:{fault}" for fault in faults])


def test_what_can_be_run_is_run(directory: Path) -> None:
    """Missing files, a bad policy and a bad review do not keep the other cases from being run."""
    good = "{name: x, change: {from: quay.io/a/b:1}, expect: {verdict: deny}}"
    _cases(directory, good, "{name: y, review: missing.json, expect: {verdict: deny}}",
           "{name: z, review: policy.yaml, expect: {verdict: deny}}")  # fmt: skip
    _cases(directory, good, name="a.test.yaml", spec="  policies: [missing.yaml]\n")
    _cases(directory, good, name="b.test.yaml")
    (directory / "c.test.yaml").write_text("a: [")
    (directory / "d.test.yaml").write_text(HEAD + _POLICY)
    (directory / "empty").touch()
    done = _run(directory, directory / "missing", directory / "empty")
    assert done.exit_code == 2
    assert done.output.splitlines()[-1] != ""
    said = without_columns(done.stderr).splitlines()
    assert (
        said[0]
        == f"{directory}/c.test.yaml:1: expected YAML: the [ that opens here is not closed; expected ], the text ends"
    )
    assert said[1].startswith(f'{directory}/d.test.yaml:2: kind: expected ImageTagPolicyTest, got "ImageTagPolicy"')
    assert f"{directory}/missing: cannot be read: No such file or directory" in said
    assert f"{directory}/empty: expected a document of kind ImageTagPolicyTest, got nothing" in said
    assert f"{directory}/missing.yaml: cannot be read: No such file or directory" in said
    assert f"{directory}/b.yaml: cannot be read: No such file or directory" in said
    assert (
        f"{directory}/policy.test.yaml:7: y: review: {directory}/missing.json: cannot be read: No such file or directory"
        in said
    )
    assert any(line.startswith(f"{directory}/policy.test.yaml:8: z: expected an AdmissionReview: ") for line in said)
    assert "1 case: 1 passed, 0 failed" in done.stdout


def test_directory_without_tests(directory: Path) -> None:
    """A directory that holds no tests is said: a pipeline that tests nothing must not be green."""
    done = _run(directory)
    assert (done.exit_code, done.stderr) == (
        2,
        f"{directory}: expected a file with one of .test.yaml, .test.yml, .test.json, _test.yaml, _test.yml, _test.json, got none\n",
    )


def test_junit(directory: Path) -> None:
    """A reader of JUnit finds each case, and both sides of one that failed."""
    path = _cases(
        directory,
        "{name: 'a <b> & ]]>', change: {from: quay.io/a/b:1}, expect: {verdict: allow}}",
        "{name: two, change: {from: quay.io/a/b:1}, expect: {verdict: deny}}",
    )
    done = _run(path, "--format", "junit", "--output", directory / "report.xml")
    assert (done.exit_code, done.output) == (1, "")
    (suite,) = JUnitXml.fromfile(str(directory / "report.xml"))
    assert (suite.name, suite.tests, suite.failures) == (str(path), 2, 1)
    failed, passed = list(suite)
    assert (failed.name, passed.name, passed.result) == ("a <b> & ]]>", "two", [])
    assert isinstance(failed.result[0], Failure)
    assert failed.result[0].message == "verdict: expected allow, got deny"
    assert "  ~ verdict       allow           deny" in ["  " + line for line in str(failed.result[0].text).splitlines()]


def test_schema(directory: Path) -> None:
    """The schema that is printed takes the shipped tests, and denies what the loader denies."""
    printed: dict[str, Any] = json.loads(_run("--schema").output)
    validator = jsonschema.Draft202012Validator(printed)
    tests = Path(__file__).parents[2] / "webhook" / "policy" / "default.test.yaml"
    validator.validate(yaml.safe_load(tests.read_text()))
    _cases(directory, "{name: x, nonsense: 1, change: {}, expect: {}}")
    assert not validator.is_valid(yaml.safe_load((directory / "policy.test.yaml").read_text()))
    assert "kind: ImageTagPolicy\n" in shipped()
