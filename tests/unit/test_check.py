"""`check`: reviews and manifests of every kind, from wherever they come, and how the command ends."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner, Result
from tests.support.assets import kubectl
from tests.support.builders import (
    HEAD,
    REVIEWS,
    docker,
    imported,
    istag_of,
    itag_of,
    push_review,
    review_of,
    stream_of,
    tag_of,
    without_columns,
)
from tests.support.sentences import INSECURE_IMPORT, UNREADABLE

from webhook.cli.main import main

_MANIFEST = """\
apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata: {name: "app:live", namespace: prod}
tag:
  from: {kind: DockerImage, name: quay.io/acme/app:1}
"""
_INSECURE = _MANIFEST + "  importPolicy: {insecure: true}\n"
_STREAM = """\
apiVersion: image.openshift.io/v1
kind: ImageStream
metadata: {name: app}
spec:
  tags:
  - name: live
    from:
      kind: DockerImage
      name: quay.io/acme/app:1
    importPolicy:
      insecure: true
"""
_OTHER = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n"


def _run(*arguments: str | Path, given: str | bytes | None = None, **environment: str) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)], input=given, env=environment)


def _outcomes(*arguments: str | Path, given: str | bytes | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(_run(*arguments, "--format", "json", given=given).stdout)["outcomes"]
    return found


def _policy(path: Path, spec: str) -> Path:
    path.write_text(HEAD + spec)
    return path


@pytest.fixture
def tag(tmp_path: Path) -> Path:
    """A manifest that the shipped policy lets through."""
    path = tmp_path / "tag.yaml"
    path.write_text(_MANIFEST)
    return path


def test_allows(tag: Path) -> None:
    """A manifest as users write it is evaluated with what the API server fills in, and says what would be completed."""
    done = _run(tag)
    assert done.output.splitlines() == [
        f"{tag}:1: prod/app:live: allowed",
        f'  audit: {tag}:5:29: tag.from.name: "quay.io/acme/app:1" has no digest; expected name@digest (rule images-by-digest)',
        '  sets /tag/importPolicy/importMode to "PreserveOriginal"',
        "1 evaluated: 1 allowed, 0 denied; findings: 0 enforce, 0 warn, 1 audit",
    ]
    assert done.exit_code == 0


def test_refuses(tmp_path: Path) -> None:
    """One document of several that would be denied ends with 1; the others are evaluated, and a sentence names the line."""
    path = tmp_path / "tags.yaml"
    path.write_text(f"{_MANIFEST}---\n{_INSECURE}---\n{_OTHER}---\n{_MANIFEST}")
    done = _run(path)
    lines = [line.removeprefix(f"{path}:") for line in done.output.splitlines() if not line.startswith(" ")]
    assert lines == [
        "1: prod/app:live: allowed", "7: prod/app:live: denied", "18: prod/app:live: allowed",
        "3 evaluated: 2 allowed, 1 denied; findings: 1 enforce, 0 warn, 3 audit; skipped: 1 (Service of v1: 1)",
    ]  # fmt: skip
    assert f"  enforce: {path}:12:18: tag.importPolicy.insecure: {INSECURE_IMPORT}" in done.output
    assert done.exit_code == 1


@pytest.mark.parametrize("form", ["json", "lines", "yaml", "stdin"])
def test_reviews(tmp_path: Path, form: str) -> None:
    """AdmissionReviews are evaluated as they were recorded; the line is that of the field in the review."""
    document = review_of(docker("nginx:1"), tag={"importPolicy": {"insecure": True}})
    path = tmp_path / "review"
    text = json.dumps(document, indent=1 if form in ("lines", "yaml") else None)
    path.write_text(f"# a review\n{text}" if form == "yaml" else text)
    done = _run("-" if form == "stdin" else path, "--format", "json", given=path.read_text())
    (finding,) = [each for each in json.loads(done.stdout)["outcomes"][0]["findings"] if each["mode"] == "enforce"]
    expected = next(number for number, line in enumerate(path.read_text().splitlines(), 1) if '"insecure"' in line)
    assert (done.exit_code, finding["field"], finding["line"]) == (1, "tag.importPolicy.insecure", expected)


_TAG = {"name": "live", "from": docker("quay.io/acme/app:1"), "importPolicy": {"insecure": True}}
_METADATA = {"name": "app", "namespace": "app"}


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("ImageStreamTag", {"metadata": {"name": "app:live"}, "tag": _TAG}, "tag.importPolicy.insecure"),
        ("ImageTag", {"metadata": {"name": "app:live"}, "spec": _TAG}, "spec.importPolicy.insecure"),
        ("ImageStream", {"metadata": _METADATA, "spec": {"tags": [_TAG]}}, "spec.tags[0].importPolicy.insecure"),
        (
            "ImageStreamImport",
            {
                "metadata": _METADATA,
                "spec": {"import": True, "images": [imported("a/b:1", importPolicy={"insecure": True})]},
            },
            "spec.images[0].importPolicy.insecure",
        ),
        ("ImageStreamMapping", {"metadata": _METADATA, "image": {"metadata": {"name": "x"}}, "tag": "a b"}, "tag"),
    ],
    ids=["ImageStreamTag", "ImageTag", "ImageStream", "ImageStreamImport", "ImageStreamMapping"],
)
@pytest.mark.parametrize("form", ["alone", "list", "typed-list"])
def test_every_kind(tmp_path: Path, kind: str, fields: dict[str, Any], field: str, form: str) -> None:
    """A manifest of every kind is evaluated, in Lists and typed lists too, and each finding has the line of its field."""
    manifest = {"apiVersion": "image.openshift.io/v1", "kind": kind, **fields}
    document: dict[str, Any] = manifest
    if form == "list":
        document = {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod"}, manifest]}
    if form == "typed-list":
        document = {"apiVersion": "image.openshift.io/v1", "kind": f"{kind}List", "items": [fields]}
    path = tmp_path / "input.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    *_, outcome = _outcomes(path)
    refusals = [each for each in outcome["findings"] if each["mode"] == "enforce"]
    assert (outcome["verdict"], outcome["operation"], [each["field"] for each in refusals]) == (
        "deny",
        "CREATE",
        [field],
    )
    key = field.rpartition(".")[2]
    assert path.read_text().splitlines()[refusals[0]["line"] - 1].strip().startswith(f"{key}:")


def test_what_the_cluster_prints(tmp_path: Path) -> None:
    """`oc get is -o yaml` has a status, which a create or apply does not write: it says nothing."""
    check = '{expression: "!has(object.status.tags)", message: "it has a status"}'
    spec = f"spec: {{rules: [{{name: a, existing: enforce, expression: {{validations: [{check}]}}}}]}}\n"
    policy = _policy(tmp_path / "policy.yaml", spec)
    condition = {"type": "ImportSuccess", "status": "False", "generation": 1}
    stream = stream_of(tag_of(docker("quay.io/acme/app:1")))
    stream["status"]["tags"] = [{"tag": "live", "items": [], "conditions": [condition]}]
    path = tmp_path / "is.yaml"
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [stream]}))
    assert _run(path, "--policy", policy).exit_code == 0
    assert _run(path, "--policy", policy, "--old", path).exit_code == 1  # what was there keeps its status


def test_what_kustomize_prints(tmp_path: Path) -> None:
    """The output of kustomize is evaluated as it comes: our objects in the namespace that it sets, the others skipped."""
    (tmp_path / "stream.yaml").write_text(_STREAM)
    (tmp_path / "service.yaml").write_text(_OTHER)
    (tmp_path / "kustomization.yaml").write_text(
        "namespace: prod\nnameSuffix: '-1'\nresources: [service.yaml, stream.yaml]\n"
    )
    made = subprocess.run([kubectl(), "kustomize", tmp_path], capture_output=True, check=True).stdout
    skipped, outcome = _outcomes("-", given=made)
    assert (skipped["verdict"], skipped["message"]) == ("skip", "Service of v1")
    assert (outcome["verdict"], outcome["tags"][0]["tag"]) == ("deny", "prod/app-1:live")
    refusals = {each["field"]: each["line"] for each in outcome["findings"] if each["mode"] == "enforce"}
    line = next(number for number, text in enumerate(made.decode().splitlines(), 1) if "insecure: true" in text)
    assert refusals == {"spec.tags[0].importPolicy.insecure": line}


def test_updates(tmp_path: Path) -> None:
    """Objects in --old are replaced: existing violations are ignored, new ones are evaluated."""
    old, new = tmp_path / "old", tmp_path / "new.yaml"
    old.mkdir()
    (old / "streams.yaml").write_text(f"{_OTHER}---\n{_STREAM}")
    added = "  - name: second\n    from: {kind: DockerImage, name: quay.io/acme/app:2}\n"
    new.write_text(_STREAM + added)
    assert _run(new).exit_code == 1
    done = _run(new, "--old", old)
    assert (done.exit_code, done.output.splitlines()[0]) == (0, f"{new}:1: default/app:second: allowed")
    new.write_text(_STREAM + added + "    importPolicy: {insecure: true}\n")
    (outcome,) = _outcomes(new, "--old", old)
    assert (outcome["operation"], outcome["verdict"]) == ("UPDATE", "deny")
    # Another namespace or name is another object.
    assert _run(new, "--old", old, "--namespace", "x").exit_code == 1
    (old / "streams.yaml").write_text(_STREAM.replace("name: app", "name: other"))
    assert _outcomes(new, "--old", old)[0]["operation"] == "CREATE"


def test_old_of_every_kind(tmp_path: Path) -> None:
    """Tags, ImageTags and streams are updated; imports and pushes are always created."""
    objects = [
        istag_of(tag_of(docker("a/b:1"))), itag_of(tag_of(docker("a/b:1"))), stream_of(tag_of(docker("a/b:1"))),
        {"apiVersion": "image.openshift.io/v1", "kind": "ImageStreamImport", "metadata": _METADATA,
         "spec": {"import": True, "images": [imported("a/b:1")]}},
        push_review()["request"]["object"],
    ]  # fmt: skip
    path = tmp_path / "objects.json"
    path.write_text("\n".join(map(json.dumps, objects)))
    outcomes = _outcomes(path, "--old", path)
    assert [each["operation"] for each in outcomes] == ["UPDATE", "UPDATE", "UPDATE", "CREATE", "CREATE"]


def test_directories(tmp_path: Path) -> None:
    """A directory is searched recursively, by name; .git is not, and other objects are skipped."""
    for name, text in {
        "b/deep/tag.yml": _INSECURE, "a.yaml": _MANIFEST, "c.json": json.dumps(review_of(docker("nginx:1"))),
        "values.yaml": "replicas: 3\n", "empty.yaml": "", "notes.txt": "not: [yaml", ".git/x.yaml": "not: [yaml",
        "kustomization.yaml": "resources: [a.yaml]\n",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    done = _run(tmp_path)
    assert [line for line in done.output.splitlines() if not line.startswith(" ")] == [
        f"{tmp_path}/a.yaml:1: prod/app:live: allowed",
        f"{tmp_path}/c.json:1: app/app:live: allowed",
        f"{tmp_path}/b/deep/tag.yml:1: prod/app:live: denied",
        "3 evaluated: 2 allowed, 1 denied; findings: 1 enforce, 0 warn, 3 audit; skipped: 3 (not a Kubernetes object: 2; contains no object: 1)",
    ]
    assert done.exit_code == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_OTHER, "Service of v1"),
        (HEAD + "spec: {rules: []}", "ImageTagPolicy of istag-webhook/v1"),
        ("apiVersion: v1\nkind: List\nitems: []\n", "contains no object"),
        ("# only a comment\n", "contains no object"),
        ("apiVersion: template.openshift.io/v1\nkind: Template\nobjects: []\n", "Template of template.openshift.io/v1"),
    ],
    ids=["service", "policy", "empty-list", "comment", "template"],
)
def test_a_file_with_nothing_for_us(tmp_path: Path, text: str, said: str) -> None:
    """It is no fault, and it is said."""
    (tmp_path / "x.yaml").write_text(text)
    done = _run(tmp_path / "x.yaml")
    assert (done.exit_code, done.stderr) == (0, f"{tmp_path}/x.yaml: nothing to evaluate: {said}\n")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", ": expected a review or a manifest, got nothing"),
        ("{", ":1: expected JSON: Expecting property name enclosed in double quotes"),
        ("a: [", ":1: expected YAML: the [ that opens here is not closed; expected ], the text ends"),
        ("a: 1\n", ":1: expected a Kubernetes object, with apiVersion and kind"),
        ("- a\n", ":1: expected a Kubernetes object, with apiVersion and kind"),
        ("\n\nplain", ":3: expected a Kubernetes object, with apiVersion and kind"),
        ("\x7fELF\x00\x01", ":1: expected YAML: control characters are not allowed (U+007F)"),
        (b"a: \xff\xfe", ": expected UTF-8; byte 3 is invalid"),
        (
            "kind: ImageStream\napiVersion: v1\n",
            ':2: apiVersion: expected image.openshift.io/v1 for kind ImageStream, got "v1"',
        ),
        (
            json.dumps(review_of(None, operation="PATCH"), indent=1),
            ":1: expected an AdmissionReview: request.operation: Unsupported value",
        ),
        ('{"kind":"AdmissionReview"}', ":1: expected an AdmissionReview: apiVersion: "),
        (
            '{"kind":"AdmissionReview","kind":"AdmissionReview"}',
            ":1: kind: duplicate key",
        ),
        (_MANIFEST + "tag: {}\n", ":6: tag: duplicate key"),
    ],
    ids=["empty", "json", "yaml", "object", "list", "text", "binary", "utf-8", "legacy", "operation", "review", "twice",
         "yaml-twice"],
)  # fmt: skip
def test_unusable(tmp_path: Path, tag: Path, text: str | bytes, sentence: str) -> None:
    """A file that cannot be used ends with 2, and the sentence says which, where, and what was expected."""
    path = tmp_path / "input"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = _run(path, tag)
    assert done.exit_code == 2
    assert without_columns(done.stderr).startswith(f"{path}{sentence}")
    assert "prod/app:live: allowed" in done.stdout


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", ": expected a review or a manifest, got nothing"),
        ("a: [", ":1: expected YAML: the [ that opens here is not closed; expected ], the text ends"),
        (f"{_MANIFEST}---\n{_MANIFEST}", ":7: ImageStreamTag/prod/app:live: duplicate object in --old"),
    ],
    ids=["empty", "yaml", "twice"],
)
def test_unusable_before(tmp_path: Path, tag: Path, text: str, sentence: str) -> None:
    """The old objects must be valid too: without them the verdict could differ."""
    path = tmp_path / "old"
    path.write_text(text)
    done = _run(tag, "--old", path)
    assert (done.exit_code, without_columns(done.stderr)) == (2, f"{path}{sentence}\n")


def test_goes_on_after_what_cannot_be_read(tmp_path: Path, tag: Path) -> None:
    """One unusable file or directory does not keep the others from being evaluated."""
    (tmp_path / "empty").mkdir()
    done = _run(tmp_path / "missing", tmp_path / "empty", tag)
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        f"{tmp_path}/missing: {UNREADABLE}",
        f"{tmp_path}/empty: expected a file with one of .yaml, .yml, .json, got none",
    ]
    assert "prod/app:live: allowed" in done.stdout
    assert done.stdout.endswith("; unusable: 2\n")


def test_with_a_bad_policy(tmp_path: Path) -> None:
    """A policy that cannot be used ends with 2 before anything is evaluated."""
    (tmp_path / "policy.yaml").write_text("a: 1")
    done = _run("-", "--policy", tmp_path / "policy.yaml", given=_MANIFEST)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{tmp_path}/policy.yaml:1:1: a: unknown key" in done.stderr


def test_plays_a_user(tmp_path: Path, tag: Path) -> None:
    """A manifest is evaluated as if `--user` sent it, a member of `--group`; policies add up."""
    first = _policy(
        tmp_path / "first.yaml", "spec: {exemptions: [{name: x, groups: [sre]}, {name: y, users: [bob]}]}\n"
    )
    second = _policy(tmp_path / "second.yaml", "spec: {rules: [{name: a, registries: {deny: [quay.io]}}]}\n")
    arguments: list[str | Path] = [tag, "--policy", first, "--policy", second]
    assert _run(*arguments).exit_code == 1
    assert "allowed (exempt: x)" in _run(*arguments, "--group", "sre").output
    assert "allowed (exempt: y)" in _run(*arguments, "--user", "bob").output


def test_fail_on_warn(tmp_path: Path) -> None:
    """A warning does not fail unless it is asked to."""
    path = tmp_path / "tag.yaml"
    path.write_text(_MANIFEST.replace("app:1", "app:latest"))
    assert (_run(path).exit_code, _run(path, "--fail-on-warn").exit_code) == (0, 1)


def test_a_job_that_only_reports(tmp_path: Path) -> None:
    """With --exit-zero a denial is reported without failing; an invalid input still fails."""
    path = tmp_path / "tag.yaml"
    path.write_text(_INSECURE)
    assert _run(path).exit_code == 1
    done = _run(path, "--exit-zero")
    assert (done.exit_code, "1 denied" in done.stdout) == (0, True)
    assert _run(tmp_path / "nothing.yaml", "--exit-zero").exit_code == 2


def test_evaluates_what_the_defaults_make(tmp_path: Path) -> None:
    """A rule that asks for what a default sets is content, as in a cluster."""
    policy = _policy(
        tmp_path / "policy.yaml",
        "spec: {defaults: [{name: d, set: {importPolicy: {importMode: PreserveOriginal}}}], "
        "rules: [{name: a, importPolicy: {importMode: [PreserveOriginal]}}]}\n",
    )
    (tmp_path / "tag.json").write_text(json.dumps(istag_of(tag_of(docker("nginx:1")))))
    assert _run(tmp_path / "tag.json", "--policy", policy).exit_code == 0


def test_every_recorded_review() -> None:
    """All recorded reviews can be checked in one call."""
    done = _run(*REVIEWS.glob("*validate.json"))
    assert (done.exit_code, done.stderr) == (1, "")


def test_colours(tag: Path) -> None:
    """Colours are for a terminal, and not where NO_COLOR is set."""
    command = [str(Path(sys.executable).with_name("istag-webhook")), "check", str(tag)]
    script = shutil.which("script")
    assert script is not None
    on_terminal = [script, "-qec", " ".join(command), "/dev/null"]
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    said = {
        "pipe": subprocess.run(command, capture_output=True, check=True, env=environment),
        "terminal": subprocess.run(on_terminal, capture_output=True, check=True, env=environment),
        "none": subprocess.run(on_terminal, capture_output=True, check=True, env={**environment, "NO_COLOR": "1"}),
    }
    assert {where: b"\x1b[32mallowed\x1b[0m" in done.stdout for where, done in said.items()} == {
        "pipe": False, "terminal": True, "none": False,
    }  # fmt: skip


def test_a_table_on_a_terminal(tag: Path) -> None:
    """A terminal is shown aligned columns in its width; a pipe a line for each finding, which tools can read."""
    program = str(Path(sys.executable).with_name("istag-webhook"))
    command, wide = ["script", "-qec", f"{program} check {tag.name}", "/dev/null"], {**os.environ, "COLUMNS": "250"}
    shown = subprocess.run(command, capture_output=True, check=True, text=True, env=wide, cwd=tag.parent).stdout
    head, *rows = click.unstyle(shown).splitlines()
    assert head.split() == ["VERDICT", "MODE", "TAG", "RULE", "PLACE", "MESSAGE"]
    assert rows[0].split()[:3] == ["allowed", "audit", "prod/app:live"]
    assert rows[0].index("tag.from.name: ") == head.index("MESSAGE")
    assert _run(tag).stdout.startswith(f"{tag}:1: prod/app:live: allowed\n  audit: {tag}:")


def test_output(tmp_path: Path, tag: Path) -> None:
    """A report goes to a file as a whole, without colours; one that cannot be written is said."""
    done = _run(tag, "--output", tmp_path / "report", "--format", "table")
    assert (done.exit_code, done.stdout) == (0, "")
    assert (tmp_path / "report").read_text().startswith(f"{tag}:1: prod/app:live: allowed\n")
    done = _run(tag, "--output", tmp_path / "missing" / "report")
    assert (done.exit_code, done.stderr) == (
        2,
        f"{tmp_path}/missing/report: cannot be written: No such file or directory\n",
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report", "tag.yaml"]


def test_output_to_a_device(tag: Path) -> None:
    """An output that is not a regular file is written to and not replaced; a full device is reported."""
    before = Path("/dev/null").stat().st_rdev
    assert _run(tag, "--output", "/dev/null").exit_code == 0
    assert Path("/dev/null").stat().st_rdev == before
    done = _run(tag, "--output", "/dev/full")
    assert (done.exit_code, done.stderr) == (2, "/dev/full: cannot be written: No space left on device\n")


def test_a_report_that_breaks_off_leaves_the_old_one(tmp_path: Path, tag: Path) -> None:
    """A report that cannot be finished takes nothing away, and leaves nothing half written."""
    report = tmp_path / "report"
    report.write_text("the last one")
    limited = f"ulimit -f 1; exec {Path(sys.executable).with_name('istag-webhook')} check {' '.join([str(tag)] * 50)}"
    command = ["bash", "-c", f"trap '' XFSZ; {limited} --output {report} --format yaml"]
    # The coverage measurement writes files too.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (2, f"{report}: cannot be written: File too large\n")
    assert report.read_text() == "the last one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report", "tag.yaml"]


def test_hostile_names(tmp_path: Path) -> None:
    """No control character of a manifest reaches a terminal, whatever stands in it."""
    name = "app:a\x1b[31m\u202eb\n::error::x"
    path = tmp_path / "tag.json"
    path.write_text(
        json.dumps({**istag_of(tag_of(docker("x\x07y"))), "metadata": {"name": name, "namespace": "\x1b]0;x\x07"}})
    )
    for format_ in ("table", "yaml", "junit", "sarif", "github", "json"):
        done = _run(path, "--format", format_)
        assert done.exit_code == 1
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.stdout + done.stderr), format_


def test_a_check_reads_no_more_than_it_needs(tag: Path) -> None:
    """A check of one file imports neither server, metrics nor cryptography, nor a format that was not asked for."""
    code = "import sys; from webhook.cli.main import main; main(standalone_mode=False)"
    listed = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
    done = subprocess.run(
        [sys.executable, "-c", listed + code, "check", str(tag)], capture_output=True, text=True, check=True
    )
    modules = set(done.stderr.split())
    assert "webhook.report.table" in modules
    assert not modules & {
        "flask", "gunicorn", "cryptography", "prometheus_client", "webhook.report.sarif", "webhook.report.pipelines",
        "kubernetes", "jinja2", "concurrent.futures.process", "hypothesis",
    }  # fmt: skip
