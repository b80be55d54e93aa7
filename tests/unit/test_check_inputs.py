"""`check`: every object in a file is evaluated, or the report says that it was not and why."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from tests.support.builders import without_columns
from tests.support.paths import DATA

from webhook.cli.main import main
from webhook.evaluate.pieces import TYPES as KINDS
from webhook.schemas.schema import Document

_API = json.loads((DATA / "api-fields.json").read_text())["types"]


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def _report(*arguments: str | Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(_run(*arguments, "--format", "json").stdout)
    return report


def _enforced(report: dict[str, Any]) -> list[tuple[str, int]]:
    return [
        (each["field"], each["line"])
        for outcome in report["outcomes"]
        for each in outcome["findings"]
        if each["mode"] == "enforce"
    ]


_STREAM = """\
apiVersion: image.openshift.io/v1
kind: ImageStream
metadata: {name: app}
spec:
  tags:
  - name: live
    from: {kind: DockerImage, name: "quay.io/acme/app:1"}
    importPolicy: {insecure: true}
"""


def _indented(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())


def _template(parameters: str, name: str, scheduled: str = "false", version: str = "image.openshift.io/v1") -> str:
    return f"""\
apiVersion: template.openshift.io/v1
kind: Template
metadata: {{name: shop}}
parameters: [{parameters}]
objects:
- apiVersion: {version}
  kind: ImageStream
  metadata: {{name: shop, namespace: elsewhere}}
  spec:
    tags:
    - name: live
      from: {{kind: DockerImage, name: "{name}"}}
      importPolicy: {{insecure: true, scheduled: "{scheduled}"}}
- apiVersion: v1
  kind: Secret
  metadata: {{name: s}}
  stringData: {{password: "${{PASSWORD}}"}}
"""


@pytest.mark.parametrize("version", ["image.openshift.io/v1", "v1"])
def test_objects_of_a_template(tmp_path: Path, version: str) -> None:
    """Parameters have their defaults, `--param` wins, and a finding has its line in the template."""
    parameters = (
        "{name: TAG, value: '1'}, {name: S, value: 'true'}, {name: PASSWORD, generate: expression, from: '[a-z]{8}'}"
    )
    path = tmp_path / "t.yaml"
    path.write_text(_template(parameters, "quay.io/acme/app:${TAG}", "${{S}}", version))
    report = _report(path)
    assert _enforced(report) == [("spec.tags[0].importPolicy.insecure", 13)]
    stream, secret = report["outcomes"]
    assert (stream["namespace"], stream["tags"][0]["to"], secret["message"]) == (
        "default",
        "DockerImage quay.io/acme/app:1",
        "Secret of v1",
    )
    given = _report(path, "--param", "TAG=latest")["outcomes"][0]
    assert given["tags"][0]["to"] == "DockerImage quay.io/acme/app:latest"


@pytest.mark.parametrize(
    ("parameter", "places"),
    [
        pytest.param("{name: TAG, required: true}", ["4: the parameter TAG is required", "12: spec.tags[0]"], id="required"),
        pytest.param("{name: TAG, generate: expression, from: x}", ["12: spec.tags[0]"], id="generated"),
        pytest.param("{name: TAG}", ["12: spec.tags[0]"], id="empty"),
    ],
)  # fmt: skip
def test_parameters_without_a_value(tmp_path: Path, parameter: str, places: list[str]) -> None:
    """A reference that needs a parameter without a value is an error, which names the option to give."""
    path = tmp_path / "t.yaml"
    path.write_text(_template(parameter, "quay.io/acme/app:${TAG}"))
    done = _run(path)
    lines = [without_columns(line).removeprefix(f"{path}:") for line in done.stderr.splitlines()]
    assert done.exit_code == 2
    assert [line[: len(place)] for line, place in zip(lines, places, strict=True)] == places
    assert all(line.endswith("set it with --param TAG=VALUE") for line in lines)
    assert _run(path, "--param", "TAG=1").exit_code == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["--param", "TGA=1"], "--param TGA: no template declares this parameter\n"),
        (["--param", "TAG"], 'expected NAME=VALUE, got "TAG"'),
        (["--param", "TAG=1", "--param", "TAG=2"], "TAG: expected one value, got two"),
    ],
    ids=["unknown", "no-value", "twice"],
)
def test_wrong_parameters(tmp_path: Path, given: list[str], sentence: str) -> None:
    """A parameter that is misspelt does not go unseen."""
    path = tmp_path / "t.yaml"
    path.write_text(_template("{name: TAG, value: '1'}", "quay.io/acme/app:${TAG}"))
    done = _run(path, *given)
    assert done.exit_code == 2
    assert sentence in done.stderr


@pytest.mark.parametrize(
    ("version", "kind", "above", "by"),
    [
        ("hive.openshift.io/v1", "SyncSet", "spec:\n  resources:\n  -\n", 4),
        ("hive.openshift.io/v1", "SelectorSyncSet", "spec:\n  resources:\n  -\n", 4),
        ("work.open-cluster-management.io/v1", "ManifestWork", "spec:\n  workload:\n    manifests:\n    -\n", 6),
        ("policy.open-cluster-management.io/v1", "ConfigurationPolicy", "spec:\n  object-templates-raw: |\n", 4),
        ("helm.cattle.io/v1", "HelmChart", "spec:\n  extra: |\n", 4),
        ("v1", "ConfigMap", "data:\n  stream.yaml: |\n", 4),
        ("example.com/v1", "Whatever", "a:\n  b:\n    c:\n", 6),
    ],
)
def test_wrappers(tmp_path: Path, version: str, kind: str, above: str, by: int) -> None:
    """An object that contains image streams is skipped with a warning, and is an error with --strict."""
    path = tmp_path / "w.yaml"
    path.write_text(f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n{above}{_indented(_STREAM, by)}")
    done = _run(path)
    said = f"{kind} of {version}: contains image streams that were not evaluated"
    assert done.exit_code == 0
    assert f"warning: {said}" in done.stderr
    assert f"skipped: 1 ({said}: 1)" in done.stdout
    strict = _run(path, "--strict")
    assert (strict.exit_code, said in strict.stderr) == (2, True)


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nrules: [{apiGroups: [image.openshift.io], resources: [imagestreams]}]\n",
        "apiVersion: build.openshift.io/v1\nkind: BuildConfig\nspec: {output: {to: {kind: ImageStreamTag, name: 'a:b', apiVersion: image.openshift.io/v1}}}\n",
    ],
    ids=["role", "reference"],
)
def test_what_only_names_image_streams(tmp_path: Path, text: str) -> None:
    """A reference to an image stream contains none."""
    path = tmp_path / "x.yaml"
    path.write_text(text)
    assert _run(path, "--strict").exit_code == 0


def test_hidden_directories(tmp_path: Path) -> None:
    """Hidden directories are searched, but neither .git nor the versions of a mounted ConfigMap."""
    for name in (".openshift/a.yaml", "b/.k8s/.b.yaml", ".git/c.yaml", "..2026_01_31/d.yaml", "e/.git/e.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(_STREAM)
    found = [Path(each["file"]).relative_to(tmp_path).as_posix() for each in _report(tmp_path)["outcomes"]]
    assert found == [".openshift/a.yaml", "b/.k8s/.b.yaml"]


@pytest.mark.parametrize(
    ("globs", "left"),
    [
        (["chart"], ["a.yaml", "b/a.yaml"]),
        (["b/chart/"], ["a.yaml", "b/a.yaml"]),
        (["./b/**"], ["a.yaml"]),
        (["**/a.yaml"], ["b/chart/c.yaml"]),
        (["*.yaml"], []),
        (["a.yaml", "chart"], []),
        (["nothing"], ["a.yaml", "b/a.yaml", "b/chart/c.yaml"]),
    ],
)
def test_exclude(tmp_path: Path, globs: list[str], left: list[str]) -> None:
    """An excluded file is not read, and is counted."""
    for name in ("a.yaml", "b/a.yaml", "b/chart/c.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(_STREAM)
    report = _report(tmp_path, *(each for glob in globs for each in ("--exclude", glob)))
    evaluated = [each for each in report["outcomes"] if each["verdict"] != "skip"]
    assert [Path(each["file"]).relative_to(tmp_path).as_posix() for each in evaluated] == left
    assert report["summary"]["notEvaluated"].get("excluded by --exclude", 0) > 0 or len(left) == 3


def test_exclude_a_file_that_is_named(tmp_path: Path) -> None:
    """As a pre-commit hook names files."""
    path = tmp_path / "chart" / "a.yaml"
    path.parent.mkdir()
    path.write_text("{{ broken")
    assert _run(path, "--exclude", "chart").exit_code == 0


@pytest.mark.parametrize(
    "text",
    [
        "{{- if .Values.stream }}\n" + _STREAM + "{{- end }}\n",
        _STREAM.replace("name: app", "name: {{ .Release.Name }}"),
        _STREAM.replace("name: app", 'name: "{{ .Release.Name }}"'),
        _STREAM.replace("quay.io/acme/app:1", "{{ image }}"),
    ],
    ids=["if", "value", "quoted", "jinja"],
)
def test_helm_templates(tmp_path: Path, text: str) -> None:
    """A template is skipped with the command that renders it, and the other files are evaluated."""
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / "b.yaml").write_text(_STREAM)
    done = _run(tmp_path)
    assert done.exit_code == 1
    assert f"{tmp_path}/a.yaml:" in done.stderr
    assert "helm template CHART | istag-webhook check -" in done.stderr
    assert "1 evaluated: 0 allowed, 1 denied" in done.stdout
    assert _run(tmp_path, "--strict").exit_code == 2


@pytest.mark.parametrize(
    "action",
    ["# {{ a comment }}\n", "  annotations: {note: '{{ x }}'}\n"],
    ids=["comment", "annotation"],
)
def test_an_action_does_not_hide_a_manifest(tmp_path: Path, action: str) -> None:
    """A readable and complete object is evaluated."""
    path = tmp_path / "a.yaml"
    path.write_text(_STREAM.replace("metadata: {name: app}\n", "metadata:\n  name: app\n" + action))
    assert _run(path).exit_code == 1


_FLOW = "{apiVersion: image.openshift.io/v1, kind: ImageStream, metadata: {name: app}, spec: {tags: [{name: live, from: {kind: DockerImage, name: 'quay.io/a/b:1'}, importPolicy: {insecure: true}}]}}"
_JSON = json.dumps(yaml.safe_load(_FLOW))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (_FLOW, [1]),
        (f"{_FLOW}\n---\n{_FLOW}\n", [1, 3]),
        (f"{_JSON}\n---\n{_JSON}\n", [1, 3]),
        (f"{_JSON}\n---\n\n{_FLOW}\n--- # next\n{_STREAM}", [1, 4, 13]),
        (f"{_JSON}{_JSON}\n{_JSON}", [1, 1, 2]),
        (f"---\n{_JSON}\n---\n{_JSON}\n", [2, 4]),
    ],
    ids=["flow", "flows", "json", "mixed", "json-without", "json-begins"],
)
def test_flow_and_separated(tmp_path: Path, text: str, lines: list[int]) -> None:
    """YAML in flow style and JSON documents between `---` are read as kustomize and Argo CD do."""
    path = tmp_path / "a.yaml"
    path.write_text(text)
    assert [line for _, line in _enforced(_report(path))] == lines


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ('"labels": {},\n "labels": {}', "3:2: metadata.labels: duplicate key"),
        ('"labels": {"a":\n 99999999999999999999999}', "3:2: metadata.labels.a: expected a value"),
        ('"generation":\n99999999999999999999999', "3:1: metadata.generation: expected a value"),
    ],
    ids=["twice", "number-in-labels", "number"],
)
def test_faults_in_json(tmp_path: Path, wrong: str, place: str) -> None:
    """A fault that is no fault of syntax has its place and path, and the next document is evaluated."""
    document = (
        '{"apiVersion": "image.openshift.io/v1", "kind": "ImageStream", "metadata":\n{"name": "x", ' + wrong + "}}\n"
    )
    path = tmp_path / "a.json"
    path.write_text(document + _JSON)
    done = _run(path)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"{path}:{place}")
    assert ": denied" in done.stdout


def test_fail_on_empty(tmp_path: Path) -> None:
    """A pipeline that evaluates nothing can be made to fail."""
    path = tmp_path / "a.yaml"
    path.write_text("apiVersion: v1\nkind: Service\nmetadata: {name: s}\n")
    done = _run(path, "--fail-on-empty")
    assert (_run(path).exit_code, done.exit_code) == (0, 2)
    assert "no object was evaluated" in done.stderr
    path.write_text(_STREAM)
    assert _run(path, "--fail-on-empty").exit_code == 1


@pytest.mark.parametrize(
    ("change", "path", "meant"),
    [
        (("spec:", "specs:"), "specs", "spec"),
        (("insecure", "insecured"), "spec.tags[0].importPolicy.insecured", "spec.tags[0].importPolicy.insecure"),
        (("importPolicy", "importpolicy"), "spec.tags[0].importpolicy", "spec.tags[0].importPolicy"),
        (("  tags:", "  importPolicy: {}\n  tags:"), "spec.importPolicy", "spec.tags[].importPolicy"),
        (("name: app", "name: app, label: {}"), "metadata.label", "metadata.labels"),
        (("kind: DockerImage", "Kind: x, kind: DockerImage"), "spec.tags[0].from.Kind", "spec.tags[0].from.kind"),
        (("spec:", "zzz: 1\nspec:"), "zzz", ""),
    ],
)
def test_unknown_fields(tmp_path: Path, change: tuple[str, str], path: str, meant: str) -> None:
    """A field that the API does not have is a warning that names the one that was meant; an error with --strict."""
    file = tmp_path / "a.yaml"
    file.write_text(_STREAM.replace(*change, 1))
    (outcome,) = _report(file)["outcomes"]
    (found,) = [each for each in outcome["findings"] if each["rule"] == "unknown-field"]
    hint = f"; did you mean {meant}?" if meant else ""
    assert (found["field"], found["mode"], found["message"]) == (path, "warn", f"unknown field{hint}")
    line = file.read_text().splitlines()[found["line"] - 1]
    assert line[found["column"] - 1 :].startswith(path.rpartition(".")[2])
    strict = _run(file, "--strict")
    assert (strict.exit_code, f"{path}: unknown field" in strict.stderr) == (2, True)


def _documents(kind: str, document: Document) -> dict[str, Document]:
    """Return the documents of the types below one, by the names of the API's types."""
    found = {kind: document}
    for field in _API[kind]:
        inner = field["type"].removeprefix("[]")
        if inner in _API and field["name"] in document.below:
            found |= _documents(inner, document.below[field["name"]])
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_fields_are_those_of_the_api(kind: str) -> None:
    """Each of our schemas has the fields that openshift-apiserver serves, checked or not."""
    inline = {"apiVersion", "kind", "organization", "commonName"}  # of TypeMeta and SignatureGenericEntity
    dropped = {"ImageStreamMapping": {"dockerImageRepository"}}  # by v1; the internal type has it
    for name, document in _documents(kind, KINDS[kind]).items():
        served = {field["name"] for field in _API[name]}
        assert document.names - inline - dropped.get(name, set()) == served, name
